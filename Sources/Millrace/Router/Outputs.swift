/// What a handler returns: messages for its output topic, and, if it likes, for other topics.
///
/// An array literal is enough in most cases; none, one or many messages are all the same to the caller:
///
/// ```swift
/// return [invoice]
/// return [invoice] + .to("audit", entry)
/// ```
public struct Outputs: Sendable {
    // One message is by far the commonest, and is kept without an array.
    @usableFromInline var first: Message?
    @usableFromInline var more: [Message]
    @usableFromInline var routed: [(topic: String, message: Message)]

    /// Nothing.
    @inlinable @inline(__always) public init() {
        first = nil
        more = []
        routed = []
    }

    /// One message for the handler's output topic.
    @inlinable @inline(__always) public init(_ message: consuming Message) {
        first = message
        more = []
        routed = []
    }

    /// Any number of messages for the handler's output topic.
    @inlinable public init(_ messages: some Sequence<Message>) {
        first = nil
        more = Array(messages)
        routed = []
    }

    /// Messages for a topic of their own, on the handler's publisher.
    public static func to(_ topic: String, _ messages: Message...) -> Outputs {
        var outputs = Outputs()
        outputs.routed = messages.map { (topic, $0) }
        return outputs
    }

    /// Adds a message for the handler's output topic.
    @inlinable public mutating func append(_ message: consuming Message) {
        if first == nil && more.isEmpty { first = message } else { more.append(message) }
    }

    /// Adds a message for a topic of its own.
    public mutating func append(_ message: Message, to topic: String) { routed.append((topic, message)) }

    /// The messages of both, in order.
    public static func + (left: Outputs, right: Outputs) -> Outputs {
        var sum = left
        if let first = right.first { sum.append(first) }
        for message in right.more { sum.append(message) }
        sum.routed += right.routed
        return sum
    }

    /// How many messages there are.
    @inlinable public var count: Int { (first == nil ? 0 : 1) + more.count + routed.count }
    /// Whether there are none.
    @inlinable @inline(__always) public var isEmpty: Bool { first == nil && more.isEmpty && routed.isEmpty }

    /// Changes each message; `topic` is nil for the handler's output topic.
    public mutating func update(_ body: (_ message: inout Message, _ topic: String?) throws -> Void) rethrows {
        if var message = first.take() {
            defer { first = message }
            try body(&message, nil)
        }
        for index in more.indices { try body(&more[index], nil) }
        for index in routed.indices { try body(&routed[index].message, routed[index].topic) }
    }

    /// The messages with their topics; nil stands for the handler's output topic.
    public var all: [(topic: String?, message: Message)] {
        (first.map { [(topic: nil, message: $0)] } ?? []) + more.map { (nil, $0) } + routed.map { ($0.topic, $0.message) }
    }
}

extension Outputs: ExpressibleByArrayLiteral {
    /// The messages of a literal, for the handler's output topic.
    @inlinable @inline(__always) public init(arrayLiteral elements: Message...) {
        if elements.count == 1 {
            self.init(elements[0])
        } else {
            self.init(elements)
        }
    }
}
