/// What customers send.
struct Order: Codable, Sendable {
    var number: Int
    var customer: String
    var cents: Int
    /// When it was placed, in milliseconds since 1970.
    var placedAt: Int64
}

/// What they get for it.
struct Invoice: Codable, Sendable {
    var number: Int
    var order: Order
}

/// The bank did not answer; it will the next time.
struct BankTimedOut: Error {}
