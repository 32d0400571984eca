import Millrace
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

    @Test("have no groups that are known, when the cluster does not say") func unknown() {
        #expect(listing(nil).topic("orders", partitions: [0, 1]).groups == nil)
    }
}
