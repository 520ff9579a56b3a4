import ApusBase
import ApusDevices
import ApusMachine

/// Shows the guest's screen to VNC viewers and takes their keys and pointers. Nothing here waits for a
/// client.
final class VNCServer {
  enum Input {
    case key(Key, isDown: Bool)
    /// Movement right and down, the wheel's towards the user, and buttons as the PS/2 mouse counts them.
    case mouse(x: Int, y: Int, wheel: Int, buttons: UInt8)
  }

  /// Connections at a time.
  private static let largestCount = 8
  /// Nanoseconds of real time within which a client has to be let in.
  private static let patience: UInt64 = 20_000_000_000
  /// Nanoseconds of real time between two pictures.
  private static let interval: UInt64 = 33_000_000
  /// The most that is sent to a client at a time.
  private static let sendSize = 256 << 10

  private final class Client {
    let descriptor: Int32
    let since: UInt64
    var connection: RFBConnection
    var keyboard = RemoteKeyboard()
    var pointer: (x: Int, y: Int)?
    var buttons: UInt8 = 0
    /// The picture that it was last offered.
    var seen: UInt64?
    var isBroken = false

    init(_ descriptor: Int32, _ since: UInt64, _ connection: RFBConnection) {
      self.descriptor = descriptor
      self.since = since
      self.connection = connection
    }
  }

  private let vga: VGA
  private let listeners: [Int32]
  private let password: [UInt8]?
  private var clients: [Client] = []
  private var frame = ScreenFrame()
  private var picture: RFBPicture?
  /// What the picture was drawn from, and its number.
  private var drawn: (changes: UInt64, phase: UInt64?)?
  private var number: UInt64 = 0
  private var lastDrawing: UInt64 = 0

  /// Listens at an address.
  init(_ vga: VGA, _ address: VNCAddress, password: [UInt8]?) throws(Failure) {
    self.vga = vga
    self.password = password
    listeners = try HostSocket.listen(host: address.host, port: address.port, purpose: "--vnc")
  }

  deinit {
    for listener in listeners { HostSocket.close(listener) }
    for client in clients { HostSocket.close(client.descriptor) }
  }

  /// What to wait for.
  var interests: [Host.Interest] {
    // Who is one too many waits until another goes.
    let isOpen = clients.count < Self.largestCount
    return listeners.map { Host.Interest(descriptor: $0, reads: isOpen) }
      + clients.map {
        Host.Interest(
          descriptor: $0.descriptor, reads: !$0.connection.isClosing, writes: $0.connection.hasOutput)
      }
  }

  /// Does what can be done at once, with what `interests` waited for. Returns what the viewers did.
  func serve(_ ready: [Host.Readiness], at real: UInt64, hasCapsLock: Bool) -> [Input] {
    var inputs: [Input] = []
    // In the order of `interests`.
    for (client, readiness) in zip(clients, ready.dropFirst(listeners.count)) {
      if readiness.readable { receive(client, hasCapsLock, &inputs) }
      if readiness.writable { send(client) }
      if !client.connection.isReady && real > client.since + Self.patience { client.isBroken = true }
      if client.connection.isClosing && !client.connection.hasOutput { client.isBroken = true }
    }
    for client in clients where client.isBroken {
      inputs += client.keyboard.releaseAll().map { .key($0.key, isDown: $0.isDown) }
      if client.buttons != 0 { inputs.append(.mouse(x: 0, y: 0, wheel: 0, buttons: 0)) }
      HostSocket.close(client.descriptor)
    }
    clients.removeAll { $0.isBroken }
    for (listener, readiness) in zip(listeners, ready) where readiness.readable { accept(listener, real) }
    return inputs
  }

