import ApusBase
import ApusDevices

/// Shows the guest's screen on the terminal of standard output.
final class TerminalDisplay {
  /// Nanoseconds of real time between two drawings.
  static let interval: UInt64 = 33_000_000

  private let vga: VGA
  private var canvas = TerminalCanvas()
  private var frame = ScreenFrame()
  /// What the drawing followed from; without a phase, nothing in it changes by itself.
  private var drawn: (changes: UInt64, phase: UInt64?)?
  private var lastDrawing: UInt64 = 0
  /// The terminal shows the screen; otherwise it is the serial port's.
  private(set) var isShown = false
  /// The screen is shown as soon as there is a picture.
  private var waitsForPicture: Bool
  /// Lines of the runner's own over the lower edge.
  private var message: [String] = []
  /// What went wrong with standard output: an `errno` value, or 0.
  private(set) var failure: Int32 = 0

  /// `waitsForPicture` leaves the terminal to the serial port until the guest uses the adapter.
  init(_ vga: VGA, waitsForPicture: Bool) {
    self.vga = vga
    self.waitsForPicture = waitsForPicture
  }

  /// Takes the terminal, or leaves it to the serial port.
  func show(_ isWanted: Bool) {
    waitsForPicture = false
    guard isWanted != isShown else { return }
    isShown = isWanted
    if isWanted {
      redraw()
      Terminal.takeScreen()
    } else {
      Terminal.leaveScreen()
    }
  }

  /// The next drawing is of everything: the terminal's size changed, or somebody else wrote to it.
  func redraw() {
    canvas.invalidate()
    drawn = nil
  }

  /// Shows a text over the screen, or takes it away.
  func show(message text: String?) {
    let lines = (text ?? "").split(separator: "\n").map(String.init)
    guard lines != message else { return }
    message = lines
    drawn = nil
  }

  /// The process continues after it was stopped.
  func resume() {
    guard isShown else { return }
    Terminal.takeScreen()
    redraw()
  }

  /// Whether the screen should be shown now for the first time.
  var becomesVisible: Bool { waitsForPicture && !isShown && vga.isPictureOn }

  /// When the next drawing is due, by the monotonic clock, at the guest's time `now`; nil if nothing has
  /// changed.
  func deadline(at now: VirtualTime) -> UInt64? {
    guard isShown else { return nil }
    if let drawn, drawn.changes == vga.changeCount,
      drawn.phase == nil || drawn.phase == vga.blinkPhase(at: now)
    {
      return nil
    }
    return lastDrawing + Self.interval
  }

  /// Draws what has changed, if it is time. `now` is the guest's time, `real` the monotonic clock's.
  func update(at now: VirtualTime, real: UInt64) {
    guard let deadline = deadline(at: now), real >= deadline || lastDrawing == 0 else { return }
    // A terminal that is slow, or stopped, does not hold up the guest.
    guard failure == 0, Host.wait(reading: nil, writing: 1, timeout: 0).writable else { return }
    lastDrawing = real
    let phase = vga.blinkPhase(at: now)
    drawn = (vga.changeCount, nil)
    let size = Terminal.size ?? (80, 25)
    var picture: TerminalPicture
    if let screen = vga.textScreen() {
      picture = TerminalPicture(
        screen, hidesBlinking: phase & 2 != 0, columns: size.columns, rows: size.rows)
      // The cursor blinks without us.
      if screen.blinks && screen.cells.contains(where: { $0 & 0x8000 != 0 }) { drawn?.phase = phase }
    } else if vga.isPictureOn {
      if vga.blinks { drawn?.phase = phase }
      vga.render(into: &frame, at: now)
      picture = TerminalPicture(
        width: frame.width, height: frame.height, pixels: frame.pixels, columns: size.columns,
        rows: size.rows)
    } else {
      picture = TerminalPicture(columns: size.columns, rows: size.rows)
    }
    picture.overlay(message)
    let result = Host.write(canvas.draw(picture), to: 1, patience: .atMost(1_000_000_000))
    if result.error != 0 {
      if Host.isInterruption(result.error) { redraw() } else { failure = result.error }
    }
  }
}
