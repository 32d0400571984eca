/// What a cell of the matrix is to do.
struct CellPlan: Codable, Equatable {
    let transport: TransportKind
    let fault: FaultKind
    let messages: Int
    /// Messages a second.
    let rate: Int
    let seed: Int
    let isShort: Bool

    /// Where all that is drawn in the cell comes from.
    var seedOfCell: UInt64 {
        // Half of the bits: it is written as a number of a command line.
        StableHash.of("\(seed)", transport.rawValue, fault.rawValue) >> 33
    }

    /// How to run it again.
    var command: String {
        "Tests/Faults/run --transport \(transport.rawValue) --fault \(fault.rawValue) --messages \(messages) --rate \(rate) "
            + "--seed \(seed)" + (isShort ? " --short" : "")
    }
}