  private func accept(_ listener: Int32, _ real: UInt64) {
    guard clients.count < Self.largestCount, let descriptor = HostSocket.accept(listener) else { return }
    draw(at: nil, real)
    var random = SystemRandomNumberGenerator()
    let challenge = (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
    let size = picture.map { ($0.width, $0.height) } ?? (720, 400)
    let connection = RFBConnection(width: size.0, height: size.1, password: password, challenge: challenge)
    let client = Client(descriptor, real, connection)
    clients.append(client)
    send(client)
  }

  private func receive(_ client: Client, _ hasCapsLock: Bool, _ inputs: inout [Input]) {
    // One read a time, so that a client that never stops sending leaves time for the guest.
    guard let bytes = HostFile.readSome(client.descriptor) else {
      client.isBroken = true
      return
    }
    client.connection.receive(bytes)
    for event in client.connection.takeEvents() {
      switch event {
      case .key(let keysym, let isDown):
        inputs += client.keyboard.change(keysym, isDown: isDown, hasCapsLock: hasCapsLock)
          .map { .key($0.key, isDown: $0.isDown) }
      case .pointer(let x, let y, let buttons):
        let last = client.pointer ?? (x, y)
        client.pointer = (x, y)
        inputs.append(mouse(client, x - last.x, y - last.y, buttons))
      case .motion(let dx, let dy, let buttons): inputs.append(mouse(client, dx, dy, buttons))
      }
    }
    send(client)
  }

  private func mouse(_ client: Client, _ dx: Int, _ dy: Int, _ buttons: UInt8) -> Input {
    let pressed = buttons & ~client.buttons
    client.buttons = buttons
    let wheel = (pressed & 0x10 != 0 ? 1 : 0) - (pressed & 0x08 != 0 ? 1 : 0)
    // RFB counts left, middle, right; the mouse left, right, middle.
    return .mouse(x: dx, y: dy, wheel: wheel, buttons: buttons & 1 | (buttons & 4) >> 1 | (buttons & 2) << 1)
  }

  private func send(_ client: Client) {
    guard let count = HostSocket.send(client.connection.pending(Self.sendSize), to: client.descriptor) else {
      client.isBroken = true
      return
    }
    client.connection.sent(count)
  }

  // MARK: The picture

  /// Whether somebody waits for a picture that is not the one drawn last.
  private func isWanted(at now: VirtualTime) -> Bool {
    let isNew =
      !(drawn.map { state in
        state.changes == vga.changeCount && (state.phase == nil || state.phase == vga.blinkPhase(at: now))
      } ?? false)
    return clients.contains { client in
      client.connection.needsPicture || client.connection.wantsPicture && (isNew || client.seen != number)
    }
  }

  /// When a picture is to be sent, by the monotonic clock; nil if nobody waits for one.
  func deadline(at now: VirtualTime) -> UInt64? { isWanted(at: now) ? lastDrawing + Self.interval : nil }

  /// When a client that has not been let in is given up; nil if there is none.
  var handshakeDeadline: UInt64? {
    clients.lazy.filter { !$0.connection.isReady }.map { $0.since + Self.patience + 1 }.min()
  }

  /// Sends pictures to those that wait, if it is time.
  func update(at now: VirtualTime, real: UInt64) {
    guard !clients.isEmpty, real >= lastDrawing + Self.interval || lastDrawing == 0, isWanted(at: now) else {
      return
    }
    draw(at: now, real)
    guard let picture else { return }
    for client in clients where client.connection.wantsPicture {
      client.seen = number
      client.connection.update(picture)
      send(client)
    }
  }

  /// Draws the picture, unless nothing has changed. Without a time the last one will do, if there is one.
  private func draw(at now: VirtualTime?, _ real: UInt64) {
    if now == nil && picture != nil { return }
    let time = now ?? 0
    let phase = vga.blinkPhase(at: time)
    if let drawn, drawn.changes == vga.changeCount, drawn.phase == nil || drawn.phase == phase { return }
    lastDrawing = real
    drawn = (vga.changeCount, vga.blinks ? phase : nil)
    number &+= 1
    vga.render(into: &frame, at: time)
    picture = RFBPicture(width: frame.width, height: frame.height, pixels: frame.pixels)
  }
}
