/// One client of the RFB protocol: bytes in, bytes and events out. Whatever a client sends, it costs no more
/// memory than a few messages and a picture.
/// Source: RFC 6143, "The Remote Framebuffer Protocol".
package struct RFBConnection {
  package enum Event: Equatable {
    /// A key by its X keysym.
    case key(UInt32, isDown: Bool)
    /// The place of the pointer, and buttons: bits 0 left, 1 middle, 2 right, 3 and 4 the wheel up and down.
    case pointer(x: Int, y: Int, buttons: UInt8)
    /// Movement right and down.
    case motion(dx: Int, dy: Int, buttons: UInt8)
  }

  private enum State: Equatable {
    case version, security, answer, initialization, messages
    /// Inside a text of the clipboard that is not wanted: this many bytes.
    case skipping(Int)
  }

  private enum Encoding {
    static let raw: Int32 = 0, hextile: Int32 = 5, desktopSize: Int32 = -223, pointerMotion: Int32 = -257
  }

  /// A tile that is compared with what the client has.
  private static let tileSize = 64
  private static let largestMessage = 4 + 4 * 65535

  /// What has to be sent.
  package private(set) var output: [UInt8] = []
  private var sentCount = 0
  /// What the client did.
  package private(set) var events: [Event] = []
  /// The connection ends once everything is sent.
  package private(set) var isClosing = false
  /// Whether the client has been let in.
  package var isReady: Bool {
    switch state {
    case .messages, .skipping: true
    default: false
    }
  }

  private var state = State.version
  private var input: [UInt8] = []
  private let password: [UInt8]?
  private let challenge: [UInt8]
  private var minorVersion = 8
  private var format = PixelFormat()
  private var sendsColorMap = false
  private var encodings: Set<Int32> = []
  private var reportedMotion = false
  /// What the client has; its size is the one the client knows.
  private var client: RFBPicture
  /// What the client has of it is not known.
  private var isStale = true
  /// What the client asked for, and whether only for changes.
  private var request: (area: RFBRectangle, isIncremental: Bool)?

  /// A client that sees a picture of `width` by `height` at first. With a password, it has to encrypt
  /// `challenge` (16 random bytes).
  package init(width: Int, height: Int, password: [UInt8]?, challenge: [UInt8]) {
    self.password = password
    self.challenge = challenge
    client = RFBPicture(width: width, height: height, pixels: .init(repeating: 0, count: width * height))
    output = Array("RFB 003.008\n".utf8)
  }

  /// What is still to be sent, at most `limit` bytes.
  package func pending(_ limit: Int) -> ArraySlice<UInt8> {
    output[sentCount..<min(output.count, sentCount + limit)]
  }
  package var hasOutput: Bool { sentCount < output.count }

  /// So many of the pending bytes are gone.
  package mutating func sent(_ count: Int) {
    sentCount = min(sentCount + max(count, 0), output.count)
    if sentCount == output.count {
      output = []
      sentCount = 0
    }
  }

  package mutating func takeEvents() -> [Event] {
    defer { events = [] }
    return events
  }

  // MARK: From the client

  /// Takes what the client sent.
  package mutating func receive(_ bytes: some Collection<UInt8>) {
    guard !isClosing else { return }
    input += bytes
    var place = 0
    while !isClosing, let length = step(input[place...]) { place += length }
    input.removeFirst(place)
    if input.count > Self.largestMessage { isClosing = true }
  }

  /// Does one message at the beginning of `bytes` and returns its length; nil if it is not complete.
  private mutating func step(_ bytes: ArraySlice<UInt8>) -> Int? {
    let first = bytes.startIndex
    switch state {
    case .version:
      guard bytes.count >= 12 else { return nil }
      readVersion(Array(bytes.prefix(12)))
      return 12
    case .security:
      guard let choice = bytes.first else { return nil }
      guard choice == (password == nil ? 1 : 2) else {
        return refuse("this security type was not offered", 1)
      }
      chooseSecurity()
      return 1
    case .answer:
      guard bytes.count >= 16 else { return nil }
      let expected = DES.answer(to: challenge, password: password ?? [])
      // All bytes are compared, so that the time says nothing about them.
      let difference = zip(bytes, expected).reduce(UInt8(0)) { $0 | $1.0 ^ $1.1 }
      guard difference == 0 else { return refuse("the password is wrong", 16) }
      output += [0, 0, 0, 0]
      state = .initialization
      return 16
    case .initialization:
      guard !bytes.isEmpty else { return nil }
      initialize()
      return 1
    case .skipping(let left):
      let count = min(left, bytes.count)
      guard count > 0 else { return nil }
      state = count == left ? .messages : .skipping(left - count)
      return count
    case .messages:
      guard let type = bytes.first, let length = length(of: type, bytes) else { return nil }
      guard bytes.count >= length else { return nil }
      read(type, bytes[first..<(first + length)])
      return length
    }
  }

  private mutating func readVersion(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    guard text.hasPrefix("RFB 003."), text.hasSuffix("\n"), let minor = Int(text.dropFirst(8).prefix(3))
    else {
      isClosing = true
      return
    }
    // "Other version numbers ... should be interpreted as 3.3."
    minorVersion = minor >= 8 ? 8 : minor == 7 ? 7 : 3
    if minorVersion >= 7 {
      output += [1, password == nil ? 1 : 2]
      state = .security
    } else {
      output += [0, 0, 0, password == nil ? 1 : 2]
      chooseSecurity()
    }
  }

  private mutating func chooseSecurity() {
    guard password == nil else {
      output += challenge
      state = .answer
      return
    }
    if minorVersion >= 8 { output += [0, 0, 0, 0] }
    state = .initialization
  }

  /// "SecurityResult Handshake": failed, with a reason since 3.8.
  private mutating func refuse(_ reason: String, _ length: Int) -> Int {
    output += [0, 0, 0, 1]
    if minorVersion >= 8 { output += Deflate.bigEndian(UInt32(reason.utf8.count)) + Array(reason.utf8) }
    isClosing = true
    return length
  }

  private mutating func initialize() {
    let name = Array("Apus".utf8)
    output += Self.word(client.width) + Self.word(client.height) + format.bytes
    output += Deflate.bigEndian(UInt32(name.count)) + name
    state = .messages
  }

  /// The length of a message; nil if its beginning does not tell yet. Unknown types end the connection.
  private mutating func length(of type: UInt8, _ bytes: ArraySlice<UInt8>) -> Int? {
    switch type {
    case 0: return 20
    case 2: return bytes.count < 4 ? nil : 4 + 4 * Self.number(bytes, 2)
    case 3: return 10
    case 4: return 8
    case 5: return 6
    case 6: return 8
    default:
      isClosing = true
      return nil
    }
  }

  private mutating func read(_ type: UInt8, _ bytes: ArraySlice<UInt8>) {
    let first = bytes.startIndex
    switch type {
    case 0:
      guard let wanted = PixelFormat(bytes[(first + 4)...]) else {
        isClosing = true
        return
      }
      format = wanted
      sendsColorMap = !wanted.isTrueColor
    case 2:
      encodings = []
      for place in stride(from: first + 4, to: bytes.endIndex, by: 4) {
        let value = bytes[place..<(place + 4)].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        let known = [Encoding.raw, Encoding.hextile, Encoding.desktopSize, Encoding.pointerMotion]
        if known.contains(Int32(bitPattern: value)) { encodings.insert(Int32(bitPattern: value)) }
      }
    case 3:
      let (x, y) = (Self.number(bytes, 2), Self.number(bytes, 4))
      let area = RFBRectangle(xs: x..<(x + Self.number(bytes, 6)), ys: y..<(y + Self.number(bytes, 8)))
      let isIncremental = bytes[first + 1] != 0
      request =
        request.map { ($0.area.union(area), $0.isIncremental && isIncremental) } ?? (area, isIncremental)
    case 4:
      let keysym = bytes[(first + 4)...].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      events.append(.key(keysym, isDown: bytes[first + 1] != 0))
    case 5:
      let (x, y) = (Self.number(bytes, 2), Self.number(bytes, 4))
      let buttons = bytes[first + 1]
      if reportedMotion {
        events.append(.motion(dx: x - 0x7FFF, dy: y - 0x7FFF, buttons: buttons))
      } else {
        events.append(.pointer(x: x, y: y, buttons: buttons))
      }
    default:
      let length = bytes[(first + 4)...].reduce(0) { $0 << 8 | Int($1) }
      if length > 0 { state = .skipping(length) }
    }
  }

  private static func number(_ bytes: ArraySlice<UInt8>, _ offset: Int) -> Int {
    Int(bytes[bytes.startIndex + offset]) << 8 | Int(bytes[bytes.startIndex + offset + 1])
  }

  private static func word(_ value: Int) -> [UInt8] {
    [UInt8(truncatingIfNeeded: value >> 8), UInt8(truncatingIfNeeded: value)]
  }

  // MARK: To the client

  /// Whether the client waits for a picture and could take it now.
  package var wantsPicture: Bool { isReady && !isClosing && request != nil && !hasOutput }

  /// Whether it waits for one whether or not there is something new.
  package var needsPicture: Bool { wantsPicture && (isStale || request?.isIncremental == false) }

  /// Sends what the client wants of a picture, if there is anything. The picture has at most 65535 pixels a
  /// side.
  package mutating func update(_ picture: RFBPicture) {
    guard wantsPicture, let request else { return }
    if sendsColorMap {
      sendsColorMap = false
      output += [1, 0, 0, 0, 1, 0] + PixelFormat.map
    }
    var rectangles: [(header: [UInt8], body: [UInt8])] = []
    if !reportedMotion && encodings.contains(Encoding.pointerMotion) {
      // QEMU's "Pointer Motion Change Pseudo-Encoding": what a mouse without a place of its own needs.
      reportedMotion = true
      let whole = RFBRectangle(xs: 0..<client.width, ys: 0..<client.height)
      rectangles.append((Self.header(whole, Encoding.pointerMotion), []))
    }
    let hasNewSize = picture.width != client.width || picture.height != client.height
    if hasNewSize && encodings.contains(Encoding.desktopSize) {
      // RFC 6143, "DesktopSize Pseudo-Encoding": the last rectangle; the contents come with the next update.
      client = RFBPicture(
        width: picture.width, height: picture.height,
        pixels: .init(repeating: 0, count: picture.width * picture.height))
      isStale = true
      let whole = RFBRectangle(xs: 0..<client.width, ys: 0..<client.height)
      rectangles.append((Self.header(whole, Encoding.desktopSize), []))
    } else {
      let shown = picture.fitted(width: client.width, height: client.height)
      rectangles += encode(shown, request)
    }
    guard !rectangles.isEmpty else { return }
    self.request = nil
    output += [0, 0] + Self.word(rectangles.count)
    for rectangle in rectangles { output += rectangle.header + rectangle.body }
  }

  private static func header(_ area: RFBRectangle, _ encoding: Int32) -> [UInt8] {
    word(area.xs.lowerBound) + word(area.ys.lowerBound) + word(area.xs.count) + word(area.ys.count)
      + Deflate.bigEndian(UInt32(bitPattern: encoding))
  }

  private mutating func encode(
    _ shown: RFBPicture, _ request: (area: RFBRectangle, isIncremental: Bool)
  ) -> [(header: [UInt8], body: [UInt8])] {
    let whole = RFBRectangle(xs: 0..<shown.width, ys: 0..<shown.height)
    let area = request.area.clipped(to: whole)
    let areas: [RFBRectangle]
    if isStale || !request.isIncremental {
      // A client that asks for a part only has the rest already, or asks for it later.
      areas = isStale ? [whole] : area.isEmpty ? [] : [area]
      isStale = false
    } else {
      areas = changes(shown)
    }
    client = shown
    return areas.map { area in
      var body: [UInt8] = []
      if encodings.contains(Encoding.hextile) {
        var encoder = HextileEncoder(format)
        encoder.encode(shown, area, into: &body)
        return (Self.header(area, Encoding.hextile), body)
      }
      body.reserveCapacity(area.xs.count * area.ys.count * format.bitsPerPixel / 8)
      for y in area.ys {
        for x in area.xs { format.append(shown.pixels[y * shown.width + x], to: &body) }
      }
      return (Self.header(area, Encoding.raw), body)
    }
  }

  /// Rows of neighbouring tiles with anything new in them.
  private func changes(_ shown: RFBPicture) -> [RFBRectangle] {
    var areas: [RFBRectangle] = []
    for y in stride(from: 0, to: shown.height, by: Self.tileSize) {
      let ys = y..<min(y + Self.tileSize, shown.height)
      var present: RFBRectangle?
      for x in stride(from: 0, to: shown.width, by: Self.tileSize) {
        let xs = x..<min(x + Self.tileSize, shown.width)
        let differs = ys.contains { row in
          let range = (row * shown.width + xs.lowerBound)..<(row * shown.width + xs.upperBound)
          return shown.pixels[range] != client.pixels[range]
        }
        if differs {
          present = RFBRectangle(xs: (present?.xs.lowerBound ?? x)..<xs.upperBound, ys: ys)
        } else if let done = present {
          areas.append(done)
          present = nil
        }
      }
      if let done = present { areas.append(done) }
    }
    return areas
  }
}
