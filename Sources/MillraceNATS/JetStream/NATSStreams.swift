import Millrace

/// Which stream has which topic; makes streams that are missing.
final class NATSStreams: Sendable {
    typealias Done = @Sendable (Result<String, MillraceError>) -> Void

    private struct State {
        var known: [String: String] = [:]
        /// Who waits for a topic that is being looked for.
        var waiting: [String: [Done]] = [:]
    }

    private let jetStream: JetStream
    private let options: NATSOptions
    private let state = Lock(State())

    init(_ jetStream: JetStream) {
        self.jetStream = jetStream
        options = jetStream.connection.options
    }

    /// The stream of a topic, if it is known.
    func known(_ topic: String) -> String? { state.withLock { $0.known[topic] } }

    /// A topic's stream is gone, it seems.
    func forget(_ topic: String) { state.withLock { $0.known[topic] = nil } }

    /// Finds the stream of a topic, or makes it. `done` is called once, on any thread.
    func find(_ topic: String, _ done: @escaping Done) {
        let (known, isFirst) = state.withLock { state -> (String?, Bool) in
            if let stream = state.known[topic] { return (stream, false) }
            let isFirst = state.waiting[topic] == nil
            state.waiting[topic, default: []].append(done)
            return (nil, isFirst)
        }
        if let known { return done(.success(known)) }
        guard isFirst else { return }
        look(for: topic, triesLeft: 3) { [self] result in
            let waiting = state.withLock { state in
                if case .success(let stream) = result { state.known[topic] = stream }
                return state.waiting.removeValue(forKey: topic) ?? []
            }
            for done in waiting { done(result) }
        }
    }

    func find(_ topic: String) async throws -> String {
        try await withCheckedThrowingContinuation { continuation in find(topic) { continuation.resume(with: $0) } }
    }

    private func look(for topic: String, triesLeft: Int, _ done: @escaping Done) {
        struct Filter: Encodable {
            let subject: String
        }
        jetStream.call("STREAM.NAMES", Filter(subject: topic), "looking for the stream of topic '\(topic)'") {
            [self] (result: Result<StreamNames, MillraceError>) in
            switch result {
            case .failure(let error): done(.failure(error))
            case .success(let names):
                let streams = names.streams ?? []
                if streams.count == 1 { return done(.success(streams[0])) }
                if streams.isEmpty { return make(topic, triesLeft: triesLeft, done) }
                done(
                    .failure(
                        MillraceError(
                            .unsupported,
                            "topic '\(topic)' is spread over the streams \(streams.sorted().joined(separator: ", ")); a subscription "
                                + "reads one: make a stream of all these subjects", isRetriable: false)))
            }
        }
    }

    private func make(_ topic: String, triesLeft: Int, _ done: @escaping Done) {
        guard let new = options.newStreams else {
            return done(
                .failure(
                    MillraceError(
                        .invalidTopic,
                        "topic '\(topic)': no stream has this subject, and newStreams is nil: missing streams are not made",
                        isRetriable: false)))
        }
        let config = new.config(name: NATSNames.stream(for: topic), topic: topic)
        jetStream.call("STREAM.CREATE.\(config.name)", config, "making the stream '\(config.name)' for topic '\(topic)'") {
            [self] (result: Result<StreamInfo, MillraceError>) in
            switch result {
            case .success(let info): done(.success(info.config.name))
            // Another one may have been faster.
            case .failure(let error) where error.code == .invalidOption && triesLeft > 0 && error.isCollision:
                look(for: topic, triesLeft: triesLeft - 1, done)
            case .failure(let error): done(.failure(error))
            }
        }
    }
}

extension MillraceError {
    /// Whether it is about a name or subjects that somebody else has taken.
    fileprivate var isCollision: Bool { message.contains("already in use") || message.contains("overlap") }
}

extension NATSNewStreams {
    func config(name: String, topic: String) -> StreamConfig {
        StreamConfig(
            name: name, subjects: [topic] + subjects.filter { $0 != topic }, retention: retention.rawValue,
            storage: storage.rawValue, num_replicas: replicas, max_msgs: maximumMessages.map { Int64($0) } ?? -1,
            max_bytes: maximumBytes.map { Int64($0) } ?? -1, max_age: maximumAge?.nanosecondsClamped ?? 0,
            max_msg_size: maximumMessageSize.map { Int64(clamping: min($0, Int(Int32.max))) } ?? -1,
            duplicate_window: min(deduplicationWindow, maximumAge ?? deduplicationWindow).nanosecondsClamped)
    }
}
