import ApusBase
import ApusDevices

/// Types scan codes on the guest's keyboard, no faster than the guest takes them.
package struct Typist {
  /// What the keyboard can hold.
  package static let bufferSize = PS2Keyboard.bufferSize
  /// How long a key of a text or a script is down, and the time to the next, in nanoseconds of guest time: a
  /// BIOS loses keys that come faster than programs read them.
  package static let steadyPace: UInt64 = 20_000_000
  /// The same for a person, who sees what happens.
  package static let livePace: UInt64 = 4_000_000
  /// What a guest that takes nothing can leave waiting.
  private static let longestQueue = 1 << 16

  private struct Group {
    let codes: [UInt8]
    let pause: UInt64
  }

  private var groups: [Group] = []
  private var next = 0
  private var nextTime: VirtualTime = 0

  package init() {}

  /// Whether everything has been typed and the time after the last key has passed.
  package func isDone(at now: VirtualTime) -> Bool { next == groups.count && now >= nextTime }

  private var hasRoom: Bool { groups.count - next < Self.longestQueue }

  /// Types keys and releases them.
  package mutating func type(_ chord: Chord, pace: UInt64) {
    guard hasRoom else { return }
    groups.append(Group(codes: chord.make, pause: pace))
    if !chord.breakCodes.isEmpty { groups.append(Group(codes: chord.breakCodes, pause: pace)) }
  }

  /// Presses or releases one key.
  package mutating func type(_ key: Key, isDown: Bool) {
    guard hasRoom else { return }
    let codes = isDown ? key.make : key.breakCodes
    if !codes.isEmpty { groups.append(Group(codes: codes, pause: 0)) }
  }

  /// When the next codes can go, if the keyboard, with room for `room` bytes, is empty by then; nil if none
  /// can.
  package func deadline(room: Int) -> VirtualTime? {
    next < groups.count && room == Self.bufferSize ? nextTime : nil
  }

  /// When everything will have been typed; nil if it has, or if codes still have to go.
  package func end(after now: VirtualTime) -> VirtualTime? {
    next == groups.count && now < nextTime ? nextTime : nil
  }

  /// The codes to give the keyboard now.
  package mutating func take(at now: VirtualTime, room: Int) -> [UInt8]? {
    guard let deadline = deadline(room: room), now >= deadline else { return nil }
    let group = groups[next]
    next += 1
    if next == groups.count || next >= Self.longestQueue {
      groups.removeFirst(next)
      next = 0
    }
    nextTime = now.later(by: group.pause)
    return group.codes
  }
}
