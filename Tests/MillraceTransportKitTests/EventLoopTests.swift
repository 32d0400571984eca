@testable import Millrace
import TestSupport
import MillraceTransportKit
import MillraceTesting
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

@Suite("An event loop", .timeLimit(.minutes(1))) struct EventLoopTests {
    /// Collects what comes out of a pipe.
    private final class Reader: EventSource, @unchecked Sendable {
        // Safe to share: the loop alone calls it.
        let descriptor: Int32
        let wantsWrite = false
        let received = Box<[UInt8]>([])
        let isComplete = Signal()

        init(_ descriptor: Int32) { self.descriptor = descriptor }

        func ready(toRead: Bool, toWrite: Bool) {
            var bytes = [UInt8](repeating: 0, count: 16)
            let count = read(descriptor, &bytes, 16)
            guard count > 0 else { return }
            let total = received.update { received in
                received += bytes[..<count]
                return received.count
            }
            if total >= 3 { isComplete.fire() }
        }
    }

    @Test("runs jobs of many tasks, each task's in order") func jobs() async throws {
        let loop = try EventLoop(name: "test")
        let ran = Box<[[Int]]>(Array(repeating: [], count: 8))
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for number in 0..<200 { loop.execute { ran.update { $0[task].append(number) } } }
                }
            }
        }
        let done = Signal()
        loop.execute { done.fire() }
        try await done.wait()
        loop.stop()
        #expect(ran.value == Array(repeating: Array(0..<200), count: 8))
    }

    @Test("tells a source that there is something to read, until it is removed") func sources() async throws {
        var pair: [Int32] = [-1, -1]
        try #require(pipe(&pair) == 0)
        defer { for descriptor in pair { close(descriptor) } }
        let loop = try EventLoop(name: "test")
        let reader = Reader(pair[0])
        loop.execute { loop.add(reader) }
        for byte: UInt8 in [1, 2, 3] {
            var byte = byte
            write(pair[1], &byte, 1)
        }
        try await reader.isComplete.wait()
        #expect(reader.received.value == [1, 2, 3])
        let removed = Signal()
        loop.execute {
            loop.remove(reader)
            removed.fire()
        }
        try await removed.wait()
        loop.stop()
    }

    @Test("runs a job after its delay") func delayed() async throws {
        let clock = ManualClock()
        let loop = try EventLoop(name: "test")
        let done = Signal()
        loop.execute(after: .seconds(5), clock: clock) { done.fire() }
        clock.advance(by: .seconds(4))
        #expect(!done.hasFired)
        clock.advance(by: .seconds(1))
        try await done.wait()
        loop.stop()
    }
}
