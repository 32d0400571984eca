public import Millrace

extension NATSTransport: TransportAdministration {
    /// Asks the server for its version.
    public func broker() async throws -> BrokerInfo {
        try checkOpen()
        guard let link = connection.link else { throw NATSError.notConnected("asking for the version") }
        let (server, patience) = (link.server, options.connectTimeout)
        return try await withCheckedThrowingContinuation { continuation in
            NATSThread.run {
                continuation.resume(
                    with: Result { BrokerInfo(name: "NATS", version: try ServerGreeting.version(of: server, patience)) })
            }
        }
    }

    /// Deletes the stream that was made for the topic. Streams that somebody else has made, for more than the topic, stay, but
    /// lose the topic's messages.
    public func remove(topic: String) async throws {
        try NATSNames.check(topic, allowsWildcards: true)
        try checkOpen()
        guard options.mode == .jetStream else { return }
        let names: StreamNames = try await setup.jetStream.call("STREAM.NAMES", ["subject": topic], "looking for a stream")
        streams.forget(topic)
        for stream in names.streams ?? [] {
            do {
                if stream == NATSNames.stream(for: topic) {
                    let _: DeleteAnswer = try await setup.jetStream.call("STREAM.DELETE.\(stream)", nil, "deleting a stream")
                } else {
                    let _: DeleteAnswer = try await setup.jetStream.call(
                        "STREAM.PURGE.\(stream)", ["filter": topic], "emptying a stream")
                }
            } catch let error as MillraceError where error.code == .invalidTopic {
                // Somebody else was faster.
                continue
            }
        }
    }
}
