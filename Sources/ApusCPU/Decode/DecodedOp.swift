/// One operation of a decoded block: 32 bytes of plain data. Usually one instruction; a fused compare and
/// branch stands for two.
package struct DecodedOp {
  /// The code address of the threaded handler.
  var handler: UInt64
  /// The displacement of a memory operand (already absolute if it was RIP-relative), or a 64-bit immediate
  /// of a register form, or a branch target.
  var displacement: Int64
  /// The immediate, sign-extended from 32 bits where used at 64.
  var immediate: Int32
  /// Operand-file offsets (vector register numbers for SIMD operands).
  var destination: UInt8
  var source: UInt8
  var base: UInt8
  var index: UInt8
  /// log2 of the factor of `index`.
  var scale: UInt8
  /// Bits 2:0 segment register, bit 3 operand is in memory, bits 5:4 address size as 64 - bits (48, 32, 0).
  var addressing: UInt8
  /// Instructions of the block retired before this one.
  var count: UInt8
  /// Distance from the block header in ops.
  var slot: UInt8
  /// The stamp: index into the handler tables.
  var form: UInt16
  /// Bits 15:4 the offset of the instruction from the block's start, bits 3:0 its length.
  var location: UInt16

  init(form: UInt16) {
    handler = 0
    displacement = 0
    immediate = 0
    destination = 0
    source = 0
    base = Layout.zero
    index = Layout.zero
    scale = 0
    addressing = UInt8(SegmentName.flat.rawValue)
    count = 0
    slot = 0
    self.form = form
    location = 0
  }

  static let inMemory: UInt8 = 8
  static let addressSize16: UInt8 = 0x30
  static let addressSize32: UInt8 = 0x20
  static let addressSizeMask: UInt8 = 0x30

  /// The fields that name registers, by number: destination, source, base, index.
  @inline(__always)
  func operand(_ number: Int) -> UInt8 {
    switch number {
    case 0: destination
    case 1: source
    case 2: base
    default: index
    }
  }

  /// The number after theirs, where runs say what they know of ops.
  static let scaleField = 4

  @inline(__always) var isMemory: Bool { addressing & DecodedOp.inMemory != 0 }
  /// Whether a memory operand is in one of the flat segments of 64-bit mode: then a TLB hit proves the access.
  @inline(__always) var isFlat: Bool { segmentIndex >= Int(SegmentName.flat.rawValue) }
  @inline(__always) var segmentIndex: Int { Int(addressing & 7) }
  /// The mask of the address size, SDM Vol. 1, "Address Size and Stack Size".
  @inline(__always) var addressMask: UInt64 { ~0 &>> UInt64(addressing & DecodedOp.addressSizeMask) }
  /// Bytes from the start of the block.
  @inline(__always) var offset: UInt64 { UInt64(location >> 4) }
  @inline(__always) var length: UInt64 { UInt64(location & 15) }
}

typealias OpPointer = UnsafeMutablePointer<DecodedOp>

/// Where instruction bodies read an op.
protocol OpReference {
  /// Where it is, in its block.
  var pointer: OpPointer { get }
  var fields: DecodedOp { get }
}

extension UnsafeMutablePointer: OpReference where Pointee == DecodedOp {
  @inline(__always) var pointer: OpPointer { self }
  @inline(__always) var fields: DecodedOp { pointee }
}

/// An op some of whose operands are known to be what an op just before it wrote: the stamp of a run sets those, so
/// that the compiler hands the value on instead of storing it to the register file and loading it from there. A scale
/// that is known saves a shift.
struct ForwardedOp: OpReference {
  let pointer: OpPointer
  var destination: UInt8?
  var source: UInt8?
  var base: UInt8?
  var index: UInt8?
  var scale: UInt8?

  @inline(__always)
  init(_ pointer: OpPointer) { self.pointer = pointer }

  @inline(__always) var fields: DecodedOp {
    var op = pointer.pointee
    if let destination { op.destination = destination }
    if let source { op.source = source }
    if let base { op.base = base }
    if let index { op.index = index }
    if let scale { op.scale = scale }
    return op
  }
}

/// The second slot of an op that branches to known targets: where to go. At first both point to the link
/// ops in the two slots that follow, which find the target block and write its address here.
struct BranchTargets {
  var taken: OpPointer
  var fallThrough: OpPointer
  var takenRIP: UInt64
  var fallThroughRIP: UInt64
}

/// Stands in the two slots before a block's first op.
struct BlockHeader {
  var rip: UInt64
  var physical: UInt64
  /// The physical address of the byte at the next page's start if the block crosses into one.
  var physical2: UInt64
  var codeLimit: UInt32
  /// Arena indices of block headers; 0 ends a list.
  var nextInHash: UInt32
  var nextInPage: UInt32
  var nextInPage2: UInt32
  /// Arena index of the first link op whose branch leads here, chained through `immediate`.
  var incoming: UInt32
  var length: UInt16
  var codeMode: UInt8
  var isValid: Bool
}

extension OpReference {
  /// The op in the slot after it.
  @inline(__always) var next: OpPointer { pointer + 1 }

  @inline(__always) var targets: UnsafeMutablePointer<BranchTargets> {
    UnsafeMutableRawPointer(pointer + 1).assumingMemoryBound(to: BranchTargets.self)
  }
  /// The header of the block this op belongs to.
  @inline(__always) var header: UnsafeMutablePointer<BlockHeader> {
    UnsafeMutableRawPointer(pointer - Int(pointer.pointee.slot)).assumingMemoryBound(to: BlockHeader.self)
  }
  /// RIP of the instruction.
  @inline(__always) var rip: UInt64 { header.pointee.rip &+ pointer.pointee.offset }
  /// RIP of the instruction after it, before wrapping to the code size.
  @inline(__always) var nextRIP: UInt64 {
    header.pointee.rip &+ pointer.pointee.offset &+ pointer.pointee.length
  }
}

/// What blocks are decoded for, bits of `CPUState.codeMode`.
enum CodeMode {
  /// Bits 1:0: default operand and address size 16, 32, 64.
  static let code16: UInt8 = 0
  static let code32: UInt8 = 1
  static let code64: UInt8 = 2
  static let sizeMask: UInt8 = 3
  /// The stack pointer is ESP instead of SP (outside 64-bit mode).
  static let stack32: UInt8 = 4
  /// IA-32e mode is active (compatibility or 64-bit).
  static let long: UInt8 = 8
  /// CR0.PE set and not virtual-8086: descriptors, rings.
  static let protected: UInt8 = 16
}
