/// What a configuration says of a backoff; what it does not mention stays.
struct BackoffSettings: Sendable {
    private let place: ConfigurationPlace
    private var first: Duration?
    private var maximum: Duration?
    private var factor: Double?
    private var jitter: Bool?

    /// From an object with `first`, `maximum`, `factor` and `jitter`, or from a duration: always the same delay.
    init(_ node: ConfigurationNode, at place: ConfigurationPlace) throws {
        self.place = place
        switch node.content {
        case .text(let text), .number(let text):
            guard let delay = DurationText.parse(text) else {
                throw place.error(node.description, bound: "an object, or \(DurationText.bound)")
            }
            (first, maximum, factor, jitter) = (delay, delay, 1, false)
        default:
            var section = try ConfigurationSection(node, at: place)
            first = try section.takeDuration("first", atLeast: .zero)
            maximum = try section.takeDuration("maximum", atLeast: .zero)
            factor = try section.takeFraction("factor", in: 1...Double.greatestFiniteMagnitude)
            jitter = try section.takeFlag("jitter")
            try section.finish()
        }
    }

    /// The backoff with what is mentioned here. Throws when its `maximum` is less than its `first` then.
    func applied(to backoff: Backoff) throws -> Backoff {
        let result = Backoff(
            first: first ?? backoff.first, maximum: maximum ?? backoff.maximum, factor: factor ?? backoff.factor,
            hasJitter: jitter ?? backoff.hasJitter)
        guard result.maximum >= result.first else {
            throw place.error(
                ".maximum is \(result.maximum), it must be at least first, which is \(result.first)"
                    + (first == nil || maximum == nil ? "; what is not given is that of the code" : ""))
        }
        return result
    }
}

extension ConfigurationSection {
    mutating func takeBackoffSettings(_ key: String) throws -> BackoffSettings? {
        guard let node = takeNode(key) else { return nil }
        return try BackoffSettings(node, at: place(of: key, node))
    }

    /// Takes out a backoff: an object with `first`, `maximum`, `factor` and `jitter`, of which those that are left out are taken
    /// from `backoff`, or a duration, for the same delay each time. Nil when the key is not there.
    public mutating func takeBackoff(_ key: String, over backoff: Backoff) throws -> Backoff? {
        try takeBackoffSettings(key)?.applied(to: backoff)
    }
}
