public import Millrace

extension NATSTransport: TopicDirectory {
    /// The subjects of all streams, with the durable consumers that read them. A consumer of several subjects is listed under what it
    /// reads: `orders.*`.
    ///
    /// Throws as `TopicDirectory.topics()`; `unsupported` without JetStream, where nothing is kept that could be listed.
    public func topics() async throws -> [TopicDescription] {
        try checkOpen()
        guard options.mode == .jetStream else {
            throw MillraceError(
                .unsupported, "NATS without JetStream keeps no topics: who publishes and who reads is known to nobody",
                isRetriable: false)
        }
        var listing = NATSListing()
        var streams: [StreamInfo] = []
        while true {
            let page: StreamList = try await setup.jetStream.call(
                "STREAM.LIST", ["offset": streams.count], "listing the streams")
            streams += page.streams ?? []
            if page.streams?.isEmpty ?? true || streams.count >= page.total { break }
        }
        for stream in streams {
            let name = stream.config.name
            let info: StreamInfo = try await setup.jetStream.call(
                "STREAM.INFO.\(name)", ["subjects_filter": ">"], "looking at the stream '\(name)'")
            listing.add(info, try await consumers(of: name))
        }
        return listing.topics
    }

    private func consumers(of stream: String) async throws -> [ConsumerInfo] {
        var found: [ConsumerInfo] = []
        while true {
            let page: ConsumerList = try await setup.jetStream.call(
                "CONSUMER.LIST.\(stream)", ["offset": found.count], "listing the consumers of the stream '\(stream)'")
            found += page.consumers ?? []
            if page.consumers?.isEmpty ?? true || found.count >= page.total { return found }
        }
    }

    /// Whether a stream has the subject; with wildcards, one that fits. Always true without JetStream.
    public func hasTopic(_ name: String) async throws -> Bool {
        try NATSNames.check(name, allowsWildcards: true)
        try checkOpen()
        guard options.mode == .jetStream else { return true }
        let names: StreamNames = try await setup.jetStream.call("STREAM.NAMES", ["subject": name], "looking for a stream")
        return !(names.streams ?? []).isEmpty
    }
}

/// Puts topics together from streams and consumers.
struct NATSListing {
    private var messages: [String: Int?] = [:]
    private var groups: [String: [GroupDescription]] = [:]

    mutating func add(_ stream: StreamInfo, _ consumers: [ConsumerInfo]) {
        // Those of key-value buckets and object stores are not topics.
        let bound = (stream.config.subjects ?? []).filter { !$0.hasPrefix("$") }
        guard !bound.isEmpty else { return }
        for subject in bound where !NATSNames.hasWildcards(subject) { messages[subject] = 0 }
        for (subject, count) in stream.state.subjects ?? [:] { messages[subject] = count }
        for consumer in consumers where !(consumer.config.durable_name ?? "").isEmpty {
            let one = consumer.config.filter_subject.flatMap { $0.isEmpty ? nil : [$0] }
            let topics = one ?? consumer.config.filter_subjects ?? bound
            let lag = Int(clamping: consumer.num_pending) + consumer.num_ack_pending
            for topic in topics {
                if messages[topic] == nil { messages[topic] = .some(nil) }
                // What it has to do is known for all that it reads, not for each of several.
                let group = NATSNames.group(
                    of: consumer.name, noted: consumer.config.description, topic: topic, in: stream.config.name)
                groups[topic, default: []].append(GroupDescription(name: group, lag: topics.count == 1 ? lag : nil))
            }
        }
    }

    var topics: [TopicDescription] {
        messages.map { name, count in TopicDescription(name: name, messages: count, groups: groups[name] ?? []) }
            .sorted { $0.name < $1.name }
    }
}
