import Millrace
import MillraceCQRS
import MillraceMemory
import MillraceTesting

struct Open: DomainCommand, Hashable {
    var account: String
    var messageKey: String? { account }
}

struct Opened: DomainEvent, Hashable {
    var account: String
    var messageKey: String? { account }
}

struct Closed: DomainEvent, Hashable {
    var account: String
}

struct Audit: DomainCommand, Hashable {
    var text: String
}

struct Ask: DomainRequest, Hashable {
    typealias Reply = Answer
    static let replyErrors: [any ReplyError.Type] = [Unknown.self]

    var number: Int
}

struct Answer: Codable, Hashable, Sendable {
    var number: Int
}

struct Unknown: ReplyError, Hashable {
    var number: Int
}

struct Flaky: Error {}

extension RouterOptions {
    /// Nobody listens, and a drain takes a second at most.
    static func quiet(_ plugins: [any RouterPlugin] = [], observers: [any Observer] = []) -> RouterOptions {
        RouterOptions(drainTimeout: .seconds(1), observers: observers, plugins: plugins)
    }
}

extension CQRSOptions {
    /// Nobody listens, and a busy machine has time to answer.
    static var quiet: CQRSOptions { CQRSOptions(replies: ReplyOptions(timeout: .seconds(60)), observers: Observers([])) }
}

/// A bus and a router on memory that tell nobody anything.
struct Shop {
    let broker: MemoryTransport
    let cqrs: CQRS
    let router: Router

    init(
        topics: TopicScheme = .perType(prefix: "bank."), _ options: CQRSOptions = .quiet, observers: [any Observer] = [],
        clock: any SchedulingClock = SystemClock.shared, @MiddlewareBuilder middleware: () -> [any Middleware] = { [] }
    ) throws {
        broker = MemoryTransport(observers: Observers([]))
        cqrs = CQRS(on: broker, topics: topics, options)
        var routerOptions = RouterOptions.quiet([cqrs], observers: observers)
        routerOptions.clock = clock
        router = Router(routerOptions, middleware: middleware)
    }

    func probe(_ type: any TypedMessage.Type) async throws -> TopicProbe {
        try await TopicProbe(of: cqrs.topic(of: type), on: broker)
    }
}

/// A list that tasks share, and that can be waited for.
final class Log<Element: Sendable>: Sendable {
    private let state = Lock<(elements: [Element], waiters: [(Int, Signal)])>(([], []))

    var elements: [Element] { state.withLock { $0.elements } }

    func append(_ element: Element) {
        let reached = state.withLock { state in
            state.elements.append(element)
            let count = state.elements.count
            defer { state.waiters.removeAll { $0.0 <= count } }
            return state.waiters.filter { $0.0 <= count }.map(\.1)
        }
        for signal in reached { signal.fire() }
    }

    /// Waits until there are so many elements.
    @discardableResult
    func reach(_ count: Int) async throws -> [Element] {
        let signal = Signal()
        let isThere = state.withLock { state in
            if state.elements.count < count { state.waiters.append((count, signal)) }
            return state.elements.count >= count
        }
        if !isThere { try await withTimeLimit(.seconds(30), "\(count) elements") { try await signal.wait() } }
        return elements
    }
}
