import ApusMachine
import Testing
import apus

@Suite struct DESTests {
  /// J. Orlin Grabbe's worked example, and the first of NBS Special Publication 500-20's variable plaintext
  /// tests.
  @Test func blocks() {
    #expect(DES(key: 0x1334_5779_9BBC_DFF1).encrypt(0x0123_4567_89AB_CDEF) == 0x85E8_1354_0F0A_B405)
    #expect(DES(key: 0x0101_0101_0101_0101).encrypt(0x8000_0000_0000_0000) == 0x95F8_A5E5_DD31_D900)
    #expect(DES(key: 0x0101_0101_0101_0101).encrypt(0x4000_0000_0000_0000) == 0xDD7F_121C_A501_5619)
  }

  /// The substitution table tests of NBS Special Publication 500-20 reach every entry of the S-boxes.
  @Test(
    arguments: [
      (0x7CA1_1045_4A1A_6E57, 0x01A1_D6D0_3977_6742, 0x690F_5B0D_9A26_939B),
      (0x0131_D961_9DC1_376E, 0x5CD5_4CA8_3DEF_57DA, 0x7A38_9D10_354B_D271),
      (0x07A1_133E_4A0B_2686, 0x0248_D438_06F6_7172, 0x868E_BB51_CAB4_599A),
      (0x3849_674C_2602_319E, 0x5145_4B58_2DDF_440A, 0x7178_876E_01F1_9B2A),
      (0x04B9_15BA_43FE_B5B6, 0x42FD_4430_5957_7FA2, 0xAF37_FB42_1F8C_4095),
      (0x0113_B970_FD34_F2CE, 0x059B_5E08_51CF_143A, 0x86A5_60F1_0EC6_D85B),
      (0x0170_F175_468F_B5E6, 0x0756_D8E0_7747_61D2, 0x0CD3_DA02_0021_DC09),
      (0x4329_7FAD_38E3_73FE, 0x762514B829BF486A, 0xEA67_6B2C_B7DB_2B7A),
    ] as [(UInt64, UInt64, UInt64)])
  func substitutions(_ key: UInt64, _ plain: UInt64, _ cipher: UInt64) {
    #expect(DES(key: key).encrypt(plain) == cipher)
  }
}

@Suite struct RFBConnectionTests {
  private func picture(_ width: Int, _ height: Int, _ color: (Int, Int) -> UInt32) -> RFBPicture {
    RFBPicture(
      width: width, height: height, pixels: (0..<(width * height)).map { color($0 % width, $0 / width) })
  }

  private func drain(_ connection: inout RFBConnection) -> [UInt8] {
    let bytes = Array(connection.pending(.max))
    connection.sent(bytes.count)
    return bytes
  }

  /// A client that has been let in and has read the greeting.
  private func connected(_ width: Int = 40, _ height: Int = 30, encodings: [Int32] = []) -> RFBConnection {
    var connection = RFBConnection(width: width, height: height, password: nil, challenge: [])
    connection.receive(Array("RFB 003.008\n".utf8) + [1, 1])
    connection.receive(
      [2, 0, 0, UInt8(encodings.count)] + encodings.flatMap { bigEndian(UInt32(bitPattern: $0)) })
    _ = drain(&connection)
    return connection
  }

  private func bigEndian(_ value: UInt32) -> [UInt8] { [24, 16, 8, 0].map { UInt8(value >> $0 & 0xFF) } }

  private func request(
    _ isIncremental: Bool, _ x: Int = 0, _ y: Int = 0, _ w: Int = 0xFFFF, _ h: Int = 0xFFFF
  )
    -> [UInt8]
  {
    [3, isIncremental ? 1 : 0] + [x, y, w, h].flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
  }

