#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// TCP connections and those through Unix sockets; they never block.
enum HostSocket {
  /// The sockets that listen at a host and port: one for each address of the host. Throws a failure that
  /// names `purpose` if there is none.
  static func listen(host: String, port: UInt16, purpose: String) throws(Failure) -> [Int32] {
    var hints = addrinfo()
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
    hints.ai_family = AF_UNSPEC
    #if canImport(Glibc)
      hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    #else
      hints.ai_socktype = SOCK_STREAM
    #endif
    var list: UnsafeMutablePointer<addrinfo>?
    let result = getaddrinfo(host, String(port), &hints, &list)
    guard result == 0 else {
      throw Failure(
        .hostResources, "\(purpose): \(host) has no address: \(String(cString: gai_strerror(result)))")
    }
    defer { freeaddrinfo(list) }
    var sockets: [Int32] = []
    var reason = ""
    var entry = list
    while let address = entry?.pointee {
      if let socket = open(address) { sockets.append(socket) } else { reason = Host.text(forError: errno) }
      entry = address.ai_next
    }
    guard !sockets.isEmpty else {
      throw Failure(.hostResources, "\(purpose): cannot listen at port \(port) of \(host): \(reason)")
    }
    return sockets
  }

  /// A Unix socket that listens at a path, which nobody else may use; one that a process has left there is replaced.
  static func listen(path: String, purpose: String) throws(Failure) -> Int32 {
    func fail() -> Failure {
      Failure(.hostResources, "\(purpose): cannot listen at \(path): \(Host.text(forError: errno))")
    }
    #if canImport(Glibc)
      let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    #else
      let descriptor = socket(AF_UNIX, SOCK_STREAM, 0)
    #endif
    guard descriptor >= 0 else { throw fail() }
    makeNonblocking(descriptor)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    var status = stat()
    if lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK { unlink(path) }
    let mask = umask(0o077)
    defer { umask(mask) }
    let isBound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
      }
    }
    guard isBound, posixListen(descriptor) == 0 else {
      let failure = fail()
      close(descriptor)
      throw failure
    }
    return descriptor
  }

  private static func open(_ address: addrinfo) -> Int32? {
    let descriptor = socket(address.ai_family, address.ai_socktype, address.ai_protocol)
    guard descriptor >= 0 else { return nil }
    var on: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
    makeNonblocking(descriptor)
    guard bind(descriptor, address.ai_addr, address.ai_addrlen) == 0, posixListen(descriptor) == 0 else {
      let error = errno
      close(descriptor)
      errno = error
      return nil
    }
    return descriptor
  }

  private static func posixListen(_ descriptor: Int32) -> Int32 {
    #if canImport(Glibc)
      Glibc.listen(descriptor, 8)
    #elseif canImport(Musl)
      Musl.listen(descriptor, 8)
    #else
      Darwin.listen(descriptor, 8)
    #endif
  }

  private static func makeNonblocking(_ descriptor: Int32) {
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
  }

  /// The next connection; nil if none waits.
  static func accept(_ listener: Int32) -> Int32? {
    #if canImport(Glibc)
      let descriptor = Glibc.accept(listener, nil, nil)
    #elseif canImport(Musl)
      let descriptor = Musl.accept(listener, nil, nil)
    #else
      let descriptor = Darwin.accept(listener, nil, nil)
    #endif
    guard descriptor >= 0 else { return nil }
    makeNonblocking(descriptor)
    var on: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    return descriptor
  }

  /// Sends what the socket takes now; nil if the connection is broken.
  static func send(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Int? {
    guard !bytes.isEmpty else { return 0 }
    // SIGPIPE is ignored (`Signals.install`).
    let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    if count >= 0 { return count }
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : nil
  }

  static func close(_ descriptor: Int32) {
    #if canImport(Glibc)
      _ = Glibc.close(descriptor)
    #elseif canImport(Musl)
      _ = Musl.close(descriptor)
    #else
      _ = Darwin.close(descriptor)
    #endif
  }
}
