import Millrace

/// Where a topic's messages are published to.
struct AMQPRoute: Sendable, Hashable {
    let exchange: String
    let routingKey: String
    var isMandatory: Bool
    var isPersistent = true
    /// Whether it leads a message back into the queue that it came from.
    var isReturn = false
}

/// The queue of a consumer group, or of a subscription without one.
struct AMQPQueue: Sendable, Hashable {
    let name: String
    /// Whether it belongs to one subscription, and goes with it.
    let isTemporary: Bool
    let declarations: [AMQPDeclaration]
}

extension AMQPTopology {
    /// The group whose queue gets dead letters that nobody else takes.
    static let deadLetterGroup = "dead-letters"
    /// After what time the broker removes the queue of a subscription without a group that is gone without a word.
    private static let temporaryExpiry: Int64 = 300_000

    func route(to topic: String) -> AMQPRoute {
        AMQPRoute(
            exchange: fill(exchangeName, topic), routingKey: fill(routingKey, topic), isMandatory: requiresRoute,
            isPersistent: isDurable)
    }

    /// What has to be there before messages are published to a topic.
    func declarations(for topic: String, letters: String?) -> [AMQPDeclaration] {
        guard exchangeName.isEmpty else { return [exchange(of: topic)] }
        return queue(for: topic, group: "", id: .next(), letters: letters).declarations
    }

    private func exchange(of topic: String) -> AMQPDeclaration {
        .exchange(
            name: fill(exchangeName, topic), type: exchangeType, isDurable: isDurable, isPassive: !declares,
            arguments: exchangeArguments)
    }

    /// The queue of a group, or of the subscription with such an id. `letters` is what stands behind the names of topics for dead
    /// letters, if there are such.
    func queue(for topic: String, group: String?, id: MessageID, letters: String?) -> AMQPQueue {
        let isTemporary = group == nil && hasGroups
        let name = queueName(topic, group ?? "millrace-\(id)")
        var declared = arguments
        if isTemporary {
            // One reader's own needs no copies on other nodes, nor do rules for groups mean it.
            declared = queueArguments
            declared["x-expires"] = .number(Self.temporaryExpiry)
        }
        let (returns, needed) = isTemporary ? (.uncounted, []) : returns(to: topic, declared, letters)
        var declarations: [AMQPDeclaration] = exchangeName.isEmpty ? [] : [exchange(of: topic)]
        declarations += needed
        declarations.append(
            .queue(
                name: name, isDurable: isDurable, isPassive: !declares && !isTemporary, arguments: declared, returns: returns))
        if !exchangeName.isEmpty, declares || isTemporary {
            declarations.append(
                .binding(
                    queue: name, exchange: fill(exchangeName, topic), key: fill(bindingKey, topic), arguments: bindingArguments))
        }
        return AMQPQueue(name: name, isTemporary: isTemporary, declarations: declarations)
    }

    private func queueName(_ topic: String, _ group: String) -> String {
        Self.shortened(fill(queueName, topic, group))
    }

    private func fill(_ template: String, _ topic: String, _ group: String = "") -> String {
        guard template.contains("{") else { return template }
        var result = ""
        var rest = template[...]
        while let open = rest.firstIndex(of: "{") {
            result += rest[..<open]
            rest = rest[open...]
            let values = [("{topic}", topic), ("{group}", group), ("{escaped-topic}", Self.escaped(topic))]
            if let (name, value) = values.first(where: { rest.hasPrefix($0.0) }) {
                result += value
                rest = rest.dropFirst(name.count)
            } else {
                result.append("{")
                rest = rest.dropFirst()
            }
        }
        return result + rest
    }

    static func escaped(_ topic: String) -> String {
        guard topic.utf8.contains(where: { $0 == 0x5F || $0 == 0x25 }) else { return topic }
        return topic.reduce(into: "") { $0 += $1 == "_" ? "%5F" : $1 == "%" ? "%25" : String($1) }
    }

    /// A name of at most 255 bytes: what is too long ends in a hash of the whole.
    static func shortened(_ name: String, to limit: Int = 255) -> String {
        guard name.utf8.count > limit else { return name }
        let bytes = Array(name.utf8)
        let suffix = "~" + bytes.withUnsafeBytes { SHA256.hex(of: $0) }.prefix(32)
        var end = name.utf8.index(name.startIndex, offsetBy: limit - suffix.utf8.count)
        while String.Index(end, within: name) == nil { end = name.utf8.index(before: end) }
        return name[..<end] + suffix
    }
}
