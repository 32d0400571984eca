/// Handles copies of a message once: a copy of one that has been handled is acknowledged without outputs, and reported as
/// `duplicateSkipped`.
///
/// A key is reserved before the handler runs, and committed only when the handler's outputs are accepted. When the message
/// fails, anywhere in the chain or because its outputs were not accepted, the reservation ends, and a redelivery is handled. A
/// copy that comes while the message is being handled waits in the transport, without a counted attempt.
///
/// Put it inside of `PoisonQueue`: a message that was poisoned is not handled, and its replay is not a duplicate. It works on
/// either side of `Retry`. A store that fails lets the message go back to its transport: nothing is lost or handled
/// unchecked. If a key can't be committed, that is logged as a warning, and a later copy is handled again.
public struct Deduplicate: Middleware {
    /// What tells messages apart.
    public enum Key: Sendable {
        /// The message's id.
        case id
        /// The message's key. A message without one is refused.
        case key
        /// The value of a metadata key. A message without it is refused.
        case metadata(String)
        /// The SHA-256 hash of the payload: equal payloads are taken for copies.
        case payloadHash
        /// What a function makes of the message; nil for a message that is handled in any case.
        case custom(@Sendable (Message) throws -> String?)
    }

    /// Among what copies are looked for.
    public enum Scope: Sendable, Hashable {
        /// What the handler has handled.
        case handler
        /// What all handlers with this scope have handled.
        case named(String)
    }

    private let key: Key
    private var window: Duration
    private var lease: Duration
    private var retryAfter: Duration
    private let scope: Scope
    private let store: any DeduplicationStore
    private var pending = PendingReservations()

    /// Deduplication.
    ///
    /// - Parameters:
    ///   - key: What tells messages apart. Defaults to the id. For a message without the key or metadata that it names, a
    ///     ``MillraceError`` of code `invalidMessage`, not retriable, goes outward.
    ///   - window: How long a message is remembered after it was handled. Defaults to 10 minutes; at least 1 millisecond.
    ///   - lease: How long a reservation stands when its process dies; longer than a message is ever handled, or a copy may be
    ///     handled at the same time. Defaults to 5 minutes; at least 1 millisecond.
    ///   - retryAfter: When a copy of a message that is being handled is looked at again. Defaults to 1 second; at least
    ///     1 millisecond.
    ///   - scope: Among what copies are looked for. Defaults to what the handler has handled.
    ///   - store: Where keys are kept. Defaults to the process's memory, 100,000 keys, shared by the handlers that share the
    ///     instance.
    public init(
        by key: Key = .id, window: Duration = .seconds(600), lease: Duration = .seconds(300),
        retryAfter: Duration = .seconds(1), scope: Scope = .handler,
        in store: any DeduplicationStore = InMemoryDeduplicationStore()
    ) {
        self.key = key
        self.window = window
        self.lease = lease
        self.retryAfter = retryAfter
        self.scope = scope
        self.store = store
    }

    /// A copy that knows the handler, with the same store.
    public func attached(to handler: HandlerInfo) throws -> any Middleware {
        var copy = self
        copy.pending = PendingReservations()
        return copy
    }

    /// Handles the message unless it has been handled.
    public func handle(_ message: Message, _ context: HandlerContext, next: NextHandler) async throws -> Outputs {
        guard let text = try text(of: message, context) else { return try await next(message, context) }
        let delivery = PendingReservations.Delivery(worker: ObjectIdentifier(context.slot), token: context.token)
        let owner: MessageID
        if let held = pending.owner(of: delivery) {
            // Handled before in this delivery, by a `Retry` outside for example: the reservation still stands.
            owner = held
        } else {
            let mine = MessageID.next()
            guard try await reserve(text, for: mine, message, context) else { return Outputs() }
            owner = mine
            pending.note(owner, of: delivery)
            context.onOutcome { [self, observers = context.observers] outcome in
                guard pending.end(owner, of: delivery) else { return }
                await conclude(text, owner, isAccepted: outcome.isAccepted, observers)
            }
        }
        do {
            return try await next(message, context)
        } catch {
            if pending.end(owner, of: delivery) {
                await conclude(text, owner, isAccepted: false, context.observers)
            }
            throw error
        }
    }

