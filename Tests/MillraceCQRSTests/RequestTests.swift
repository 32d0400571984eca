import Millrace
import MillraceCQRS
import MillraceMemory
import MillraceRedis
import MillraceTesting
import TestSupport
import Testing

@Suite struct RequestTests {
    private static func answer(_ cqrs: CQRS, _ router: Router) throws {
        try router.register(
            cqrs.handler(Ask.self, options: .init(concurrency: 4)) { request, context in
                guard request.number >= 0 else { throw Unknown(number: request.number) }
                return Answer(number: request.number * 2)
            })
    }

    @Test(arguments: Backend.allCases)
    func requestsAreAnswered(_ backend: Backend) async throws {
        try await backend.run(register: Self.answer) { cqrs, _ in
            let answer = try await cqrs.request(Ask(number: 21))
            #expect(answer == Answer(number: 42))
            #expect(try await cqrs.request(Ask(number: 1), expecting: Answer.self) == Answer(number: 2))
            #expect(cqrs.statistics == CQRSStatistics())
        }
    }

    @Test(arguments: Backend.allCases)
    func errorsCrossTheWire(_ backend: Backend) async throws {
        try await backend.run(register: Self.answer) { cqrs, _ in
            await #expect(throws: Unknown(number: -3)) { try await cqrs.request(Ask(number: -3)) }
        }
    }

