@testable import Millrace
import TestSupport
import MillraceMemory
import MillraceTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct DuplicatorTests {
    @Test("A message is handled twice, and the outputs of both are published in order")
    func twice() async throws {
        let calls = Box(0)
        try await Bench().run {
            Duplicator()
        } handler: { _, _ in
            let call = calls.increment()
            return [Message(text: "\(call)a"), Message(text: "\(call)b")]
        } _: { out in
            let found = try await out.collect(4).map(\.payload.text)
            #expect(found == ["1a", "1b", "2a", "2b"])
        }
        #expect(calls.value == 2)
    }

    @Test("The first error wins, of either run, and no outputs are published", arguments: [1, 2])
    func firstError(failing: Int) async throws {
        let bench = try Bench()
        let calls = Box(0)
        let poisoned = try await TopicProbe(of: "poison", on: bench.broker)
        try await bench.run {
            PoisonQueue("poison", on: bench.broker)
            Duplicator()
        } handler: { message, _ in
            let call = calls.increment()
            if call == failing { throw Reject("run \(call)") }
            return [message]
        } _: { out in
            let found = try await poisoned.next().metadata[MetadataKey.poisonReason]
            #expect(found == "run \(failing)")
            #expect(out.messages.isEmpty)
        }
        #expect(calls.value == failing)
    }

    @Test("Cancellation ends the run at hand")
    func cancellation() async throws {
        let broker = try quietBroker()
        let started = Signal()
        let router = Router(RouterOptions(drainTimeout: .milliseconds(1), observers: [])) { Duplicator() }
        try router.consume("h", from: "in", on: broker) { _, _ in
            started.fire()
            try await Signal().wait()
        }
        try await withRunning(router) {
            try await broker.publish(Message(text: "x"), to: "in")
            try await started.wait()
        }
        #expect(broker.depth(of: "in", group: "h")?.waiting == 1)
    }
}
