public import Millrace

extension SQLiteTransport: TopicDirectory {
    /// The topics of the file. Reads beside the writer, which waits for nothing; counting messages takes as long as the file is large.
    public func topics() async throws -> [TopicDescription] {
        try checkOpen()
        return try await reader.topics()
    }

    /// Whether the file has a topic.
    public func hasTopic(_ name: String) async throws -> Bool {
        try Naming.checkTopic(name)
        try checkOpen()
        return try await reader.hasTopic(name)
    }
}
