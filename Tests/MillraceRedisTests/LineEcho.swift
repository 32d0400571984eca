import Foundation
import Millrace

/// A server that sends back what it gets, with a thread for each connection.
final class LineEcho: Sendable {
    let port: Int
    private let isStopped = Lock(Flag())

    private struct Flag { var isSet = false }

    init() throws {
        let (listener, port) = try Loopback.bind()
        self.port = port
        listen(listener, 128)
        Thread.detachNewThread { [weak self] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0, self?.isStopped.withLock({ $0.isSet }) == false else { break }
                Thread.detachNewThread {
                    while true {
                        let bytes = Loopback.readSome(client)
                        guard !bytes.isEmpty, (try? Loopback.write(bytes, to: client)) != nil else { break }
                    }
                    _ = Loopback.close(client)
                }
            }
            _ = Loopback.close(listener)
        }
    }

    func stop() {
        isStopped.withLock { $0.isSet = true }
        // Wakes the thread, which then finds the flag.
        if let descriptor = try? Loopback.connect(port) { _ = Loopback.close(descriptor) }
    }
}
