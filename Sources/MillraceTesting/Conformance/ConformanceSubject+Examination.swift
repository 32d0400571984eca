public import Millrace

extension ConformanceSubject {
    /// A subject of which is found out what it promises, for a transport that is known by no more than how to reach it.
    ///
    /// It promises what the transport declares. Members share by partitions where it declares no leases; whether two transports share a
    /// broker, and how many messages a topic takes where publishers wait, is tried out with topics whose names begin with `prefix`.
    /// What was tried out is removed where the transport can. Takes a few seconds at most.
    ///
    /// - Parameters:
    ///   - name: The name that failures carry; nil for the transport's system.
    ///   - prefix: What the names of all topics and groups begin with.
    ///   - connect: Makes a transport. Each is closed by whoever makes it.
    /// - Throws: What `connect` and the transport throw.
    public init(
        examining name: String? = nil, prefix: String, connect: @escaping @Sendable () async throws -> any Transport
    ) async throws {
        let transport = try await connect()
        self.init(name ?? transport.system, capabilities: transport.capabilities, connect: connect)
        uniqueName = { "\(prefix)\($0)-\(MessageID.next())" }
        // A broker far away, or a machine with other things to do, is not at fault.
        lease = .seconds(3)
        sharesByPartition = capabilities.contains(.groups) && !capabilities.contains(.leases)
        // Partitions of a member that is gone are shared anew when its session is over: after 45 seconds with Kafka's default.
        idleTimeout = sharesByPartition ? .seconds(180) : .seconds(60)
        let topics = ConformanceTopics()
        do {
            // What survives its process is not within it.
            if !capabilities.contains(.durable) { sharesBroker = try await reaches(transport, topics) }
            if capabilities.contains(.backPressure) { capacity = try await room(of: transport, topics) }
        } catch {
            await transport.close()
            throw error
        }
        await transport.close()
        var cleaning = self
        cleaning.removesTopics = true
        await topics.remove(from: cleaning)
    }

    /// Whether what one transport publishes comes to another one.
    private func reaches(_ transport: any Transport, _ topics: ConformanceTopics) async throws -> Bool {
        let topic = uniqueName("shared")
        topics.note(topic)
        let other = try await connect()
        do {
            let subscription = try await other.subscribe(to: topic, SubscriptionOptions())
            try await transport.publish(Message(text: "to another transport"), to: topic)
            var batch = DeliveryBatch()
            let deadline = SystemClock.shared.now.advanced(by: .seconds(2))
            let hasCome = try await subscription.pull(into: &batch, upTo: 1, until: deadline)
            subscription.acknowledge(batch.records.map(\.token))
            await other.close()
            return hasCome
        } catch {
            await other.close()
            throw error
        }
    }

    /// How many messages a topic takes that nobody reads, if that is within the suite's reach.
    private func room(of transport: any Transport, _ topics: ConformanceTopics) async throws -> Int {
        let (topic, group) = (uniqueName("room"), uniqueName("group"))
        topics.note(topic, group: group)
        let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: group, prefetch: 1))
        var count = 0
        while count <= Self.reachableCapacity {
            do {
                try await withTimeLimit(.seconds(1), "publishing to a full topic") {
                    try await transport.publish(Message(text: "room"), to: topic)
                }
            } catch let error as MillraceError where error.code == .deadlineExceeded {
                await reader.close()
                return count
            }
            count += 1
        }
        await reader.close()
        return .max
    }
}
