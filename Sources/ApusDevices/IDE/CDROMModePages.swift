import ApusBase

/// The mode parameters that MODE SELECT changes. SFF-8020i, "Mode Select/Sense Parameters".
struct ModePages: Equatable {
  /// Read Error Recovery page (01h): parameters and retry count.
  var errorRecovery: UInt8 = 0
  var retryCount: UInt8 = 5
  /// CD-ROM Device Parameters page (0Dh): inactivity timer multiplier, bits 3:0.
  var inactivityTimer: UInt8 = 0
  /// CD Audio Control page (0Eh): SOTC in bit 1, and channel selection and volume of the four ports.
  var audioFlags: UInt8 = 0x04
  var audioPorts: [UInt8] = [1, 0xFF, 2, 0xFF, 0, 0, 0, 0]

  func save(to w: inout StateWriter) {
    for byte in [errorRecovery, retryCount, inactivityTimer, audioFlags] { w.write(byte) }
    w.write(audioPorts)
  }

  mutating func restore(from r: inout StateReader) throws(StateError) {
    errorRecovery = try r.read()
    retryCount = try r.read()
    inactivityTimer = try r.read()
    audioFlags = try r.read()
    let ports = try r.readBytes(limit: 8, "audioPorts")
    guard ports.count == 8 else { throw r.invalid("audioPorts") }
    audioPorts = ports
  }

  /// The page of a code without the drive's abilities, nil if there is none.
  func page(_ code: UInt8) -> [UInt8]? {
    switch code {
    case 0x01: return [0x01, 0x06, errorRecovery, retryCount, 0, 0, 0, 0]
    // 60 seconds in a minute, 75 frames in a second.
    case 0x0D: return [0x0D, 0x06, 0, inactivityTimer, 0, 60, 0, 75]
    case 0x0E: return [0x0E, 0x0E, audioFlags, 0, 0, 0, 0, 75] + audioPorts
    default: return nil
    }
  }

  /// The bits of a page that MODE SELECT changes.
  static func changeable(_ code: UInt8) -> [UInt8]? {
    switch code {
    case 0x01: return [0x01, 0x06, 0xFF, 0xFF, 0, 0, 0, 0]
    case 0x0D: return [0x0D, 0x06, 0, 0x0F, 0, 0, 0, 0]
    case 0x0E:
      let ports: [UInt8] = [0x0F, 0xFF, 0x0F, 0xFF, 0x0F, 0xFF, 0x0F, 0xFF]
      return [0x0E, 0x0E, 0x02, 0, 0, 0, 0, 0] + ports
    default: return nil
    }
  }

  /// Takes over a page of `changeable` form and length.
  mutating func set(_ page: [UInt8]) {
    switch page[0] & 0x3F {
    case 0x01:
      errorRecovery = page[2]
      retryCount = page[3]
    case 0x0D: inactivityTimer = page[3]
    default:
      audioFlags = page[2]
      audioPorts = Array(page[8..<16])
    }
  }
}

extension ATAPICDROM {
  /// In kB/s: 24 times the 176 of an audio CD.
  static let maximumSpeed: UInt16 = 4_224
  /// The pages in the order that page code 3Fh returns them.
  private static let pageCodes: [UInt8] = [0x01, 0x0D, 0x0E, 0x2A]

  // MARK: MODE SENSE

  /// MODE SENSE(10), and the form of six bytes that SFF-8020i leaves out but SCSI drivers send.
  func modeSense(isLong: Bool) {
    let control = packet[2] >> 6
    let code = packet[2] & 0x3F
    guard control != 3 else { return checkCondition(.savingNotSupported) }
    var pages: [UInt8] = []
    for present in Self.pageCodes where code == present || code == 0x3F {
      pages += page(present, control)
    }
    guard !pages.isEmpty else { return checkCondition(.invalidField) }
    if isLong {
      let length = UInt8(pages.count + 6)
      reply(
        [0, length, mediumType, 0, 0, 0, 0, 0] + pages,
        allocation: Int(packet.bigEndian(at: 7, count: 2)))
    } else {
      reply([UInt8(pages.count + 3), mediumType, 0, 0] + pages, allocation: Int(packet[4]))
    }
  }

  /// SFF-8020i, "Medium Type Code".
  private var mediumType: UInt8 {
    if isTrayOpen { return 0x71 }
    return medium == nil ? 0x70 : 0x01
  }

  /// A page as it is (`control` 0), its changeable bits (1) or its default (2).
  private func page(_ code: UInt8, _ control: UInt8) -> [UInt8] {
    guard code == 0x2A else {
      switch control {
      case 1: return ModePages.changeable(code) ?? []
      case 2: return ModePages().page(code) ?? []
      default: return modes.page(code) ?? []
      }
    }
    var page = [UInt8](repeating: 0, count: 20)
    page[0] = 0x2A
    page[1] = 18
    guard control != 1 else { return page }
    page[2] = 0x0B  // Reads CD-R, CD-RW and DVD-ROM.
    page[4] = 0x70  // Modes 2 form 1 and form 2, multisession.
    // A tray that locks and ejects; bit 1 is the present lock.
    page[6] = 0x29 | (isLocked ? 0x02 : 0)
    page.putBigEndian(Self.maximumSpeed, at: 8)
    page.putBigEndian(UInt16(Self.bufferBytes / 1024), at: 12)
    page.putBigEndian(speed, at: 14)
    return page
  }

  // MARK: MODE SELECT

  func modeSelect() {
    // Pages cannot be saved; without PF they would be a vendor's.
    guard !packet[1].bit(0), packet[1].bit(4) else { return checkCondition(.invalidField) }
    let length = Int(packet.bigEndian(at: 7, count: 2))
    guard length > 0 else { return complete() }
    guard length >= 8, length <= 512 else { return checkCondition(.parameterListLength) }
    requestParameters(length)
  }

  /// Takes the parameter list: a header of eight bytes, no block descriptors, pages. All or nothing.
  func takeModes(_ list: [UInt8]) {
    guard list.count >= 8 else { return checkCondition(.parameterListLength) }
    guard list.bigEndian(at: 6, count: 2) == 0 else { return checkCondition(.invalidParameter) }
    var changed = modes
    var at = 8
    while at < list.count {
      guard list.count - at >= 2, list.count - at - 2 >= Int(list[at + 1]) else {
        return checkCondition(.parameterListLength)
      }
      let page = Array(list[at..<(at + 2 + Int(list[at + 1]))])
      guard isAcceptable(page) else { return checkCondition(.invalidParameter) }
      if page[0] & 0x3F != 0x2A { changed.set(page) }
      at += page.count
    }
    modes = changed
    complete()
  }

  /// Whether a page exists and differs from the present one in changeable bits only.
  private func isAcceptable(_ new: [UInt8]) -> Bool {
    let code = new[0] & 0x3F
    let old = page(code, 0)
    let changeable = page(code, 1)
    guard old.count == new.count, changeable.count == new.count, new[0] & 0x40 == 0 else { return false }
    for i in 1..<new.count where (new[i] ^ old[i]) & (i == 1 ? 0xFF : ~changeable[i]) != 0 { return false }
    return true
  }
}
