import Millrace
import MillraceCQRS
import MillraceMemory
import MillraceTesting
import Testing

@Suite struct RequeuerTests {
    private let broker = MemoryTransport(observers: Observers([]))

    @Test(arguments: [Duration.zero, .milliseconds(2)])
    func messagesComeBackSoOftenAndForTheirGroup(_ delay: Duration) async throws {
        let router = Router(.quiet()) { PoisonQueue("poison", on: broker) }
        let attempts = Log<String>()
        let others = Log<String>()
        try router.consume("bill", from: "orders", on: broker) { message, _ in
            attempts.append(message.payload.text ?? "")
            if message.payload.text == "bad" || message.metadata[MetadataKey.replays] == nil { throw Flaky() }
        }
        try router.consume("ship", from: "orders", on: broker) { message, _ in others.append(message.payload.text ?? "") }
        try router.register(
            Requeuer("requeue", from: "poison", on: broker, after: .constant(delay), maximum: 2, exhaustedTo: "dead"))
        let dead = try await TopicProbe(of: "dead", on: broker)
        let bad = Message(text: "bad", key: "k", metadata: ["a": "b"])
        try await withRunning(router) {
            try await broker.publish(Message(text: "good"), to: "orders")
            try await broker.publish(bad, to: "orders")
            let letter = try #require(DeadLetter(try await dead.next()))
            #expect(letter.replays == 2)
            #expect(letter.handler == "bill")
            #expect(letter.message.id == bad.id)
            #expect(letter.message.key == "k")
            #expect(letter.message.metadata["a"] == "b")
            try await attempts.reach(5)
            try await others.reach(2)
        }
        #expect(attempts.elements.filter { $0 == "good" }.count == 2)
        #expect(attempts.elements.filter { $0 == "bad" }.count == 3)
        #expect(others.elements == ["good", "bad"])
    }

    @Test func whatDoesNotSayWhereItFailedIsGivenUp() async throws {
        let observer = RecordingObserver()
        let router = Router(.quiet(observers: [observer]))
        try router.register(Requeuer("with", from: "poison", on: broker, exhaustedTo: "dead"))
        try router.register(Requeuer("without", from: "poison", on: broker))
        let dead = try await TopicProbe(of: "dead", on: broker)
        try await withRunning(router) {
            let stray = Message(text: "stray")
            try await broker.publish(stray, to: "poison")
            #expect(try await dead.next() == stray)
            try await observer.event { event in
                if case .messageRejected("without", _, let reason) = event.kind {
                    return reason.contains("it does not say where it failed")
                }
                return false
            }
        }
    }

    @Test func whatCannotWorkIsRefused() {
        func refusal(_ requeuer: Requeuer) -> String? {
            #expect(throws: MillraceError.self) { try Router(.quiet()).register(requeuer) }?.message
        }
        #expect(refusal(Requeuer("r", from: "p", on: broker, maximum: 0)) == "requeuer 'r': maximum is 0, it must be at least 1")
        #expect(refusal(Requeuer("r", from: "p", on: broker, exhaustedTo: "p"))?.contains("another topic") == true)
    }
}
