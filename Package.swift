// swift-tools-version: 6.2
import PackageDescription

/// With `APUS_STRICT` in the environment, as CI sets it, a warning is an error.
let strict: [SwiftSetting] =
  Context.environment["APUS_STRICT"] == nil ? [] : [.treatAllWarnings(as: .error)]
/// Modules whose code never touches raw memory: every unsafe expression in them must say so.
let safe: [SwiftSetting] = strict + [.strictMemorySafety()]

let package = Package(
  name: "Apus",
  products: [
    .library(name: "ApusCPU", targets: ["ApusCPU"]),
    .library(name: "ApusDevices", targets: ["ApusDevices"]),
    .library(name: "ApusMachine", targets: ["ApusMachine"]),
    .library(name: "ApusFixture", targets: ["ApusFixture"]),
    .executable(name: "apus", targets: ["apus"]),
  ],
  targets: [
    .target(name: "ApusBase", swiftSettings: safe),
    .target(name: "ApusCPU", dependencies: ["ApusBase"], exclude: ["Decode/Maps"], swiftSettings: strict),
    .target(name: "ApusInstructionSet", swiftSettings: safe),
    .target(name: "ApusDevices", dependencies: ["ApusBase"], swiftSettings: safe),
    .target(
      name: "ApusMachine", dependencies: ["ApusBase", "ApusCPU", "ApusDevices"],
      swiftSettings: safe),
    .target(
      name: "ApusDebug",
      dependencies: ["ApusBase", "ApusCPU", "ApusDevices", "ApusInstructionSet", "ApusMachine"],
      swiftSettings: safe),
    .target(
      name: "ApusFixture", dependencies: ["ApusBase", "ApusCPU", "ApusDevices", "ApusMachine"],
      swiftSettings: safe),
    .target(
      name: "ApusDiff", dependencies: ["ApusBase", "ApusCPU", "ApusInstructionSet"], exclude: ["FORMATS.md"],
      swiftSettings: strict),
    .executableTarget(
      name: "apus",
      dependencies: [
        "ApusBase", "ApusInstructionSet", "ApusCPU", "ApusDebug", "ApusDevices", "ApusDiff", "ApusMachine",
      ],
      swiftSettings: strict),
    // Nothing in it imports `apus`: it runs that executable, which is therefore built with it.
    .executableTarget(
      name: "ApusBenchmarks", dependencies: ["ApusCPU", "ApusDevices", "ApusMachine", "apus"],
      path: "Benchmarks", exclude: ["boot-cd.sh", "process-time.sh"], swiftSettings: safe),
    .testTarget(name: "ApusBenchmarksTests", dependencies: ["ApusBenchmarks"], swiftSettings: strict),
    .testTarget(name: "ApusBaseTests", dependencies: ["ApusBase"], swiftSettings: strict),
    .testTarget(
      name: "ApusCPUTests", dependencies: ["ApusCPU"], exclude: ["Vectors"], swiftSettings: strict),
    .testTarget(
      name: "ApusDebugTests",
      dependencies: ["ApusBase", "ApusCPU", "ApusDebug", "ApusDevices", "ApusMachine"], swiftSettings: strict),
    .testTarget(
      name: "ApusDiffTests", dependencies: ["ApusDiff", "ApusInstructionSet", "apus"],
      exclude: ["Regressions"], swiftSettings: strict),
    .testTarget(
      name: "ApusInstructionSetTests", dependencies: ["ApusInstructionSet"], exclude: ["Vectors"],
      swiftSettings: strict),
    .testTarget(name: "ApusDevicesTests", dependencies: ["ApusDevices"], swiftSettings: strict),
    .testTarget(
      name: "ApusMachineTests",
      dependencies: ["ApusBase", "ApusCPU", "ApusDevices", "ApusMachine", "ApusFixture"],
      swiftSettings: strict),
    // It runs the program, too, which is therefore built with it.
    .testTarget(name: "ApusFixtureTests", dependencies: ["ApusFixture", "apus"], swiftSettings: strict),
    .testTarget(
      name: "ApusRunnerTests", dependencies: ["apus", "ApusInstructionSet"], swiftSettings: strict),
  ]
)
