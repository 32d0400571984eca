import Millrace

/// What an option's values are: how they are read and written, and which of them are allowed.
///
/// There are numbers, durations, flags, words and texts; a type of your own has one by ``init(_:in:read:text:allows:)``.
public struct OptionValue<Value: Sendable>: Sendable {
    /// What is allowed, for people, behind "it must be": `1 to 65,536`. Nil for any text.
    public let bound: String?
    /// How a URL writes it, for people; nil when the bound says it.
    let form: String?
    var statesBound = true
    let read: @Sendable (String) -> Value?
    let text: @Sendable (Value) -> String
    let allows: @Sendable (Value) -> Bool

    /// Values of a kind.
    ///
    /// - Parameters:
    ///   - bound: What is allowed, for people, behind "it must be". Nil for anything that can be read.
    ///   - form: How a URL writes a value, for people. Defaults to nil: the bound says it.
    ///   - read: Reads a value; nil for text that is none.
    ///   - text: The text that is read as the value.
    ///   - allows: Whether a value is allowed, wherever it comes from. Defaults to any.
    public init(
        _ bound: String?, in form: String? = nil, read: @escaping @Sendable (String) -> Value?,
        text: @escaping @Sendable (Value) -> String, allows: @escaping @Sendable (Value) -> Bool = { _ in true }
    ) {
        self.bound = bound
        self.form = form
        self.read = read
        self.text = text
        self.allows = allows
    }

    /// The same values, but for those that a further condition refuses.
    ///
    /// - Parameters:
    ///   - bound: What is allowed, this condition and all others, for people.
    ///   - condition: Whether a value is allowed.
    public func limited(to bound: String, where condition: @escaping @Sendable (Value) -> Bool) -> OptionValue {
        var value = OptionValue(bound, in: form, read: read, text: text) { [allows] in allows($0) && condition($0) }
        value.statesBound = statesBound
        return value
    }

    func take(_ name: String, from url: inout TransportURL) throws -> Value? {
        guard let text = url.take(name) else { return nil }
        guard let value = read(text), allows(value) else {
            throw url.invalid(name, Self.shown(text), [form, bound].compactMap { $0 }.joined(separator: "; "))
        }
        return value
    }

    func problem(_ value: Value) -> (value: String, bound: String)? {
        guard !allows(value) else { return nil }
        let shown = (value as? String).map { "\($0.prefix(Self.shownLength))".debugDescription } ?? "\(value)"
        return (shown, bound ?? "another value")
    }

    /// Enough to know a value again by.
    private static var shownLength: Int { 40 }

    /// Text of a URL, without control characters.
    private static func shown(_ text: String) -> String {
        let start = "\(text.prefix(shownLength))"
        let isPlain = !start.isEmpty && start.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
        return isPlain ? "'\(start)'" : start.debugDescription
    }
}