    /// Returns false for a duplicate.
    private func reserve(
        _ text: String, for owner: MessageID, _ message: Message, _ context: HandlerContext
    ) async throws -> Bool {
        while true {
            switch try await store.reserve(text, for: owner, lease: lease) {
            case .reserved: return true
            case .duplicate:
                context.observers.report(
                    .debug, .duplicateSkipped(handler: context.handler, id: message.id, key: text))
                return false
            case .inProgress:
                guard context.canRetryLater else {
                    try await context.clock.sleep(for: retryAfter)
                    continue
                }
                context.excuseDelivery(of: message)
                throw RetryLater(after: retryAfter)
            }
        }
    }

    /// Ends a reservation, also in a task that is cancelled.
    private func conclude(_ text: String, _ owner: MessageID, isAccepted: Bool, _ observers: Observers) async {
        let work = Task { [store, window] in
            if isAccepted {
                try await store.commit(text, by: owner, keepFor: window)
            } else {
                try await store.release(text, by: owner)
            }
        }
        guard case .failure(let error) = await work.result else { return }
        observers.report(
            .warning,
            .log(
                message: isAccepted ? "the deduplication key was not committed" : "the deduplication key was not released",
                handler: nil, fields: [("key", .text(text)), ("error", "\(error)")]))
    }

    private func text(of message: Message, _ context: HandlerContext) throws -> String? {
        let text: String
        switch key {
        case .id: text = message.id.description
        case .key:
            guard let key = message.key else { throw missing("key", message, context) }
            text = key
        case .metadata(let name):
            guard let value = message.metadata[name] else { throw missing("metadata key '\(name)'", message, context) }
            text = value
        case .payloadHash: text = message.payload.withUnsafeBytes(SHA256.hex)
        case .custom(let make):
            guard let made = try make(message) else { return nil }
            text = made
        }
        // With its length in front a name can't run into the text behind it.
        switch scope {
        case .handler: return "handler:\(context.handler.utf8.count):\(context.handler):\(text)"
        case .named(let name): return "scope:\(name.utf8.count):\(name):\(text)"
        }
    }

    private func missing(_ what: String, _ message: Message, _ context: HandlerContext) -> MillraceError {
        MillraceError(
            .invalidMessage, "handler '\(context.handler)': Deduplicate: message \(message.id) has no \(what)",
            isRetriable: false)
    }

    func validate(for handler: String) throws {
        let subject = "handler '\(handler)': Deduplicate"
        for (name, value) in [("window", window), ("lease", lease), ("retryAfter", retryAfter)] {
            guard value >= .milliseconds(1) else {
                throw MillraceError.invalidOption(name, value, bound: "at least 1 millisecond", of: subject)
            }
        }
        if case .metadata("") = key {
            throw MillraceError.invalidOption("metadata key", "''", bound: "at least 1 character", of: subject)
        }
    }
}

/// The reservations of one handler whose outcome is not known yet, by their delivery.
final class PendingReservations: Sendable {
    /// One delivery: a worker has several whose outcome is open, and a token means something to its subscription alone.
    struct Delivery: Hashable {
        let worker: ObjectIdentifier
        let token: DeliveryToken
    }

    private let owners = Lock<[Delivery: MessageID]>([:])

    func owner(of delivery: Delivery) -> MessageID? { owners.withLock { $0[delivery] } }

    func note(_ owner: MessageID, of delivery: Delivery) { owners.withLock { $0[delivery] = owner } }

    /// Forgets a reservation. Returns false when it has been forgotten before.
    func end(_ owner: MessageID, of delivery: Delivery) -> Bool {
        owners.withLock { owners in
            guard owners[delivery] == owner else { return false }
            owners[delivery] = nil
            return true
        }
    }

    var count: Int { owners.withLock { $0.count } }
}

extension MessageOutcome {
    var isAccepted: Bool { if case .accepted = self { true } else { false } }
}

extension Deduplicate: ConfigurableMiddleware {
    /// Takes `window`, `lease` and `retry-after`. The store stays.
    public mutating func configure(_ section: inout ConfigurationSection) throws {
        window = try section.takeDuration("window") ?? window
        lease = try section.takeDuration("lease") ?? lease
        retryAfter = try section.takeDuration("retry-after") ?? retryAfter
    }
}
