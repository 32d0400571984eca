import Millrace
import MillraceCQRS
import MillraceMemory
import MillraceTesting
import Testing

@Suite struct RegistrationTests {
    @Test func aCommandHasOneHandler() async throws {
        let shop = try Shop()
        try shop.router.register(shop.cqrs.handler(Open.self) { _, _ in })
        let error = #expect(throws: MillraceError.self) {
            try shop.router.register(shop.cqrs.handler(Open.self, named: "another") { _, _ in })
        }
        #expect(error?.code == .duplicateHandler)
        #expect(error?.message.contains("command 'Open' has a handler already, 'Open'") == true)
        let other = Router(.quiet())
        #expect(throws: MillraceError.self) {
            try other.register(shop.cqrs.handler(Open.self, named: "another") { _, _ in })
        }
    }

    @Test func aCommandIsFreeWhenItsHandlerIsGone() async throws {
        let shop = try Shop()
        try shop.router.consume("taken", from: "elsewhere", on: shop.broker) { _, _ in }
        // Refused for its name, so that it does not keep the command.
        #expect(throws: MillraceError.self) {
            try shop.router.register(shop.cqrs.handler(Open.self, named: "taken") { _, _ in })
        }
        try shop.router.register(shop.cqrs.handler(Open.self, named: "first") { _, _ in })
        try await withRunning(shop.router) {
            try await shop.router.stop("first")
            try shop.router.register(shop.cqrs.handler(Open.self, named: "second") { _, _ in })
        }
        do {
            let router = Router(.quiet())
            try router.register(shop.cqrs.handler(Audit.self) { _, _ in })
        }
        try Router(.quiet()).register(shop.cqrs.handler(Audit.self) { _, _ in })
    }

    @Test func theGroupOfACommandDoesNotDependOnItsHandlersName() throws {
        let shop = try Shop()
        try shop.router.register(shop.cqrs.handler(Open.self, named: "open-account") { _, _ in })
        try shop.router.register(shop.cqrs.handler("mail", on: Opened.self) { _, _ in })
        let handlers = shop.router.describe().handlers
        #expect(handlers.map(\.name) == ["open-account", "mail"])
        #expect(handlers.map(\.group) == ["Open", "mail"])
        #expect(handlers.map(\.topic) == ["bank.Open", "bank.Opened"])
        let messages = shop.cqrs.handler(Open.self) { _, _ in }.messages
        #expect(messages == [MessageDescriptor(kind: .command, name: "Open", version: 1)])
    }

    @Test func whatCannotWorkIsRefused() throws {
        let shop = try Shop()
        func refusal(_ handler: CQRSHandler) -> MillraceError? {
            #expect(throws: MillraceError.self) { try shop.router.register(handler) }
        }
        let everywhere = refusal(shop.cqrs.handler(Open.self, options: .init(group: .none)) { _, _ in })
        #expect(everywhere?.message.contains("each process would handle") == true)

        struct Bare: DomainEvent { static let messageVersion = 0 }
        #expect(refusal(shop.cqrs.handler("bare", on: Bare.self) { _, _ in })?.message.contains("messageVersion is 0") == true)

        struct Newer: DomainEvent {
            static var upcasters: [Upcaster<Newer>] { [Upcaster(from: 1, Answer.self) { _ in Newer() }] }
        }
        #expect(refusal(shop.cqrs.handler("newer", on: Newer.self) { _, _ in })?.message.contains("upcaster") == true)

        struct Same: DomainEvent { static let messageName = "Opened" }
        try shop.cqrs.declare(Opened.self)
        #expect(refusal(shop.cqrs.handler("same", on: Same.self) { _, _ in })?.message.contains("'Opened'") == true)

        let long = refusal(shop.cqrs.handler(String(repeating: "x", count: 300), on: Closed.self) { _, _ in })
        #expect(long?.code == .invalidOption)
    }

    @Test func optionsAreChecked() {
        var options = CQRSOptions.quiet
        options.replies.timeout = .zero
        let cqrs = CQRS(on: MemoryTransport(observers: Observers([])), topics: .perType(), options)
        let error = #expect(throws: MillraceError.self) {
            try Router(.quiet()).register(cqrs.handler(Open.self) { _, _ in })
        }
        #expect(error?.message == "CQRS: ReplyOptions: timeout is 0.0 seconds, it must be more than 0")
    }
}
