#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

import ApusDebug

/// Lets one GDB at a time debug the guest. Nothing here waits for it.
final class GDBListener {
  let target: MachineTarget
  private let listeners: [Int32]
  private let address: GDBAddress
  private var client: Int32?
  private var server: GDBServer?
  private var output: ArraySlice<UInt8> = []
  /// The guest does not begin before GDB says so.
  private var isWaiting: Bool

  /// Listens at an address.
  init(_ debugger: Debugger, _ address: GDBAddress, waits: Bool) throws(Failure) {
    target = MachineTarget(debugger)
    self.address = address
    isWaiting = waits
    switch address {
    case .tcp(let host, let port):
      listeners = try HostSocket.listen(host: host, port: port, purpose: "--gdb")
    case .unix(let path): listeners = [try HostSocket.listen(path: path, purpose: "--gdb")]
    }
  }

  deinit {
    for listener in listeners { HostSocket.close(listener) }
    if let client { HostSocket.close(client) }
    if case .unix(let path) = address { unlink(path) }
  }

  /// Whether the guest stands still until GDB says otherwise.
  var isStopped: Bool { server == nil ? isWaiting : !target.isRunning }
  /// GDB has something to do for the guest other than to run on.
  var wantsStop: Bool { target.wantsStop }
  /// GDB wants the end.
  var isKilled: Bool { target.isKilled }

  /// What to wait for.
  var interests: [Host.Interest] {
    listeners.map { Host.Interest(descriptor: $0, reads: client == nil) }
      + [Host.Interest(descriptor: client ?? -1, reads: server?.wantsClose == false, writes: hasOutput)]
  }

  private var hasOutput: Bool { !output.isEmpty || server?.hasOutput == true }

  /// Does what can be done at once, with what `interests` waited for.
  func serve(_ ready: [Host.Readiness]) {
    if let client, let readiness = ready.last {
      if readiness.readable {
        guard let bytes = HostFile.readSome(client) else { return disconnect() }
        server?.receive(bytes)
      }
      send()
    }
    for (listener, readiness) in zip(listeners, ready) where readiness.readable && client == nil {
      guard let descriptor = HostSocket.accept(listener) else { continue }
      client = descriptor
      let server = GDBServer(target)
      self.server = server
      target.server = server
      target.attach()
      isWaiting = false
    }
  }

  /// Sends what there is, as far as the socket takes it.
  func send() {
    while let client, let server, hasOutput {
      if output.isEmpty { output = server.takeOutput()[...] }
      guard let count = HostSocket.send(output, to: client) else { return disconnect() }
      output = output.dropFirst(count)
      if count == 0 { return }
    }
    if server?.wantsClose == true { disconnect() }
  }

  private func disconnect() {
    if let client { HostSocket.close(client) }
    server?.disconnected()
    (client, server, target.server, output) = (nil, nil, nil, [])
  }

  /// Sends what is left at the end of the run, but waits for nobody long.
  func finish() {
    for _ in 0..<20 where hasOutput {
      send()
      guard hasOutput, let client else { return }
      _ = Host.wait(for: [Host.Interest(descriptor: client, writes: true)], timeout: 50_000_000)
    }
  }
}
