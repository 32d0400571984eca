/// What a transport lets a stream keep.
///
/// A stream grows until it is trimmed. Bounds are kept about, as Redis trims whole blocks of some hundred entries, and some
/// moments late. What a consumer group has not acknowledged stays beyond any bound, unless ``trimsUnacknowledged`` says otherwise.
public struct RedisRetention: Sendable, Hashable {
    /// About how many entries to keep. Defaults to nil: any number. At least 1.
    public var maximumLength: Int?
    /// For about how long to keep entries, by the server's clock. A server that does not tell its time trims nothing by age, and a
    /// warning says so. Defaults to nil: for ever. At least 1 millisecond.
    public var maximumAge: Duration?
    /// Whether the bounds hold for entries as well that some group has not acknowledged: they are lost then, and reported when
    /// they were pending. Defaults to false.
    public var trimsUnacknowledged: Bool
    /// Whether an entry is deleted as soon as all groups of its stream have acknowledged it. A group made later does not get
    /// it. Needs a server that runs scripts. Defaults to false.
    public var deletesAcknowledged: Bool
    /// How often to look for what has to be trimmed. Defaults to 1 second; at least 1 millisecond.
    public var interval: Duration

    /// Retention with the given values.
    public init(
        maximumLength: Int? = nil, maximumAge: Duration? = nil, trimsUnacknowledged: Bool = false,
        deletesAcknowledged: Bool = false, interval: Duration = .seconds(1)
    ) {
        self.maximumLength = maximumLength
        self.maximumAge = maximumAge
        self.trimsUnacknowledged = trimsUnacknowledged
        self.deletesAcknowledged = deletesAcknowledged
        self.interval = interval
    }

    /// A bound that the server can keep by itself, with each entry that is added.
    var lengthWhenAdding: Int? { trimsUnacknowledged ? maximumLength : nil }

    /// Whether somebody has to look from time to time.
    var needsTrimming: Bool { maximumAge != nil || maximumLength != nil && !trimsUnacknowledged }
}
