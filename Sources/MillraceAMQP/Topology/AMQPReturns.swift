import Millrace

/// What a queue that is declared does with messages that come back again and again: handed out and not acknowledged, because a
/// member has closed, crashed, or lost its connection.
///
/// Quorum queues count that, for everything that was sent ahead and never looked at as well, and from RabbitMQ 4.0 on they drop at
/// the 21st return what nobody has asked them to limit. So they are asked not to, or given a place for what they give up.
enum AMQPReturns: Sendable, Hashable {
    /// As the arguments say, and no more.
    case asDeclared
    /// The queue is a classic one, and counts nothing. Where a virtual host makes quorum queues of those that do not say what they
    /// are, it has to say so.
    case uncounted
    /// They come back without a limit.
    case unlimited
    /// The queue has a limit, and these arguments lead what it gives up to the topic's dead letters.
    case kept([String: AMQPValue])

    static let limit = "x-delivery-limit"
    static let queueType = "x-queue-type"

    /// The arguments of a queue that is new.
    func arguments(_ arguments: [String: AMQPValue], on broker: BrokerInfo) -> [String: AMQPValue] {
        switch self {
        case .asDeclared: return arguments
        case .uncounted:
            // To earlier ones, a queue that says so is another one than the same queue without.
            return broker.limitsReturns ? arguments.merging([Self.queueType: .text("classic")]) { own, _ in own } : arguments
        case .unlimited:
            var arguments = arguments
            // Older ones have no limit unless there is one, and drop at once what has one below zero.
            arguments[Self.limit] = broker.limitsReturns ? .number(-1) : nil
            return arguments
        case .kept(let letters): return arguments.merging(letters) { own, _ in own }
        }
    }

    /// Whether what the broker says of a declaration is that the queue is there, and has other arguments than these.
    func areRefused(by error: MillraceError) -> Bool {
        guard error.message.contains("PRECONDITION_FAILED - inequivalent arg") else { return false }
        let names =
            switch self {
            case .asDeclared: [String]()
            case .uncounted: [Self.queueType]
            case .unlimited: [Self.limit]
            case .kept(let letters): Array(letters.keys)
            }
        return names.contains { error.message.contains("inequivalent arg '\($0)'") }
    }
}

extension BrokerInfo {
    /// Whether quorum queues drop what comes back too often without having been told to: RabbitMQ does from 4.0 on, after 20 times.
    var limitsReturns: Bool { isRabbitMQ(from: (4, 0)) }

    /// Whether quorum queues do not count what a consumer gives back by itself: RabbitMQ does not from 4.3 on. Earlier ones count it
    /// like a lost channel, and 3.10 mixes up the order of what is given back to a queue with a limit.
    var forgivesReturns: Bool { isRabbitMQ(from: (4, 3)) }

    private func isRabbitMQ(from first: (major: Int, minor: Int)) -> Bool {
        let numbers = version.split(separator: ".").prefix(2).compactMap { Int($0) }
        return name == "RabbitMQ" && numbers.count == 2 && (numbers[0], numbers[1]) >= first
    }
}
