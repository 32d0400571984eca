/// What a transport lets a file keep of what was published.
///
/// Bounds are kept some moments late, see `SQLiteOptions.careInterval`, and hold for each topic, but for ``maximumBytes``. What a
/// consumer group has not acknowledged stays beyond any bound, unless ``deletesUnacknowledged`` says otherwise. Room that becomes
/// free is given back to the file system bit by bit, in files that Millrace has made.
public struct SQLiteRetention: Sendable, Hashable {
    /// How many messages a topic keeps. Defaults to nil: any number. At least 1.
    public var maximumLength: Int?
    /// For how long messages are kept. Defaults to nil: for ever. At least 1 millisecond.
    public var maximumAge: Duration?
    /// How many bytes of the file may be in use; beyond that the oldest messages of all topics go. Defaults to nil: any number. At
    /// least 65,536.
    public var maximumBytes: Int?
    /// Whether a message is deleted as soon as all groups of its topic have acknowledged it. A group made later does not get it,
    /// and a topic without groups keeps everything. Defaults to false.
    public var deletesAcknowledged: Bool
    /// Whether the bounds hold for messages as well that some group has not acknowledged: they are lost then, and reported.
    /// Defaults to false.
    public var deletesUnacknowledged: Bool

    /// Retention with the given values.
    public init(
        maximumLength: Int? = nil, maximumAge: Duration? = nil, maximumBytes: Int? = nil, deletesAcknowledged: Bool = false,
        deletesUnacknowledged: Bool = false
    ) {
        self.maximumLength = maximumLength
        self.maximumAge = maximumAge
        self.maximumBytes = maximumBytes
        self.deletesAcknowledged = deletesAcknowledged
        self.deletesUnacknowledged = deletesUnacknowledged
    }

    /// Whether there is ever anything to delete.
    var isNeeded: Bool { maximumLength != nil || maximumAge != nil || maximumBytes != nil || deletesAcknowledged }
}