  @Test func handshakes() {
    var connection = RFBConnection(width: 640, height: 480, password: nil, challenge: [])
    #expect(drain(&connection) == Array("RFB 003.008\n".utf8))
    for byte in "RFB 003.008\n".utf8 { connection.receive([byte]) }
    #expect(drain(&connection) == [1, 1])
    connection.receive([1])
    #expect(drain(&connection) == [0, 0, 0, 0] && !connection.isReady)
    connection.receive([0])
    let format: [UInt8] = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]
    #expect(drain(&connection) == [2, 128, 1, 224] + format + [0, 0, 0, 4] + Array("Apus".utf8))
    #expect(connection.isReady)
    // 3.3: the server decides, and there is no result without a password.
    var old = RFBConnection(width: 8, height: 8, password: nil, challenge: [])
    _ = drain(&old)
    old.receive(Array("RFB 003.003\n".utf8))
    #expect(drain(&old) == [0, 0, 0, 1])
    old.receive([1])
    #expect(drain(&old).count == 28)
  }

  @Test func passwords() {
    let challenge = [UInt8](0..<16)
    for (password, isRight) in [("secret", true), ("secreT", false)] {
      var connection = RFBConnection(
        width: 8, height: 8, password: Array("secret".utf8), challenge: challenge)
      _ = drain(&connection)
      connection.receive(Array("RFB 003.008\n".utf8))
      #expect(drain(&connection) == [1, 2])
      connection.receive([2])
      #expect(drain(&connection) == challenge)
      connection.receive(DES.answer(to: challenge, password: Array(password.utf8)))
      let result = drain(&connection)
      #expect(result.prefix(4) == [0, 0, 0, isRight ? 0 : 1] && connection.isClosing != isRight)
      #expect(isRight || result.count == 8 + Int(result[7]))
    }
    // Choosing "None" does not help.
    var connection = RFBConnection(width: 8, height: 8, password: [1], challenge: challenge)
    connection.receive(Array("RFB 003.008\n".utf8) + [1])
    #expect(connection.isClosing && !connection.isReady)
  }

  @Test func rawPictures() {
    var connection = connected(4, 2)
    let colors = picture(4, 2) { x, y in UInt32(0x11_2200 + x + 4 * y) }
    connection.update(colors)
    #expect(!connection.hasOutput, "nobody asked")
    connection.receive(request(true))
    #expect(connection.needsPicture)
    connection.update(colors)
    let pixels = (0..<8).flatMap { (x: UInt8) -> [UInt8] in [x, 0x22, 0x11, 0] }
    #expect(drain(&connection) == [0, 0, 0, 1, 0, 0, 0, 0, 0, 4, 0, 2, 0, 0, 0, 0] + pixels)
    connection.receive(request(false, 1, 1, 2, 5))
    connection.update(colors)
    #expect(drain(&connection).prefix(16) == [0, 0, 0, 1, 0, 1, 0, 1, 0, 2, 0, 1, 0, 0, 0, 0])
    connection.receive(request(true))
    connection.update(colors)
    #expect(!connection.hasOutput && connection.wantsPicture && !connection.needsPicture)
  }

  @Test func onlyChangedTilesAreSent() {
    var connection = connected(200, 150)
    connection.receive(request(false))
    connection.update(picture(200, 150) { _, _ in 0 })
    _ = drain(&connection)
    connection.receive(request(true))
    connection.update(picture(200, 150) { x, y in x == 199 && y == 149 || x == 64 && y == 0 ? 1 : 0 })
    let update = drain(&connection)
    #expect(update.prefix(16) == [0, 0, 0, 2, 0, 64, 0, 0, 0, 64, 0, 64, 0, 0, 0, 0])
    #expect(update.count == 4 + 12 + 64 * 64 * 4 + 12 + 8 * 22 * 4)
  }

  /// 16 bits 565 big endian, 8 bits 332, and a colour map.
  @Test func pixelFormats() {
    func pixel(_ format: [UInt8]) -> [UInt8] {
      var connection = connected(1, 1)
      connection.receive([0, 0, 0, 0] + format + request(false))
      connection.update(picture(1, 1) { _, _ in 0xFF_8040 })
      return Array(drain(&connection))
    }
    // 31, 128 × 63 / 255 and 64 × 31 / 255.
    let word: UInt16 = 31 << 11 | 32 << 5 | 8
    let rgb565 = pixel([16, 16, 1, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0, 0, 0, 0])
    #expect(rgb565.suffix(2) == [UInt8(word >> 8), UInt8(word & 0xFF)])
    #expect(pixel([8, 8, 0, 1, 0, 7, 0, 7, 0, 3, 5, 2, 0, 0, 0, 0]).last == 0b111_100_01)
    let mapped = pixel([8, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    #expect(mapped.prefix(6) == [1, 0, 0, 0, 1, 0] && mapped.count == 6 + 256 * 6 + 17)
    #expect(mapped[(6 + 255 * 6)..<(12 + 255 * 6)].allSatisfy { $0 == 0xFF })
    var connection = connected()
    connection.receive([0, 0, 0, 0] + [24, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0])
    #expect(connection.isClosing)
  }

  @Test func newSizes() {
    var connection = connected(4, 4, encodings: [0, -223])
    connection.receive(request(false))
    connection.update(picture(6, 5) { _, _ in 0 })
    #expect(drain(&connection) == [0, 0, 0, 1, 0, 0, 0, 0, 0, 6, 0, 5] + bigEndian(UInt32(bitPattern: -223)))
    connection.receive(request(true))
    #expect(connection.needsPicture)
    connection.update(picture(6, 5) { _, _ in 0 })
    #expect(drain(&connection).count == 16 + 6 * 5 * 4)
    // Who cannot follow sees the upper left.
    var fixed = connected(4, 4)
    fixed.receive(request(false))
    fixed.update(picture(6, 2) { x, y in UInt32(x + 10 * y) })
    let bytes = drain(&fixed)
    #expect(
      bytes.count == 16 + 64
        && stride(from: 16, to: 80, by: 4).map { bytes[$0] }
          == [0, 1, 2, 3, 10, 11, 12, 13, 0, 0, 0, 0, 0, 0, 0, 0]
    )
  }

  @Test func events() {
    var connection = connected()
    connection.receive([4, 1, 0, 0, 0, 0, 0xFF, 0x0D, 4, 0, 0, 0, 0, 0, 0, 0x61, 5, 4, 1, 2, 0, 3])
    #expect(
      connection.takeEvents() == [
        .key(0xFF0D, isDown: true), .key(0x61, isDown: false), .pointer(x: 258, y: 3, buttons: 4),
      ])
    // A clipboard of 4 GiB that comes in pieces is not kept.
    connection.receive([6, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF])
    for _ in 0..<100 { connection.receive([UInt8](repeating: 4, count: 4096)) }
    #expect(connection.takeEvents().isEmpty && !connection.isClosing)
    var relative = connected(4, 4, encodings: [-257])
    relative.receive(request(false))
    relative.update(picture(4, 4) { _, _ in 0 })
    relative.receive([5, 1, 0x80, 0x01, 0x7F, 0xFC])
    #expect(relative.takeEvents() == [.motion(dx: 2, dy: -3, buttons: 1)])
  }

  /// Hextile, decoded after RFC 6143.
  @Test func hextile() {
    let colors = picture(37, 35) { x, y in
      x < 16 ? 0x123456 : x < 32 ? (x * y % 3 == 0 ? 0xFFFFFF : 0) : UInt32(x * 1000 + y)
    }
    var connection = connected(37, 35, encodings: [5])
    connection.receive(request(false))
    connection.update(colors)
    let bytes = drain(&connection)
    #expect(bytes.prefix(16) == [0, 0, 0, 1, 0, 0, 0, 0, 0, 37, 0, 35, 0, 0, 0, 5])
    var place = 16
    func pixel() -> UInt32 {
      defer { place += 4 }
      return UInt32(bytes[place]) | UInt32(bytes[place + 1]) << 8 | UInt32(bytes[place + 2]) << 16
    }
    var result = [UInt32](repeating: 0xDEAD, count: 37 * 35)
    var (background, foreground): (UInt32, UInt32) = (0, 0)
    for y in stride(from: 0, to: 35, by: 16) {
      for x in stride(from: 0, to: 37, by: 16) {
        func fill(_ dx: Int, _ dy: Int, _ w: Int, _ h: Int, _ color: () -> UInt32) {
          for py in (y + dy)..<(y + dy + h) {
            for px in (x + dx)..<(x + dx + w) { result[py * 37 + px] = color() }
          }
        }
        let (w, h) = (min(16, 37 - x), min(16, 35 - y))
        let kind = bytes[place]
        place += 1
        if kind & 1 != 0 {
          fill(0, 0, w, h, pixel)
          continue
        }
        if kind & 2 != 0 { background = pixel() }
        if kind & 4 != 0 { foreground = pixel() }
        fill(0, 0, w, h) { background }
        guard kind & 8 != 0 else { continue }
        let count = Int(bytes[place])
        place += 1
        for _ in 0..<count {
          let (position, size) = (bytes[place], bytes[place + 1])
          place += 2
          fill(Int(position >> 4), Int(position & 15), Int(size >> 4) + 1, Int(size & 15) + 1) { foreground }
        }
      }
    }
    #expect(place == bytes.count && result == colors.pixels)
  }

  /// Whatever arrives: no trap, and no more memory than some messages.
  @Test func hostileClients() {
    var state: UInt64 = 4711
    func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> 33
    }
    let picture = picture(70, 40) { x, y in UInt32(x * y) }
    for round in 0..<400 {
      var connection =
        round % 4 == 0
        ? RFBConnection(
          width: 70, height: 40, password: round % 8 == 0 ? [1] : nil, challenge: [UInt8](0..<16))
        : connected(70, 40, encodings: [0, 5, -223, -257])
      for _ in 0..<60 {
        let types: [UInt8] = [0, 2, 3, 4, 5, 6, 3, UInt8(next() & 0xFF)]
        var message: [UInt8] = [types[Int(next() % 8)]]
        for _ in 0..<(next() % 40) { message.append(next() % 3 == 0 ? 0 : UInt8(next() & 0xFF)) }
        connection.receive(message)
        connection.update(picture)
        connection.sent(Int(next() % 20000))
        _ = connection.takeEvents()
        if connection.isClosing { break }
      }
      #expect(connection.output.count < 1 << 20)
    }
    var endless = RFBConnection(width: 8, height: 8, password: nil, challenge: [])
    endless.receive([UInt8](repeating: 0x41, count: 1 << 20))
    #expect(endless.isClosing)
  }
}

