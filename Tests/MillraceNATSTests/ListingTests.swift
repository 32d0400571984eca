import Foundation
import Millrace
import Testing

@testable import MillraceNATS

/// What is made of the answers of JetStream's API.
@Suite("The topics of NATS") struct NATSListingTests {
    private func stream(_ name: String, bound: [String], subjects: [String: Int]) throws -> StreamInfo {
        try decode([
            "config": ["name": name, "subjects": bound], "created": "2026-01-01T00:00:00Z",
            "state": ["messages": subjects.values.reduce(0, +), "first_seq": 1, "last_seq": 9, "subjects": subjects],
        ])
    }

    private func consumer(_ name: String, _ config: [String: Any], pending: Int, out: Int) throws -> ConsumerInfo {
        let sequence = ["consumer_seq": 1, "stream_seq": 1]
        return try decode([
            "name": name, "created": "2026-01-01T00:00:00Z", "config": config, "delivered": sequence, "ack_floor": sequence,
            "num_pending": pending, "num_ack_pending": out,
        ])
    }

    private func decode<Value: Decodable>(_ object: [String: Any]) throws -> Value {
        try JSONDecoder().decode(Value.self, from: JSONSerialization.data(withJSONObject: object))
    }

    @Test("are the subjects of streams, with what waits for each consumer and what is with it") func subjects() throws {
        var listing = NATSListing()
        let shop = try stream("SHOP", bound: ["shop.>", "audit"], subjects: ["shop.orders": 3, "shop.returns": 1])
        listing.add(
            shop,
            [
                try consumer(
                    NATSNames.consumer(for: "ledger", topic: "shop.orders", in: "SHOP"),
                    ["durable_name": "x", "filter_subject": "shop.orders"], pending: 1, out: 1),
                try consumer(
                    NATSNames.consumer(for: "tax.eu", topic: "shop.*", in: "SHOP"),
                    ["durable_name": "x", "filter_subject": "shop.*", "description": "tax.eu"], pending: 4, out: 0),
                try consumer("theirs", ["durable_name": "theirs", "description": "not a group"], pending: 2, out: 0),
                try consumer("copy", ["filter_subject": "shop.orders"], pending: 1, out: 0),
            ])
        listing.add(try stream("KV_x", bound: ["$KV.x.>"], subjects: ["$KV.x.a": 1]), [])
        let theirs = GroupDescription(name: "theirs", lag: nil)
        #expect(
            listing.topics == [
                TopicDescription(name: "audit", messages: 0, groups: [theirs]),
                TopicDescription(name: "shop.*", messages: nil, groups: [GroupDescription(name: "tax.eu", lag: 4)]),
                TopicDescription(name: "shop.>", messages: nil, groups: [theirs]),
                TopicDescription(name: "shop.orders", messages: 3, groups: [GroupDescription(name: "ledger", lag: 2)]),
                TopicDescription(name: "shop.returns", messages: 1, groups: []),
            ])
    }

    @Test(
        "have groups under the names that they were given", arguments: ["ledger", "tax.eu", String(repeating: "g", count: 254)])
    func names(_ group: String) {
        for stream in ["orders", "SHOP"] {
            let name = NATSNames.consumer(for: group, topic: "orders", in: stream)
            #expect(NATSNames.group(of: name, noted: group, topic: "orders", in: stream) == group)
        }
        #expect(NATSNames.group(of: "theirs", noted: "a note", topic: "orders", in: "orders") == "theirs")
    }
}
