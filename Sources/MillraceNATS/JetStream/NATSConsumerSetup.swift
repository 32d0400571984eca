import Millrace

/// Finds and makes the consumers that subscriptions read.
struct NATSConsumerSetup: Sendable {
    /// The shortest time after which the server hands out a message again that a member has not kept alive: a process that is held
    /// up for a moment is not to lose what it has. Shorter leases are kept by the member itself.
    static let minimumAckWait = Duration.seconds(2)

    /// As good as no limit.
    private static let unlimitedDeliveries = Int64(Int32.max)

    let jetStream: JetStream
    let options: NATSOptions

    init(_ jetStream: JetStream) {
        self.jetStream = jetStream
        options = jetStream.connection.options
    }

    // MARK: Groups

    /// The durable consumer of a group, which is made when there is none. One that is there stays as it is, but for a lease that is
    /// longer than it knows of.
    func group(
        _ group: String, topic: String, of stream: String, lease: Duration, start: StartPosition
    ) async throws -> ConsumerInfo {
        let name = NATSNames.consumer(for: group, topic: topic, in: stream)
        let what = "group '\(group)' of topic '\(topic)'"
        var config = durable(name, topic: topic, lease: lease)
        // For who lists groups: some can't be read back from the name.
        if NATSNames.group(of: name, noted: nil, topic: topic, in: stream) != group { config.description = group }
        start.apply(to: &config)
        do {
            let info: ConsumerInfo = try await jetStream.call("CONSUMER.INFO.\(stream).\(name)", nil, what)
            return try await adapt(info, config, stream, topic, what)
        } catch let error as MillraceError where error.code == .unknownGroup {
            do {
                return try await create(config, of: stream, what)
            } catch let error as MillraceError where error.message.contains("already") {
                // Another member was faster, with another lease or start.
                let info: ConsumerInfo = try await jetStream.call("CONSUMER.INFO.\(stream).\(name)", nil, what)
                return try await adapt(info, config, stream, topic, what)
            }
        }
    }

    private func create(_ config: ConsumerConfig, of stream: String, _ what: String) async throws -> ConsumerInfo {
        let name = config.durable_name ?? ""
        return try await jetStream.call(
            "CONSUMER.DURABLE.CREATE.\(stream).\(name)", ConsumerRequest(stream_name: stream, config: config), what)
    }

    private func durable(_ name: String, topic: String, lease: Duration) -> ConsumerConfig {
        let policy = options.consumers
        return ConsumerConfig(
            durable_name: name, ack_policy: "explicit",
            ack_wait: policy.backoff.isEmpty ? max(lease, Self.minimumAckWait).nanosecondsClamped : nil,
            // Never the server: what it gives up it hands out no more, that of members that died among it. Back-off wants a number.
            max_deliver: policy.backoff.isEmpty ? nil : Self.unlimitedDeliveries,
            backoff: policy.backoff.isEmpty ? nil : policy.backoff.map(\.nanosecondsClamped), filter_subject: topic,
            replay_policy: "instant", max_ack_pending: Int64(policy.maximumAckPending),
            inactive_threshold: policy.inactiveThreshold?.nanosecondsClamped)
    }

    private func adapt(
        _ info: ConsumerInfo, _ wanted: ConsumerConfig, _ stream: String, _ topic: String, _ what: String
    ) async throws -> ConsumerInfo {
        let config = info.config
        func refuse(_ field: String, _ value: String, _ bound: String) -> MillraceError {
            .invalidOption(field, "'\(value)'", bound: bound, of: "\(what), consumer '\(info.name)'")
        }
        if let subject = config.deliver_subject, !subject.isEmpty {
            throw refuse("deliver_subject", subject, "empty: a pull consumer")
        }
        if let policy = config.ack_policy, policy != "explicit" { throw refuse("ack_policy", policy, "'explicit'") }
        if let filter = config.filter_subject, !filter.isEmpty, filter != topic {
            throw refuse("filter_subject", filter, "'\(topic)'")
        }
        guard let wait = wanted.ack_wait, (config.backoff ?? []).isEmpty, (config.ack_wait ?? 0) < wait else { return info }
        var longer = config
        longer.durable_name = info.name
        longer.ack_wait = wait
        return try await create(longer, of: stream, what)
    }

    /// After how many deliveries the server gives a message of a consumer up; nil for never.
    static func serversLimit(_ consumer: ConsumerInfo) -> Int? {
        consumer.config.max_deliver.flatMap { 1..<unlimitedDeliveries ~= $0 ? Int($0) : nil }
    }

    // MARK: Copies

    /// A consumer for one reader, who has to remember where it is.
    func copy(topic: String, of stream: String, start: StartPosition) async throws -> ConsumerInfo {
        var config = ConsumerConfig(
            ack_policy: "none", filter_subject: topic, replay_policy: "instant",
            inactive_threshold: Duration.seconds(60).nanosecondsClamped, mem_storage: true, num_replicas: 1)
        start.apply(to: &config)
        return try await jetStream.call(
            "CONSUMER.CREATE.\(stream)", ConsumerRequest(stream_name: stream, config: config), "a reader of topic '\(topic)'")
    }

    /// Whether a stream is the one that a consumer belonged to which is gone, and not another one of the same name, with numbers of its
    /// own.
    func isSame(_ stream: String, as old: String, consumerCreated: String) async throws -> Bool {
        guard stream == old else { return false }
        let info: StreamInfo = try await jetStream.call("STREAM.INFO.\(stream)", nil, "looking at a stream")
        return !TimeText.isLater(info.created, than: consumerCreated)
    }

    func remove(_ consumer: String, of stream: String) {
        jetStream.call("CONSUMER.DELETE.\(stream).\(consumer)", nil, "removing a reader") {
            (_: Result<DeleteAnswer, MillraceError>) in
        }
    }
}

extension StartPosition {
    func apply(to config: inout ConsumerConfig) {
        switch self {
        case .beginning: config.deliver_policy = "all"
        case .now: config.deliver_policy = "new"
        case .after(let position):
            guard position.low > 0 else { return config.deliver_policy = "all" }
            config.deliver_policy = "by_start_sequence"
            config.opt_start_seq = position.low == .max ? .max : position.low + 1
        case .time(let milliseconds):
            config.deliver_policy = "by_start_time"
            config.opt_start_time = TimeText.of(unixMilliseconds: milliseconds)
        }
    }
}
