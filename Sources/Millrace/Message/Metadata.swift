/// Keys and values that travel beside a message's payload: few, in order, and with their case kept.
///
/// Looking up a key compares its bytes exactly. A key occurs once; setting it again replaces the value in place.
/// Two values are equal when they hold the same pairs, byte by byte, in any order. An empty value costs nothing.
public struct Metadata: Sendable {
    /// One key with its value.
    public typealias Element = (key: String, value: String)

    @usableFromInline var pairs: ContiguousArray<Element>

    /// No keys.
    @inlinable public init() { pairs = [] }

    /// The pairs of a sequence; the last value of a repeated key wins.
    public init(_ elements: some Sequence<(key: String, value: String)>) {
        self.init()
        pairs.reserveCapacity(elements.underestimatedCount)
        for (key, value) in elements { self[key] = value }
    }

    /// Makes room for `count` keys at once.
    @inlinable public mutating func reserveCapacity(_ count: Int) { pairs.reserveCapacity(count) }

    /// The value of a key; setting nil removes the key.
    @inlinable public subscript(key: String) -> String? {
        get {
            for pair in pairs where pair.key.hasBytes(of: key) { return pair.value }
            return nil
        }
        set {
            for index in pairs.indices where pairs[index].key.hasBytes(of: key) {
                if let newValue { pairs[index].value = newValue } else { pairs.remove(at: index) }
                return
            }
            guard let newValue else { return }
            if pairs.isEmpty { pairs.reserveCapacity(4) }
            pairs.append((key, newValue))
        }
    }

    /// Adds all pairs of `other`; where both have a key, the value of `other` wins.
    public mutating func merge(_ other: Metadata) {
        for (key, value) in other.pairs { self[key] = value }
    }
}

extension Metadata: RandomAccessCollection {
    /// The position of the first pair.
    @inlinable public var startIndex: Int { pairs.startIndex }
    /// The position after the last pair.
    @inlinable public var endIndex: Int { pairs.endIndex }
    /// The pair at a position.
    @inlinable public subscript(position: Int) -> Element { pairs[position] }
}

extension Metadata: ExpressibleByDictionaryLiteral {
    /// The pairs of a literal; the last value of a repeated key wins.
    public init(dictionaryLiteral elements: (String, String)...) {
        self.init(elements.map { (key: $0.0, value: $0.1) })
    }
}

extension Metadata: Hashable {
    /// Whether both hold the same pairs, in any order.
    public static func == (left: Metadata, right: Metadata) -> Bool {
        left.count == right.count
            && left.pairs.allSatisfy { pair in right[pair.key].map { $0.hasBytes(of: pair.value) } ?? false }
    }

    /// Hashes the pairs so that their order makes no difference.
    public func hash(into hasher: inout Hasher) {
        var sum = 0
        for (key, value) in pairs {
            var pair = Hasher()
            pair.combine(key)
            pair.combine(value)
            sum &+= pair.finalize()
        }
        hasher.combine(sum)
    }
}

extension Metadata: CustomStringConvertible {
    /// The pairs as a dictionary literal.
    public var description: String {
        pairs.isEmpty ? "[:]" : "[" + pairs.map { "\"\($0.key)\": \"\($0.value)\"" }.joined(separator: ", ") + "]"
    }
}

extension String {
    /// Whether both have the same bytes of UTF-8. `==` takes different spellings of one character for the same, as brokers and services in
    /// other languages do not: of two headers that look alike one would be lost.
    @inlinable
    func hasBytes(of other: String) -> Bool {
        // What is not even equal, or differs in length, is nearly all that is compared.
        utf8.count == other.utf8.count && self == other && utf8.elementsEqual(other.utf8)
    }
}
