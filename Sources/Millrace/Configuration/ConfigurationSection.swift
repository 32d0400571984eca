/// An object of the configuration, to be taken apart key by key.
///
/// Keys that were not asked for are refused when it is done with, and so are values of a wrong type or out of their bounds. An
/// error names the file, or the variable of the environment that a value comes from, and the path of the key:
///
///     service.json: handlers.audit.concurency: unknown key; did you mean 'concurrency'? Known: concurrency, ...
///
/// All calls throw a ``MillraceError`` of code `invalidConfiguration`.
public struct ConfigurationSection: Sendable {
    private(set) var place: ConfigurationPlace
    /// Where the names of transports lead.
    let transports: ConnectedTransports?
    private var members: [(key: String, node: ConfigurationNode)]
    private var known: [String] = []

    /// The names on the way to this object, with dots between them.
    public var path: String { place.path.description }

    init(_ node: ConfigurationNode, at place: ConfigurationPlace, transports: ConnectedTransports? = nil) throws {
        self.place = place
        self.transports = transports
        guard let members = node.members else {
            var place = place
            place.variable = node.variable
            throw place.error(node.description, bound: "an object")
        }
        self.members = members
    }

    /// The keys that nobody has taken yet.
    var keys: [String] { members.map(\.key) }

    /// Where the value of a key stands.
    func place(of key: String, _ node: ConfigurationNode? = nil) -> ConfigurationPlace {
        ConfigurationPlace(source: place.source, path: place.path.appending(key), variable: node?.variable)
    }

    /// Takes out a value; nil when it is not there.
    mutating func takeNode(_ key: String) -> ConfigurationNode? {
        if !known.contains(key) { known.append(key) }
        guard let index = members.firstIndex(where: { $0.key == key }) else { return nil }
        return members.remove(at: index).node
    }

    /// Throws when a key is left that nobody has taken.
    func finish() throws {
        guard let (key, node) = members.first else { return }
        let place = place(of: key, node.firstFromEnvironment ?? node)
        throw place.error(": unknown key" + NearestName.hint(key, among: known))
    }

    /// The error for a value of a wrong type or out of its bounds.
    func invalid(_ key: String, _ node: ConfigurationNode, _ bound: String) -> MillraceError {
        let value = SecretName.mayHide(key) ? "not shown" : node.description
        return place(of: key, node).error(value, bound: bound)
    }
}

extension ConfigurationNode {
    /// What an override has put here, or further inside: an unknown key may be the fault of a variable.
    fileprivate var firstFromEnvironment: ConfigurationNode? {
        if variable != nil { return self }
        return members?.lazy.compactMap(\.node.firstFromEnvironment).first
    }
}

// MARK: - Values

extension ConfigurationSection {
    /// Takes out text; nil when the key is not there.
    public mutating func takeText(_ key: String) throws -> String? {
        guard let node = takeNode(key) else { return nil }
        guard case .text(let text) = node.content, !text.isEmpty else { throw invalid(key, node, "text, not empty") }
        return text
    }

    /// Takes out a whole number; nil when the key is not there. `range` defaults to 1 and more.
    public mutating func takeNumber(_ key: String, in range: ClosedRange<Int> = 1...Int.max) throws -> Int? {
        guard let node = takeNode(key) else { return nil }
        guard let text = node.numberText, let number = Int(text), range.contains(number) else {
            throw invalid(key, node, range.bound)
        }
        return number
    }

    /// Takes out a number that may have a fraction; nil when the key is not there.
    public mutating func takeFraction(_ key: String, in range: ClosedRange<Double>) throws -> Double? {
        guard let node = takeNode(key) else { return nil }
        guard let text = node.numberText, let number = Double(text), range.contains(number) else {
            let isOpen = range.upperBound == .greatestFiniteMagnitude
            let bound = isOpen ? "at least \(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
            throw invalid(key, node, "a number, \(bound)")
        }
        return number
    }

    /// Takes out `true` or `false`; nil when the key is not there.
    public mutating func takeFlag(_ key: String) throws -> Bool? {
        guard let node = takeNode(key) else { return nil }
        switch node.content {
        case .flag(let flag): return flag
        case .text("true") where node.variable != nil: return true
        case .text("false") where node.variable != nil: return false
        default: throw invalid(key, node, "true or false")
        }
    }

    /// Takes out a duration, such as `"500ms"`, `"5s"`, `"1m"`, `"2h"` or `"7d"`; a number is seconds. Nil when the key is not
    /// there. `minimum` defaults to 1 millisecond; at most 366 days.
    public mutating func takeDuration(_ key: String, atLeast minimum: Duration = .milliseconds(1)) throws -> Duration? {
        guard let node = takeNode(key) else { return nil }
        let text: String? =
            switch node.content {
            case .text(let text), .number(let text): text
            default: nil
            }
        guard let duration = text.flatMap({ DurationText.parse($0) }), duration >= minimum else {
            throw invalid(key, node, "\(DurationText.bound); at least \(minimum)")
        }
        return duration
    }

    /// Takes out one of some words; nil when the key is not there.
    public mutating func takeChoice<Value>(_ key: String, _ choices: KeyValuePairs<String, Value>) throws -> Value? {
        guard let node = takeNode(key) else { return nil }
        guard case .text(let text) = node.content, let choice = choices.first(where: { $0.key == text }) else {
            throw invalid(key, node, "one of \(choices.map(\.key).joined(separator: ", "))")
        }
        return choice.value
    }

    /// Takes out an object; nil when the key is not there. The caller takes it apart and ends with `finish`.
    mutating func takeSection(_ key: String) throws -> ConfigurationSection? {
        guard let node = takeNode(key) else { return nil }
        return try ConfigurationSection(node, at: place(of: key, node), transports: transports)
    }

    /// Takes out an object and has `body` take it apart; nil when the key is not there. What `body` leaves is refused.
    public mutating func takeSection<Result>(
        _ key: String, _ body: (inout ConfigurationSection) throws -> Result
    ) throws -> Result? {
        guard var section = try takeSection(key) else { return nil }
        let result = try body(&section)
        try section.finish()
        return result
    }

    /// Takes out the name of a transport of the configuration; nil when the key is not there.
    public mutating func takeTransport(_ key: String) throws -> (any Transport)? {
        guard let node = takeNode(key) else { return nil }
        guard let transports, case .text(let name) = node.content, let transport = transports.byName[name] else {
            let names = transports?.names ?? []
            throw invalid(key, node, "a transport of the configuration" + node.hint(among: names))
        }
        return transport
    }
}

extension ConfigurationNode {
    /// The text of a number; from the environment any text may be meant for one.
    fileprivate var numberText: String? {
        switch content {
        case .number(let text): text
        case .text(let text) where variable != nil: text
        default: nil
        }
    }

    /// The end of an error about a name that is not there.
    func hint(among names: [String]) -> String {
        guard case .text(let name) = content else { return "" }
        return NearestName.hint(name, among: names)
    }
}
