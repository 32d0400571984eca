/// Something that goes wrong between a service and its broker.
public enum Fault: Sendable, Hashable {
    /// A publish call fails with `connectionFailed`, and nothing was accepted.
    case failPublish
    /// A publish call fails with `connectionFailed`, although everything was accepted: the answer was lost.
    case losePublishReply
    /// A message of a publish call is refused with `connectionFailed`; those of the call that are not, are accepted.
    case refuseMessage
    /// A publish call begins later.
    case delayPublish(Duration)
    /// A delivery reaches the reader later, and with it those that were pulled together with it.
    case delayDelivery(Duration)
    /// A delivery is handed out a second time, with the same attempt, as brokers do when members come and go.
    case duplicateDelivery
    /// A delivery is handed out after those of other keys that were pulled together with it. The order of its own key stays,
    /// and so does that of deliveries without a key.
    case reorderDelivery
    /// An acknowledgement does not arrive: the delivery comes back when its lease runs out or its reader closes.
    case dropAcknowledgement
    /// A retry, a rejection or a release does not arrive: the delivery comes back when its lease runs out or its reader closes.
    case dropSettlement
    /// The subscription is lost after a delivery: pulls throw `connectionFailed`, and what is settled does not arrive.
    case cutSubscription

    /// What a fault is counted by.
    enum Occasion: Hashable { case publish, message, delivery, acknowledgement, settlement }

    var occasion: Occasion {
        switch self {
        case .failPublish, .losePublishReply, .delayPublish: .publish
        case .refuseMessage: .message
        case .delayDelivery, .duplicateDelivery, .reorderDelivery, .cutSubscription: .delivery
        case .dropAcknowledgement: .acknowledgement
        case .dropSettlement: .settlement
        }
    }
}

/// When a fault happens.
///
/// Publish calls, the messages in them, deliveries, acknowledgements and other settlements are counted apart, from 1, over all
/// topics of the transport.
public enum FaultTrigger: Sendable, Hashable {
    /// At the given one.
    case nth(Int)
    /// At the given one and each after it.
    case from(Int)
    /// At every so-many-th.
    case every(Int)
    /// At random, with a probability of 0 to 1, drawn from the seed.
    case probability(Double)
    /// Each time.
    case always

    func fires(at count: Int, draw: () -> Double) -> Bool {
        switch self {
        case .nth(let number): count == number
        case .from(let number): count >= number
        case .every(let interval): interval >= 1 && count % interval == 0
        case .probability(let probability): draw() < probability
        case .always: true
        }
    }
}

/// Which faults happen when.
///
/// ```swift
/// let plan: FaultPlan = [.failPublish: .nth(3), .duplicateDelivery: .probability(0.1)]
/// ```
public struct FaultPlan: Sendable, ExpressibleByDictionaryLiteral {
    let faults: [(fault: Fault, trigger: FaultTrigger)]

    /// The given faults, tried in this order.
    public init(_ faults: [(Fault, FaultTrigger)]) { self.faults = faults.map { (fault: $0.0, trigger: $0.1) } }

    /// The faults of a literal, tried in its order.
    public init(dictionaryLiteral elements: (Fault, FaultTrigger)...) { self.init(elements) }
}
