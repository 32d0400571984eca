import Millrace
import MillraceMemory
import MillraceTesting
import Testing

/// Handlers that are functions, without a closure around them.
@Suite struct HandlerFunctionTests {
    private let observer = RecordingObserver(level: .info)

    /// What handlers have logged.
    private var lines: [String] {
        observer.events.compactMap { event in
            if case .log(let text, let handler, _) = event.kind { "\(handler ?? ""): \(text)" } else { nil }
        }
    }

    private func run(
        _ texts: [String], expecting count: Int, _ register: (Router, MemoryTransport) throws -> Void
    ) async throws {
        let broker = try quietBroker()
        var options = RouterOptions.quiet
        options.observers = [observer]
        let router = Router(options)
        try register(router, broker)
        try await withRunning(router) {
            try await broker.publish(texts.map { Message(text: $0) }, to: "in")
            try await withTimeLimit(.seconds(60), "\(count) lines") {
                while lines.count < count { await Task.yield() }
            }
        }
    }

    @Test("A function can be a handler, without options and with them")
    func functions() async throws {
        try await run(["a"], expecting: 3) { router, broker in
            try router.handle("shout", from: "in", on: broker, to: "loud", shout)
            try router.handle("again", from: "loud", on: broker, to: "louder", publishingOn: broker, shout)
            try router.consume("audit", from: "louder", on: broker, audit)
            try router.consume("plain", from: "louder", on: broker, auditAtOnce)
            try router.consume("eight", from: "louder", on: broker, options: .init(concurrency: 8), audit)
        }
        #expect(Set(lines) == ["audit: a!!", "plain: a!!", "eight: a!!"])
    }

    @Test("A function that returns an array can be a handler, without options and with them")
    func arrays() async throws {
        try await run(["a"], expecting: 4) { router, broker in
            try router.handle("twice", from: "in", on: broker, to: "loud", shoutTwice)
            try router.handle(
                "again", from: "loud", on: broker, to: "louder", publishingOn: broker, options: .init(concurrency: 2), shoutTwice)
            try router.consume("audit", from: "louder", on: broker, audit)
        }
        #expect(lines == Array(repeating: "audit: a??", count: 4))
    }

    @Test("A function can handle batches, without options")
    func batches() async throws {
        try await run(["a"], expecting: 1) { router, broker in
            try router.consumeBatches("all", from: "in", on: broker, upTo: 10, within: .zero, auditAll)
        }
        #expect(lines == ["all: a"])
    }

    @Test("A method can be a handler")
    func methods() async throws {
        let desk = Desk(name: "front")
        try await run(["a"], expecting: 1) { router, broker in
            try router.consume("desk", from: "in", on: broker, desk.receive)
        }
        #expect(lines == ["desk: front got a"])
    }
}

private func shoutTwice(_ message: Message, _ context: HandlerContext) async throws -> [Message] {
    [message, message].map { Message(text: "\($0.payload.text ?? "")?") }
}

private func shout(_ message: Message, _ context: HandlerContext) async throws -> Outputs {
    [Message(text: "\(message.payload.text ?? "")!")]
}

private func audit(_ message: Message, _ context: HandlerContext) async throws {
    context.logger.info(message.payload.text ?? "")
}

private func auditAtOnce(_ message: Message, _ context: HandlerContext) throws {
    context.logger.info(message.payload.text ?? "")
}

private func auditAll(_ batch: HandlerBatch, _ context: HandlerContext) async throws {
    for delivery in batch { context.logger.info(delivery.message.payload.text ?? "") }
}

private struct Desk: Sendable {
    let name: String

    func receive(_ message: Message, _ context: HandlerContext) async throws {
        context.logger.info("\(name) got \(message.payload.text ?? "")")
    }
}
