// swift-tools-version: 6.2
import PackageDescription

/// Modules whose code never touches raw memory: every unsafe expression in them must say so.
let safe: [SwiftSetting] = [.strictMemorySafety()]

let package = Package(
  name: "Apus",
  products: [
    .library(name: "ApusCPU", targets: ["ApusCPU"]),
    .library(name: "ApusDevices", targets: ["ApusDevices"]),
    .library(name: "ApusMachine", targets: ["ApusMachine"]),
    .executable(name: "apus", targets: ["apus"]),
  ],
  targets: [
    .target(name: "ApusBase", swiftSettings: safe),
    .target(name: "ApusCPU", dependencies: ["ApusBase"], exclude: ["Decode/Maps"]),
    .target(name: "ApusDevices", dependencies: ["ApusBase"], swiftSettings: safe),
    .target(
      name: "ApusMachine", dependencies: ["ApusBase", "ApusCPU", "ApusDevices"],
      swiftSettings: safe),
    .executableTarget(name: "apus", dependencies: ["ApusBase", "ApusCPU", "ApusDevices", "ApusMachine"]),
    .executableTarget(
      name: "ApusBenchmarks", dependencies: ["ApusCPU", "ApusDevices", "ApusMachine"], path: "Benchmarks",
      exclude: ["linux-boot.sh"], swiftSettings: safe),
    .testTarget(name: "ApusBaseTests", dependencies: ["ApusBase"]),
    .testTarget(name: "ApusCPUTests", dependencies: ["ApusCPU"], exclude: ["Vectors"]),
    .testTarget(name: "ApusDevicesTests", dependencies: ["ApusDevices"]),
    .testTarget(
      name: "ApusMachineTests", dependencies: ["ApusBase", "ApusCPU", "ApusDevices", "ApusMachine"]),
    .testTarget(name: "ApusRunnerTests", dependencies: ["apus"]),
  ]
)
