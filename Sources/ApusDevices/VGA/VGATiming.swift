import ApusBase

/// When the beam is where, as the CRT controller's registers make it. Virtual time 0 is the first dot of a
/// frame.
struct VGATiming: Equatable {
  /// Dots a second.
  private(set) var dotClock: UInt64
  private(set) var dotsPerLine: UInt64
  private(set) var linesPerFrame: UInt64
  private(set) var displayedDots: UInt64
  private(set) var displayedLines: UInt64
  /// The scan lines of the vertical retrace pulse.
  private(set) var retrace: Range<UInt64>

  /// The timing of 720×400 text, for registers that no monitor could follow: programs that wait for a retrace
  /// have to go on whatever they have programmed.
  static let standard = VGATiming(
    dotClock: 28_322_000, dotsPerLine: 900, linesPerFrame: 449, displayedDots: 720, displayedLines: 400,
    retrace: 412..<414)

  private init(
    dotClock: UInt64, dotsPerLine: UInt64, linesPerFrame: UInt64, displayedDots: UInt64,
    displayedLines: UInt64, retrace: Range<UInt64>
  ) {
    self.dotClock = dotClock
    self.dotsPerLine = dotsPerLine
    self.linesPerFrame = linesPerFrame
    self.displayedDots = displayedDots
    self.displayedLines = displayedLines
    self.retrace = retrace
  }

  /// IBM Video Subsystem Technical Reference, "Miscellaneous Output Register" (clock select), "Clocking Mode
  /// Register" and "CRT Controller Registers". The clocks that it leaves to a feature connector are 25.175 MHz.
  init(crtc: IndexedRegisters, clockingMode: UInt8, miscellaneousOutput: UInt8) {
    let dotClock: UInt64 = miscellaneousOutput.bits(3, 2) == 1 ? 28_322_000 : 25_175_000
    let character = UInt64(clockingMode.bit(0) ? 8 : 9) << (clockingMode.bit(3) ? 1 : 0)
    let line = (UInt64(crtc[CRTCRegister.horizontalTotal]) + 5) * character
    let shown = (UInt64(crtc[CRTCRegister.horizontalDisplayEnableEnd]) + 1) * character
    // Mode control bit 2 clocks the vertical counter by every second line.
    let doubling: UInt64 = crtc[CRTCRegister.modeControl].bit(2) ? 2 : 1
    let lines = UInt64(crtc.verticalTotal + 2) * doubling
    let start = UInt64(crtc.verticalRetraceStart) * doubling
    // The pulse ends when the low four bits of the line counter match.
    let end = Int(crtc[CRTCRegister.verticalRetraceEnd].bits(3, 0))
    let length = UInt64((end - crtc.verticalRetraceStart - 1) & 15 + 1) * doubling
    let shownLines = UInt64(crtc.verticalDisplayEnd + 1) * doubling
    let rate = dotClock / (line * lines)
    guard rate >= 20 && rate <= 250 && shown < line && shownLines < lines && start < lines else {
      self = .standard
      return
    }
    self.init(
      dotClock: dotClock, dotsPerLine: line, linesPerFrame: lines, displayedDots: shown,
      displayedLines: shownLines, retrace: start..<min(start + length, lines))
  }

  var dotsPerFrame: UInt64 { dotsPerLine * linesPerFrame }

  /// The number of whole frames before `now`.
  func frame(at now: VirtualTime) -> UInt64 { now.cycles(at: dotClock) / dotsPerFrame }

  /// The number of frames whose last displayed line was over before `now`.
  func displayedFrames(at now: VirtualTime) -> UInt64 {
    let dots = now.cycles(at: dotClock)
    let end = displayedLines * dotsPerLine
    return dots / dotsPerFrame + (dots % dotsPerFrame >= end ? 1 : 0)
  }

  /// Whether the vertical retrace pulse is on, and whether a displayed dot is being drawn.
  func beam(at now: VirtualTime) -> (isInVerticalRetrace: Bool, isDisplaying: Bool) {
    let dot = now.cycles(at: dotClock) % dotsPerFrame
    let line = dot / dotsPerLine
    return (
      retrace.contains(line), line < displayedLines && dot % dotsPerLine < displayedDots
    )
  }
}
