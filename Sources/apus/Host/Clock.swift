#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The host's clocks. None of them reaches the guest except as a start date that the user asked for.
enum Clock {
  /// Nanoseconds of a clock that never goes back.
  static var monotonic: UInt64 { nanoseconds(CLOCK_MONOTONIC) }

  /// Nanoseconds of CPU time that the process has used, in user and system mode.
  static var processCPU: UInt64 { nanoseconds(CLOCK_PROCESS_CPUTIME_ID) }

  /// The present Unix time in seconds.
  static var unixSeconds: Int64 { Int64(time(nil)) }

  /// The present local time, as the Unix seconds at which UTC shows the same reading.
  static var localSeconds: Int64 {
    var now = time(nil)
    var fields = tm()
    guard localtime_r(&now, &fields) != nil else { return Int64(now) }
    return Int64(timegm(&fields))
  }

  private static func nanoseconds(_ clock: clockid_t) -> UInt64 {
    var value = timespec()
    clock_gettime(clock, &value)
    return UInt64(value.tv_sec) * 1_000_000_000 + UInt64(value.tv_nsec)
  }
}
