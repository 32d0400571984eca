import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Ports of the loopback that nobody uses at the moment.
enum FreePorts {
    /// Below what the system gives to connections that go out: a server that is restarted finds its port free.
    private static let range = 10_000..<32_000

    /// So many, all different; never Redis' own.
    static func choose(_ count: Int) throws -> [Int] {
        var sockets: [Int32] = []
        defer { for descriptor in sockets { _ = Loopback.close(descriptor) } }
        var ports: [Int] = []
        while ports.count < count {
            let port = Int.random(in: range)
            guard let (descriptor, _) = try? Loopback.bind(port) else { continue }
            sockets.append(descriptor)
            ports.append(port)
        }
        return ports
    }
}
