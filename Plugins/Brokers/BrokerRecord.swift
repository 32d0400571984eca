/// A broker that was started: all that it takes to use it and to stop it.
struct BrokerRecord: Codable {
    let name: String
    /// The environment variable that tests look for its URL in.
    let variable: String
    /// Empty until it answers.
    let url: String
    let folder: String
    let log: String
    /// In the order in which they were started.
    let processes: [ServerProcess]

    /// Whether it can be used: it has answered, and all of it runs still.
    var isRunning: Bool { !url.isEmpty && processes.allSatisfy(\.isRunning) }

    var state: String { url.isEmpty ? "was cut off when it started" : isRunning ? "runs" : "has ended" }
}
