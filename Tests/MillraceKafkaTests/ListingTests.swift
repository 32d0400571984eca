import Millrace
import MillraceTesting
import Testing

@testable import MillraceKafka

/// The mock cluster has no list of groups, so that what is made of one is tested without a cluster.
@Suite("The topics of a Kafka cluster") struct KafkaListingTests {
    private typealias Partition = KafkaGroups.Partition

    private func listing(_ groups: [String: [Partition: Int64]]?) -> KafkaListing {
        KafkaListing(
            bounds: [
                Partition(topic: "orders", number: 0): 10..<30, Partition(topic: "orders", number: 1): 0..<5,
                Partition(topic: "other", number: 0): 0..<7,
            ], groups: groups)
    }

    @Test("have as many messages as lie between the ends of their partitions, and groups that committed something") func groups()
    {
        let orders = listing([
            "done": [Partition(topic: "orders", number: 0): 30, Partition(topic: "orders", number: 1): 5],
            "half": [Partition(topic: "orders", number: 0): 20],
            "other": [Partition(topic: "other", number: 0): 7],
        ]).topic("orders", partitions: [0, 1])
        #expect(orders.name == "orders" && orders.messages == 25)
        #expect(orders.groups == [GroupDescription(name: "done", lag: 0), GroupDescription(name: "half", lag: 15)])
    }

    @Test("wait for what is left of a group's place, when retention was faster or the topic was made anew") func beyond() {
        let orders = listing([
            "old": [Partition(topic: "orders", number: 0): 3, Partition(topic: "orders", number: 1): 5],
            "ahead": [Partition(topic: "orders", number: 0): 99, Partition(topic: "orders", number: 1): 5],
        ]).topic("orders", partitions: [0, 1])
        #expect(orders.groups == [GroupDescription(name: "ahead", lag: 0), GroupDescription(name: "old", lag: 20)])
    }

    @Test("are asked for without making any, and those of the cluster itself are left out") func cluster() async throws {
        let cluster = try MockCluster(brokers: 1)
        cluster.create("__internal", partitions: 1)
        let transport = try await KafkaTransport(cluster.options, observers: Observers())
        let error = await #expect(throws: MillraceError.self) { try await Replay(from: "orders.poison", on: transport).run() }
        #expect(error?.code == .unknownTopic)
        #expect(try await transport.hasTopic("orders.poison,orders") == false)
        #expect(try await transport.hasTopic("^orders"))
        try await transport.publish([Message(text: "1"), Message(text: "2")], to: "orders")
        // This cluster can't list groups.
        #expect(try await transport.topics() == [TopicDescription(name: "orders", messages: 2, groups: nil)])
        #expect(try await transport.hasTopic("orders"))
        let groups = KafkaGroups(handle: transport.producer.handle, options: cluster.options)
        #expect(try groups.names() == nil)
        let reader = try await TopicProbe(of: "orders", on: transport, group: "ledger")
        _ = try await reader.collect(2)
        await reader.close()
        let partitions = (0..<4).map { KafkaGroups.Partition(topic: "orders", number: $0) }
        #expect(try groups.committed(by: "ledger", of: partitions)?.values.reduce(0, +) == 2)
        #expect(try groups.committed(by: "nobody", of: partitions)?.isEmpty == true)
        await transport.close()
        await #expect(throws: MillraceError.self) { try await transport.topics() }
    }

    @Test("have no groups that are known, when the cluster does not say") func unknown() {
        #expect(listing(nil).topic("orders", partitions: [0, 1]).groups == nil)
    }
}
