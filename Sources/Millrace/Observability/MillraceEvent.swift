/// Something that happened in a transport or a router.
public struct MillraceEvent: Sendable {
    /// How much it matters.
    public let level: EventLevel
    /// What it was.
    public let kind: Kind

    /// An event of the given kind.
    public init(level: EventLevel, kind: Kind) {
        self.level = level
        self.kind = kind
    }

    /// Why a settlement had no effect. New cases may be added, so that a `switch` needs a `default`.
    public enum IgnoredSettlement: String, Sendable, Hashable, CaseIterable {
        /// The delivery was settled before; the first settlement stands.
        case settledTwice = "settled before"
        /// The subscription or its transport was closed before; what was unsettled then has been given back.
        case subscriptionClosed = "settled after the close"
        /// The delivery's lease had run out before; it has been handed out again, or will be.
        case leaseExpired = "settled after its lease"
    }

    /// What can happen. New cases may be added, so that a `switch` needs a `default`.
    public enum Kind: Sendable {
        /// All handlers are subscribed.
        case routerStarted(handlers: Int)
        /// The shutdown has begun: nothing is fetched any more.
        case routerDraining
        /// The shutdown is complete.
        case routerStopped
        /// A handler is subscribed.
        case handlerStarted(handler: String, topic: String, group: String?)
        /// A handler has ended.
        case handlerStopped(handler: String)
        /// A handler fetches nothing until it is resumed.
        case handlerPaused(handler: String)
        /// A handler fetches nothing until it is resumed, because its `FailurePolicy` says so of this error.
        case handlerPausedByPolicy(handler: String, error: any Error)
        /// A handler fetches again.
        case handlerResumed(handler: String)
        /// A handler lost its subscription, or could not get one, and will try again after a delay.
        case handlerRestarting(handler: String, topic: String, group: String?, after: Duration, error: any Error)
        /// A handler can't go on and was given up.
        case handlerFailed(handler: String, error: any Error)
        /// Handlers ignored their cancellation and were abandoned.
        case handlerAbandoned(handler: String, deliveries: Int)
        /// A message was handled.
        case messageHandled(handler: String, id: MessageID, attempt: Int)
        /// A message failed and goes back to the transport for another attempt.
        case messageFailed(
            handler: String, topic: String, group: String?, id: MessageID, attempt: Int, retryAfter: Duration, error: any Error)
        /// A message failed and is tried again in place.
        case messageRetried(handler: String, id: MessageID, attempt: Int, after: Duration, error: any Error)
        /// A message was given up and published to a poison topic.
        case messagePoisoned(handler: String, id: MessageID, topic: String, error: any Error)
        /// A message was given up and rejected.
        case messageRejected(handler: String, id: MessageID, reason: String)
        /// A message failed and was acknowledged all the same, because a `FailurePolicy` says so of this error.
        case messageDropped(handler: String, id: MessageID, error: any Error)
        /// A message was brought back from a poison topic.
        case messageReplayed(id: MessageID, topic: String, group: String?)
        /// A message was acknowledged without being handled, because the same one has been handled before.
        case duplicateSkipped(handler: String, id: MessageID, key: String)
        /// A message failed with an error that is to be ignored, and was acknowledged.
        case errorIgnored(handler: String, id: MessageID, error: any Error)
        /// What a handler needs is away: it fetches nothing for a while, and is then tried with single messages.
        case circuitOpened(handler: String, probeAfter: Duration, error: any Error)
        /// A handler whose circuit was open is tried with single messages.
        case circuitHalfOpened(handler: String)
        /// A handler whose circuit was open works again.
        case circuitClosed(handler: String)
        /// A handler's outputs were not accepted; their inputs are tried again.
        case publishFailed(handler: String, topic: String, error: any Error)
        /// Deliveries were settled that were not the subscriber's to settle any more.
        case settlementIgnored(topic: String, group: String?, count: Int, reason: IgnoredSettlement = .settledTwice)
        /// A delivery was not settled within its lease and is handed out again.
        case leaseExpired(topic: String, group: String?, position: Position, attempt: Int)
        /// A broker no longer has what was to be read next, because a topic was made anew or a broker has lost what it had: reading goes
        /// on at what there is. Messages come again, or are missing.
        case positionReset(topic: String, group: String?, from: Position, to: Position)
        /// Messages were dropped, as the transport's configuration says.
        case messagesDropped(topic: String, count: Int, reason: String)
        /// Spans were not exported: there were too many, or nobody took them.
        case spansDropped(count: Int, reason: String)
        /// A connection to a broker is up.
        case connected(transport: String)
        /// A connection to a broker is lost; it will be tried again.
        case disconnected(transport: String, error: any Error)
        /// Something was called on the context of a message whose handler had returned, or failed for good, by then. It had no effect.
        case contextClosed(handler: String, id: MessageID?, call: String)
        /// A line that a handler logged.
        case log(message: String, handler: String?, fields: [(String, LogValue)])
    }
}