@Suite struct KeysymTests {
  private let a = Key(0x1C)
  private let one = Key(0x16)

  @Test func keys() {
    #expect(Keysym.key(0x61) == a && Keysym.key(0x41) == a && Keysym.key(0x21) == one)
    #expect(Keysym.key(0xFF0D) == Key.named("enter") && Keysym.key(0xFFC9) == Key.named("f12"))
    #expect(Keysym.key(0xFFB5) == Key.named("kp5") && Keysym.key(0xFFFF) == Key.named("del"))
    #expect(Keysym.key(0xE9) == nil && Keysym.key(0xFFFF_FFFF) == nil)
  }

  private func codes(_ keyboard: inout RemoteKeyboard, _ keysym: UInt32, _ isDown: Bool, caps: Bool = false)
    -> [UInt8]
  {
    keyboard.change(keysym, isDown: isDown, hasCapsLock: caps).flatMap {
      $0.isDown ? $0.key.make : $0.key.breakCodes
    }
  }

  @Test func shiftFollowsTheCharacter() {
    var keyboard = RemoteKeyboard()
    #expect(codes(&keyboard, 0x61, true) == [0x1C] && codes(&keyboard, 0x61, false) == [0xF0, 0x1C])
    // A capital without Shift, as from a program that types, and with Caps Lock on.
    #expect(codes(&keyboard, 0x41, true) == [0x12, 0x1C, 0xF0, 0x12])
    #expect(codes(&keyboard, 0x41, false) == [0xF0, 0x1C])
    #expect(
      codes(&keyboard, 0x41, true, caps: true) == [0x1C] && codes(&keyboard, 0x41, false) == [0xF0, 0x1C])
    // A slash of a German keyboard: Shift and 7 there, a key of its own here.
    #expect(codes(&keyboard, 0xFFE1, true) == [0x12])
    #expect(codes(&keyboard, 0x2F, true) == [0xF0, 0x12, 0x4A, 0x12])
    #expect(codes(&keyboard, 0x20, true) == [0x29])
    #expect(keyboard.releaseAll().map(\.key) == [.shift, Key(0x29), Key(0x4A)])
    #expect(codes(&keyboard, 0x2F, false) == [])
  }
}

@Suite struct VNCAddressTests {
  @Test func forms() {
    #expect(VNCAddress(":0")?.host == "127.0.0.1" && VNCAddress(":0")?.port == 5900)
    #expect(VNCAddress("localhost:7")?.port == 5907 && VNCAddress("0.0.0.0:5999")?.port == 5999)
    #expect(VNCAddress("[::1]:1")?.host == "::1" && VNCAddress("[::1]:1")?.isLoopback == true)
    #expect(VNCAddress("0.0.0.0:0")?.isLoopback == false && VNCAddress("127.0.0.2:0")?.isLoopback == true)
    for bad in ["", "0", ":", ":x", ":65536", "host:", ":-1", "[:0"] {
      #expect(VNCAddress(bad) == nil, "\(bad)")
    }
  }
}
