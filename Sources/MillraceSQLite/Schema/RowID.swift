import Millrace

/// Where a message lies: topic and position as one number, by which rows are sorted.
enum RowID {
    static let positionBits: Int64 = 40
    /// The last position of a topic.
    static let maximumPosition: Int64 = 1 << positionBits - 1
    /// The last topic of a file.
    static let maximumTopic: Int64 = 1 << 23 - 1
    /// The ids that topics can have.
    static let topics = 1...maximumTopic

    static func make(_ topic: Int64, _ position: Int64) -> Int64 { topic << positionBits | position }
    static func position(_ id: Int64) -> Int64 { id & maximumPosition }

    /// A position that a row states. Other programs write to the file as well.
    static func bounded(_ stated: Int64) -> Int64 { min(max(0, stated), maximumPosition) }

    /// A position as far as a file can have it.
    static func clamp(_ position: Position) -> Int64 {
        position.high > 0 ? maximumPosition : Int64(min(position.low, UInt64(maximumPosition)))
    }
}

/// What the order of a key is kept by: a number for each key. Two keys that share one wait for one another, which is harmless.
enum LaneNumber {
    /// FNV-1a, because all processes that share a file have to agree. Messages without a key have lane 0.
    static func of(_ key: String?) -> Int64 {
        guard var key else { return 0 }
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        key.withUTF8 { for byte in $0 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 } }
        return hash == 0 ? 1 : Int64(bitPattern: hash)
    }
}