    @Test(arguments: Backend.allCases)
    func aThousandRequestsShareAnInbox(_ backend: Backend) async throws {
        try await backend.run(register: Self.answer) { cqrs, _ in
            let sum = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 1...1_000 {
                    group.addTask {
                        let answer = try await cqrs.request(Ask(number: number), timeout: .seconds(60))
                        return answer.number == number * 2 ? number : 0
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(sum == 500_500)
            #expect(cqrs.statistics == CQRSStatistics())
        }
    }

    @Test(arguments: Backend.allCases)
    func severalAnswersAreASequence(_ backend: Backend) async throws {
        try await backend.run { cqrs, router in
            try router.register(
                cqrs.handler(Audit.self) { command, context in
                    for number in 1...3 { try await context.replyNow(Answer(number: number)) }
                    for number in 4...5 { try context.reply(Answer(number: number)) }
                    await #expect(throws: MillraceError.self) { try await context.replyNow(Answer(number: 6)) }
                })
        } body: { cqrs, _ in
            var numbers: [Int] = []
            let replies = try await cqrs.replies(to: Audit(text: ""), as: Answer.self)
            for try await answer in replies { numbers.append(answer.number) }
            #expect(numbers == [1, 2, 3, 4, 5])
            #expect(try await cqrs.request(Audit(text: ""), expecting: Answer.self).number == 1)
            try await cqrs.sendAndWait(Audit(text: ""))
            #expect(cqrs.statistics.pendingRequests == 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func answersAreNotRepeatedWhenTheHandlerIs(_ backend: Backend) async throws {
        try await backend.run(middleware: [Retry(attempts: 3, backoff: .constant())]) { cqrs, router in
            try router.register(
                cqrs.handler(Audit.self) { command, context in
                    try await context.replyNow(Answer(number: 1))
                    try context.reply(Answer(number: 2))
                    if context.attempt < 3 { throw Flaky() }
                })
        } body: { cqrs, _ in
            var numbers: [Int] = []
            let replies = try await cqrs.replies(to: Audit(text: ""), as: Answer.self)
            for try await answer in replies { numbers.append(answer.number) }
            #expect(numbers == [1, 2])
            #expect(cqrs.statistics.repeatedReplies == 2)
        }
    }

    @Test(arguments: Backend.allCases)
    func whoIsGivenUpIsTold(_ backend: Backend) async throws {
        let poison = MemoryTransport(observers: Observers([]))
        try await backend.run(middleware: [PoisonQueue("poison", on: poison), Retry(attempts: 2, backoff: .constant())]) {
            cqrs, router in
            try router.register(
                cqrs.handler(Audit.self) { command, context in throw Flaky() })
        } body: { cqrs, _ in
            let error = await #expect(throws: MillraceError.self) { try await cqrs.sendAndWait(Audit(text: "")) }
            #expect(error?.code == .requestFailed)
            #expect(error?.underlying as? RemoteFailure == RemoteFailure(type: "Flaky", message: "Flaky()"))
        }
    }

    @Test func whoIsRejectedIsTold() async throws {
        // By the handler, without a poison queue, and by an error that is no answer of its command.
        try await Backend.memory.run { cqrs, router in
            try router.register(cqrs.handler(Audit.self) { _, _ in throw Reject("no such text") })
            try router.register(
                cqrs.handler(Open.self, options: .init(maximumAttempts: 1)) { _, _ in throw Unknown(number: 1) })
        } body: { cqrs, _ in
            let rejected = await #expect(throws: MillraceError.self) { try await cqrs.sendAndWait(Audit(text: "")) }
            #expect((rejected?.underlying as? RemoteFailure)?.message == "no such text")
            let undeclared = await #expect(throws: MillraceError.self) { try await cqrs.sendAndWait(Open(account: "")) }
            #expect((undeclared?.underlying as? RemoteFailure)?.type == "Unknown")
        }
    }

    @Test func whoComesBackIsAnsweredInTheEnd() async throws {
        try await Backend.memory.run { cqrs, router in
            try router.register(
                cqrs.handler(Ask.self, options: .init(redelivery: .constant(.milliseconds(1)))) { request, context in
                    guard context.attempt == 3 else { throw Flaky() }
                    return Answer(number: context.attempt)
                })
        } body: { cqrs, _ in
            let answer = try await cqrs.request(Ask(number: 1))
            #expect(answer.number == 3)
            #expect(cqrs.statistics == CQRSStatistics())
        }
    }

    @Test func anErrorThatIsAnAnswerDropsTheRest() async throws {
        let shop = try Shop()
        let opened = try await shop.probe(Opened.self)
        try shop.router.register(
            shop.cqrs.handler(Ask.self) { request, context in
                try await context.publish(Opened(account: "\(request.number)"))
                if request.number < 0 { throw Unknown(number: request.number) }
                return Answer(number: 0)
            })
        try await withRunning(shop.router) {
            await #expect(throws: Unknown.self) { try await shop.cqrs.request(Ask(number: -1)) }
            _ = try await shop.cqrs.request(Ask(number: 1))
            #expect(try await opened.next().decode(Opened.self).account == "1")
        }
    }

    @Test func nobodyWaitsForever() async throws {
        let clock = ManualClock()
        var options = CQRSOptions.quiet
        options.clock = clock
        let shop = try Shop(options)
        let commands = try await shop.probe(Ask.self)
        let cqrs = shop.cqrs
        let answer = Task { try await cqrs.request(Ask(number: 1), timeout: .seconds(2)) }
        let request = try await commands.next()
        #expect(cqrs.statistics.pendingRequests == 1)
        // That of the request, since publishing is done.
        try await clock.waitForTimers(1)
        clock.advance(by: .seconds(2))
        let error = await #expect(throws: MillraceError.self) { _ = try await answer.value }
        #expect(error?.code == .deadlineExceeded)
        #expect(error?.message == "'Ask': no answer within 2.0 seconds; is its handler running?")
        #expect(cqrs.statistics.pendingRequests == 0)

        // The answer comes all the same.
        let replies = try #require(request.metadata[MetadataKey.replyTopic])
        var late = Message(text: "{}", metadata: request.metadata)
        late.metadata[MetadataKey.replyKind] = "last"
        try await shop.broker.publish([late, Message(text: "stray")], to: replies)
        let again = try await answered(by: cqrs, commands, shop.broker)
        #expect(again == Answer(number: 5))
        #expect(cqrs.statistics.lateReplies == 1)
        #expect(cqrs.statistics.foreignReplies == 1)
        await cqrs.close()
    }

    /// A request whose handler is this function.
    private func answered(by cqrs: CQRS, _ commands: TopicProbe, _ broker: MemoryTransport) async throws -> Answer {
        async let answer = cqrs.request(Ask(number: 1), timeout: .seconds(2))
        let request = try await commands.next()
        var reply = Message(text: #"{"number":5}"#)
        reply.metadata[MetadataKey.requestID] = request.metadata[MetadataKey.requestID]
        reply.metadata[MetadataKey.replyKind] = "last"
        try await broker.publish(reply, to: try #require(request.metadata[MetadataKey.replyTopic]))
        return try await answer
    }

    @Test func aRequestIsCancelledWithItsTask() async throws {
        let shop = try Shop()
        let commands = try await shop.probe(Ask.self)
        let waiting = Task { try await shop.cqrs.request(Ask(number: 1), timeout: .seconds(3_600)) }
        _ = try await commands.next()
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        #expect(shop.cqrs.statistics.pendingRequests == 0)
        await shop.cqrs.close()
    }

    @Test func lettingGoOfASequenceEndsItsRequest() async throws {
        let shop = try Shop()
        do {
            let replies = try await shop.cqrs.replies(to: Audit(text: ""), as: Answer.self)
            #expect(shop.cqrs.statistics.pendingRequests == 1)
            _ = replies
        }
        #expect(shop.cqrs.statistics.pendingRequests == 0)
        await shop.cqrs.close()
    }

    @Test func answersThatNobodyTakesUpAreBounded() async throws {
        var options = CQRSOptions.quiet
        options.replies.maximumBuffered = 2
        let shop = try Shop(options)
        try shop.router.register(
            shop.cqrs.handler(Audit.self) { _, context in for number in 1...9 { try context.reply(Answer(number: number)) } })
        try shop.router.register(shop.cqrs.handler(Ask.self) { _, _ in Answer(number: 0) })
        try await withRunning(shop.router) {
            let replies = try await shop.cqrs.replies(to: Audit(text: ""), as: Answer.self)
            // The inbox is in order: that of this request comes behind all of those.
            for _ in 0..<1_000 where shop.cqrs.statistics.lateReplies < 1 { _ = try await shop.cqrs.request(Ask(number: 0)) }
            #expect(shop.cqrs.statistics.lateReplies >= 1)
            var numbers: [Int] = []
            let error = await #expect(throws: MillraceError.self) {
                for try await answer in replies { numbers.append(answer.number) }
            }
            #expect(error?.code == .overflow)
            #expect(numbers == [1, 2])
        }
    }

    @Test func nobodyAnswersWhoHasStoppedWaiting() async throws {
        let shop = try Shop()
        let inbox = try await TopicProbe(of: "replies", on: shop.broker)
        let seen = Log<Bool>()
        try shop.router.register(
            shop.cqrs.handler(Open.self) { command, context in seen.append(context.isRequest) })
        func request(_ topic: String, until: Int64) throws -> Message {
            try Message(
                encoding: Open(account: "ada"),
                metadata: [
                    "name": "Open", MetadataKey.replyTopic: topic, MetadataKey.requestID: "\(until)",
                    MetadataKey.replyUntil: "\(until)",
                ])
        }
        let now = SystemClock.shared.unixMilliseconds
        try await withRunning(shop.router) {
            try await shop.broker.publish(
                [request("replies", until: now - 60_000), request("\u{1}", until: now), request("replies", until: now - 1_000)],
                to: "bank.Open")
            // The grace is 30 seconds; a topic that can't be one is no address.
            #expect(try await inbox.next().metadata[MetadataKey.requestID] == "\(now - 1_000)")
            #expect(seen.elements == [true, false, true])
            #expect(shop.cqrs.statistics.expiredReplies == 1)
        }
    }

    /// The end is let in, whatever its number.
    @Test func anErrorMayFollowAnswers() async throws {
        let shop = try Shop()
        try shop.router.register(
            shop.cqrs.handler(Ask.self) { request, context in
                for number in 1...2 { try await context.replyNow(Answer(number: number)) }
                throw Unknown(number: 3)
            })
        try await withRunning(shop.router) {
            let replies = try await shop.cqrs.replies(to: Ask(number: 1), as: Answer.self)
            var numbers: [Int] = []
            await #expect(throws: Unknown(number: 3)) { for try await answer in replies { numbers.append(answer.number) } }
            #expect(numbers == [1, 2])
        }
    }

    @Test func aRequestFromAHandlerIsPartOfItsTransaction() async throws {
        let shop = try Shop()
        let correlations = Log<String?>()
        try shop.router.register(
            shop.cqrs.handler(Ask.self) { request, context in
                correlations.append(context.metadata[MetadataKey.correlationID])
                return Answer(number: request.number)
            })
        try shop.router.register(
            shop.cqrs.handler(Open.self) { command, context in
                _ = try await context.request(Ask(number: 1))
            })
        try await withRunning(shop.router) {
            try await shop.cqrs.sendAndWait(Open(account: ""), metadata: [MetadataKey.correlationID: "c-9"])
            #expect(correlations.elements == ["c-9"])
        }
    }
}
