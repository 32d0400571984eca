/// What the raw client of a broker has made of the same work, measured beside ``BenchReport``.
struct BenchLimits: Codable {
    struct Limit: Codable {
        let scenario: String
        let size: Int
        /// What was measured: a program and its arguments.
        let name: String
        /// Which of a transport's reports it belongs to, by their label; all when there is none.
        var label: String?
        /// Messages a second, of each run.
        let rates: [Double]
    }

    /// The system, as ``BenchReport/system`` has it.
    let transport: String
    let limits: [Limit]
}
