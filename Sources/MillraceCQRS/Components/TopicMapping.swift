/// Which topics a ``Bridge`` reads, and where their messages go.
///
/// ```swift
/// let same: TopicMapping = ["orders", "payments"]
/// let renamed: TopicMapping = ["orders": "shop.orders", "payments": "shop.payments"]
/// let computed = TopicMapping(["orders.>"]) { source in source == "orders.test" ? nil : "eu.\(source)" }
/// ```
public struct TopicMapping: Sendable, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral {
    /// The topics that are read, in order.
    public let sources: [String]
    /// Whether the target of each source is always the same.
    let isFixed: Bool
    private let map: @Sendable (String) -> String?

    /// A mapping by a function.
    ///
    /// - Parameters:
    ///   - sources: The topics to read.
    ///   - map: The target of a message, given the topic that it lay in: that of the subscription, or with wildcards in it the message's
    ///     own. Nil for messages that are to be left out.
    public init(_ sources: [String], _ map: @escaping @Sendable (String) -> String?) {
        self.init(sources, isFixed: false, map)
    }

    private init(_ sources: [String], isFixed: Bool, _ map: @escaping @Sendable (String) -> String?) {
        self.sources = sources
        self.isFixed = isFixed
        self.map = map
    }

    /// Topics with the same names on both sides.
    public init(arrayLiteral topics: String...) {
        self.init(topics, isFixed: true) { $0 }
    }

    /// Sources with their targets.
    public init(dictionaryLiteral pairs: (String, String)...) {
        let targets = Dictionary(pairs, uniquingKeysWith: { first, _ in first })
        self.init(pairs.map(\.0), isFixed: true) { targets[$0] }
    }

    /// Where a message of a topic goes; nil for nowhere.
    func target(of source: String) -> String? { map(source) }
}
