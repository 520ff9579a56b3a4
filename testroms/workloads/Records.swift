// dhry: records, enumerations, short strings and calls, after the proportions that Dhrystone made usual.

enum Kind: UInt8 { case first, second, third, fourth, fifth }

struct Record {
  var next: UnsafeMutablePointer<Record>
  var kind: Kind
  var other: Kind
  var number: Int
  var text: UnsafeMutablePointer<UInt8>
}

private let dhryRounds = 450_000
/// The records, then texts of 32 bytes each, then a table of numbers.
private let recordCount = 8

private func texts(_ memory: UnsafeMutableRawPointer) -> UnsafeMutablePointer<UInt8> {
  (memory + 1024).assumingMemoryBound(to: UInt8.self)
}

/// A ring of records whose texts of 30 characters differ in the last ones.
func prepareRecords(_ memory: UnsafeMutableRawPointer) {
  let records = memory.bindMemory(to: Record.self, capacity: recordCount)
  for index in 0..<recordCount {
    let text = texts(memory) + index * 32
    for place in 0..<30 { text[place] = UInt8(0x41 + (place * 7) % 26) }
    text[28] = UInt8(0x30 + index / 2)
    text[29] = UInt8(0x30 + index)
    text[30] = 0
    records[index] = Record(
      next: records + (index + 1) % recordCount, kind: Kind(rawValue: UInt8(index % 5)) ?? .first,
      other: .second, number: index * 11, text: text)
  }
}

@inline(never)
private func copy(_ target: UnsafeMutablePointer<UInt8>, _ source: UnsafePointer<UInt8>) {
  var index = 0
  while true {
    let byte = source[index]
    target[index] = byte
    if byte == 0 { return }
    index &+= 1
  }
}

/// Negative, zero or positive, as the left text is before, equal to or behind the right one.
@inline(never)
private func compare(_ left: UnsafePointer<UInt8>, _ right: UnsafePointer<UInt8>) -> Int {
  var index = 0
  while left[index] == right[index] {
    if left[index] == 0 { return 0 }
    index &+= 1
  }
  return Int(left[index]) &- Int(right[index])
}

@inline(never)
private func successor(_ kind: Kind, _ number: Int) -> Kind {
  switch kind {
  case .first: return number > 100 ? .first : .fourth
  case .second: return number & 1 == 0 ? .third : .fifth
  case .third: return .second
  case .fourth: return number & 3 == 0 ? .fifth : .first
  case .fifth: return .third
  }
}

@inline(never)
private func combine(_ first: Int, _ second: Int, _ result: UnsafeMutablePointer<Int>) {
  result.pointee = second &+ (first &+ 2) &* 3 &- result.pointee / 7
}

/// Copies a record to the next one in the ring but for its link and text, and changes both.
@inline(never)
private func advance(_ record: UnsafeMutablePointer<Record>) {
  let next = record.pointee.next
  next.pointee.number = record.pointee.number &+ 5 & 0xFFFF
  next.pointee.other = record.pointee.kind
  if next.pointee.kind == record.pointee.other {
    next.pointee.kind = successor(record.pointee.kind, next.pointee.number)
    combine(next.pointee.number, 10, &record.pointee.number)
  } else {
    next.pointee.kind = successor(next.pointee.kind, record.pointee.number)
  }
}

@inline(never)
private func update(_ table: UnsafeMutablePointer<Int>, _ first: Int, _ second: Int) {
  let row = first & 15
  table[row] = second
  table[row &+ 1] = table[row]
  table[row &+ 14] = row
  var column = row
  while column <= row &+ 1 {
    table[32 &+ row &* 16 &+ column] &+= row
    column &+= 1
  }
  table[32 &+ row &* 16 &+ 14] = table[row] &+ table[row &+ 20 & 31]
}

/// Whether the characters at a place of both texts are equal.
@inline(never)
private func agree(_ left: UnsafePointer<UInt8>, _ right: UnsafePointer<UInt8>, _ place: Int) -> Bool {
  left[place & 15] == right[place & 15 &+ 1]
}

func dhry(_ memory: UnsafeMutableRawPointer) -> UInt64 {
  var record = memory.assumingMemoryBound(to: Record.self)
  let scratch = texts(memory) + 512
  let table = (memory + 2048 - 512).assumingMemoryBound(to: Int.self)
  var checksum: UInt64 = 0
  var number = 3
  for round in 0..<dhryRounds {
    copy(scratch, record.pointee.text)
    let order = compare(scratch, record.pointee.next.pointee.text)
    if agree(scratch, record.pointee.text, round) { number &+= 1 }
    combine(round & 0xFF, order, &number)
    update(table, round, number)
    advance(record)
    checksum = (checksum &<< 3 | checksum &>> 61) ^ UInt64(truncatingIfNeeded: number &+ order)
    checksum &+= UInt64(record.pointee.kind.rawValue) &+ UInt64(truncatingIfNeeded: record.pointee.number)
    record = record.pointee.next
  }
  return checksum ^ folded(table, words: 288)
}
