import Testing

/// Programs of Debian's that choose between implementations by what CPUID says, each compared with what it
/// printed on the computer that made the guest (`Scripts/fetch-debian-guest.sh --programs`). Skipped without
/// that guest; one at a time, because each takes a whole core.
@Suite(
  .serialized,
  .enabled(if: DebianGuest.hasPrograms, "APUS_DEBIAN_GUEST names no directory with programs"))
struct DebianProgramTests {
  /// The checks of `Scripts/guest-programs.sh`, and the guest's own of the kernel's log.
  private static let checks: Set = [
    "md5sum", "sha1sum", "sha224sum", "sha256sum", "sha384sum", "sha512sum", "b2sum", "cksum", "wc", "sort",
    "base64", "factor", "long_double", "openssl_dgst", "openssl_aes", "openssl_enc", "openssl_mac",
    "openssl_kdf", "openssl_gcm", "openssl_prime", "openssl_curves", "openssl_rsa", "openssl_ecdsa",
    "openssl_eddsa", "openssl_ecdh", "openssl_speed_gcm", "openssl_speed_chacha20", "openssl_speed_sha256",
    "openssl_speed_keys", "python_math", "python_cmath", "python_float", "python_struct", "kernel-log",
  ]

  /// Seconds until a run is given up; a busy host needs several times the two minutes of a quiet one.
  private static let patience = 1800

  /// One of each kind, for a processor whose instructions all other guests use, too.
  private static let fewChecks: Set = [
    "md5sum", "sha256sum", "wc", "openssl_dgst", "openssl_aes", "openssl_curves", "python_float",
  ]

  /// With all instructions, and some with no more than every x86-64 processor has.
  @Test(arguments: ["max", "x86-64"])
  func programsAreRight(model: String) {
    let few = model == "max" ? [] : Self.fewChecks.sorted()
    let append = few.isEmpty ? "" : " checks=" + few.joined(separator: ",")
    let result = Child.run(
      DebianGuest.boot(DebianGuest.programs, memory: "512M", append: append) + ["--cpu", model],
      seconds: Self.patience)
    #expect(result.status == 0, "\(result.errors)")
    let lines = result.output.split(whereSeparator: \.isNewline).map(String.init)
    #expect(lines.contains("APUS-PROGRAMS-BEGIN"), "\(result.output)")
    #expect(lines.contains("APUS-PROGRAMS-END"), "\(result.output)")

    var right: Set<String> = []
    for line in lines where line.hasPrefix("APUS-PROGRAM ") {
      let words = line.split(separator: " ")
      guard words.count >= 3, words[2] == "OK" else {
        Issue.record("\(line): \(result.output)")
        continue
      }
      right.insert(String(words[1]))
    }
    let wanted = few.isEmpty ? Self.checks : Self.fewChecks.union(["kernel-log"])
    #expect(right == wanted, "\(result.output)")

    // Which of its variants glibc takes: the dynamic loader names the levels that it looks for.
    let hasThirdLevel = lines.contains { $0.hasPrefix("APUS-NOTE x86-64-v3 (supported") }
    #expect(hasThirdLevel == (model == "max"), "\(result.output)")
  }
}
