/// What is ordered, in one piece.
public struct Order: Codable, Sendable {
    public var number: Int
    public var customer: String
    public var lines: [String]

    public init(number: Int, customer: String, lines: [String]) {
        self.number = number
        self.customer = customer
        self.lines = lines
    }
}
