import Millrace

/// The arguments with which queues are declared.
extension AMQPTopology {
    var arguments: [String: AMQPValue] {
        var arguments: [String: AMQPValue] = [:]
        // Left out for classic ones, so that queues which others have declared are the same.
        if queueType == .quorum { arguments[AMQPReturns.queueType] = .text("quorum") }
        if hasSingleActiveConsumer { arguments["x-single-active-consumer"] = .flag(true) }
        if let priorities { arguments["x-max-priority"] = .number(Int64(priorities)) }
        if let deliveryLimit { arguments["x-delivery-limit"] = .number(Int64(deliveryLimit)) }
        if let deadLetterExchange { arguments["x-dead-letter-exchange"] = .text(deadLetterExchange) }
        if let deadLetterRoutingKey { arguments["x-dead-letter-routing-key"] = .text(deadLetterRoutingKey) }
        return arguments.merging(queueArguments) { $1 }
    }

    /// What becomes of messages that come back to a queue of a topic again and again, and what has to be there for it. A topic of
    /// dead letters has no limit: what is there already has nowhere else to go.
    func returns(
        to topic: String, _ arguments: [String: AMQPValue], _ letters: String?
    ) -> (AMQPReturns, needed: [AMQPDeclaration]) {
        guard let type = arguments[AMQPReturns.queueType] else { return (.uncounted, []) }
        guard type == .text("quorum") else { return (.asDeclared, []) }
        guard case .number(let limit)? = arguments[AMQPReturns.limit] else { return (.unlimited, []) }
        guard limit >= 0, arguments["x-dead-letter-exchange"] == nil, let letters else { return (.asDeclared, []) }
        guard !topic.hasSuffix(letters) else { return (.unlimited, []) }
        let route = route(to: topic + letters)
        var kept: [String: AMQPValue] = ["x-dead-letter-exchange": .text(route.exchange)]
        if !route.routingKey.isEmpty { kept["x-dead-letter-routing-key"] = .text(route.routingKey) }
        if !arguments.keys.contains(where: { $0 == "x-overflow" || $0.hasPrefix("x-max-length") }) {
            // The queue keeps them until the other one has them; only queues that overflow this way can.
            kept["x-dead-letter-strategy"] = .text("at-least-once")
            kept["x-overflow"] = .text("reject-publish")
        }
        // Somebody has to take them: the broker would drop what nobody does.
        let parked = queue(for: topic + letters, group: Self.deadLetterGroup, id: .next(), letters: letters)
        return (.kept(kept), parked.declarations)
    }
}
