/// A broker that was started: all that it takes to use it and to stop it.
struct BrokerRecord: Codable {
    let name: String
    /// The environment variable that tests look for its URL in.
    let variable: String
    let url: String
    let folder: String
    let log: String
    /// In the order in which they were started.
    let processes: [ServerProcess]

    var isRunning: Bool { processes.allSatisfy(\.isRunning) }
}
