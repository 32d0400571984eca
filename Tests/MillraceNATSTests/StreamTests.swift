import Millrace
import MillraceNATS
import MillraceTesting
import TestSupport
import Testing

extension NATSTests {
    /// What happens to streams and consumers beside a running subscription, and how they are made.
    @Suite struct Streams {
        private func name(_ hint: String) -> String { "\(hint)-\(MessageID.next())" }

        private func records(_ count: Int, of subscription: any Subscription) async throws -> [DeliveryRecord] {
            var records: [DeliveryRecord] = []
            var batch = DeliveryBatch()
            let deadline = SystemClock.shared.now.advanced(by: patience)
            while records.count < count {
                batch.removeAll()
                guard try await subscription.pull(into: &batch, upTo: count - records.count, until: deadline) else {
                    throw MillraceError(.timedOut, "\(records.count) of \(count) came", isRetriable: false)
                }
                records += batch.records
            }
            return records
        }

        private func texts(_ count: Int, of subscription: any Subscription) async throws -> [String] {
            let records = try await records(count, of: subscription)
            subscription.acknowledge(records.map(\.token))
            return records.map { $0.message.payload.text ?? "" }
        }

        private func texts(_ range: Range<Int>) -> [Message] { range.map { Message(text: "\($0)") } }

        @Test(
            "When its consumer is deleted, a group goes on behind what is known to be done, and a reader without one where it was"
        )
        func deletedConsumer() async throws {
            let server = try await NATSServer.start()
            let (transport, foreign) = (try await server.connect(), try await RawNATSClient.connect(to: server))
            let group = try await transport.subscribe(to: "t", SubscriptionOptions(group: "g"))
            let copy = try await transport.subscribe(to: "t", SubscriptionOptions())
            try await transport.publish(texts(0..<10), to: "t")
            #expect(try await texts(10, of: group) == (0..<10).map { "\($0)" })
            #expect(try await texts(10, of: copy) == (0..<10).map { "\($0)" })
            try await group.flush()
            let list = try await foreign.run { try $0.request("$JS.API.CONSUMER.NAMES.t") }
            let names = list.split(separator: "[")[1].split(separator: "]")[0].split(separator: ",").map {
                $0.filter { $0 != "\"" }
            }
            #expect(names.count == 2)
            for name in names { _ = try await foreign.run { try $0.request("$JS.API.CONSUMER.DELETE.t.\(name)") } }
            try await transport.publish(texts(10..<20), to: "t")
            #expect(try await texts(10, of: copy) == (10..<20).map { "\($0)" })
            var seen: [String] = []
            while !seen.contains("19") { seen += try await texts(1, of: group) }
            #expect(Set(seen).isSuperset(of: (10..<20).map { "\($0)" }))
            await transport.close()
        }

        @Test("When its stream is deleted, it is made anew by whoever publishes or subscribes, and all get what comes then")
        func deletedStream() async throws {
            let server = try await NATSServer.start()
            let (transport, foreign) = (try await server.connect(), try await RawNATSClient.connect(to: server))
            let group = try await transport.subscribe(to: "t", SubscriptionOptions(group: "g"))
            let copy = try await transport.subscribe(to: "t", SubscriptionOptions())
            try await transport.publish(texts(0..<10), to: "t")
            let out = try await records(4, of: group)
            #expect(try await texts(10, of: copy) == (0..<10).map { "\($0)" })
            _ = try await foreign.run { try $0.request("$JS.API.STREAM.DELETE.t") }
            // Some are refused until the stream is there again.
            for message in texts(10..<20) {
                while true {
                    do {
                        try await transport.publish(message, to: "t")
                        break
                    } catch let error as MillraceError where error.isRetriable { await Task.yield() }
                }
            }
            // Settling what another stream had does no harm.
            group.acknowledge(out.map(\.token))
            #expect(try await texts(10, of: copy) == (10..<20).map { "\($0)" })
            var seen: [String] = []
            while !seen.contains("19") { seen += try await texts(1, of: group) }
            #expect(Array(seen.suffix(10)) == (10..<20).map { "\($0)" })
            await transport.close()
        }

        @Test("Missing streams are an error that says so, when they are not to be made")
        func existingStreams() async throws {
            let transport = try await NATSServer.shared.connect { $0.newStreams = nil }
            let topic = name("missing")
            let publishing = await #expect(throws: MillraceError.self) {
                try await transport.publish(Message(text: "x"), to: topic)
            }
            let reason = publishing?.failures.first?.error as? MillraceError
            #expect(reason?.message.contains("no stream has this subject") == true)
            let subscribing = await #expect(throws: MillraceError.self) {
                try await transport.subscribe(to: topic, .init(group: "g"))
            }
            #expect(subscribing?.code == .invalidTopic)
            await transport.close()
        }

        @Test("New streams are as the options say")
        func newStream() async throws {
            let server = try await NATSServer.shared
            let foreign = try await RawNATSClient.connect(to: server)
            let topic = name("made")
            let transport = try await server.connect {
                $0.newStreams = NATSNewStreams(
                    subjects: ["\(topic).more"], storage: .memory, retention: .interest, maximumMessages: 7,
                    maximumBytes: 100_000,
                    maximumAge: .seconds(60), maximumMessageSize: 1_000)
            }
            #expect(!transport.capabilities.contains(.durable))
            try await transport.prepare(topic: topic, group: nil)
            let info = try await foreign.run { try $0.request("$JS.API.STREAM.INFO.\(topic)") }
            for part in [
                #""subjects":["\#(topic)","\#(topic).more"]"#, #""retention":"interest""#, #""storage":"memory""#,
                #""max_msgs":7"#, #""max_bytes":100000"#, #""max_age":60000000000"#, #""max_msg_size":1000"#,
            ] {
                #expect(info.contains(part), "\(part) in \(info)")
            }
            let tooLarge = await #expect(throws: MillraceError.self) {
                try await transport.publish(Message(payload: [UInt8](repeating: 0, count: 2_000)), to: topic)
            }
            #expect((tooLarge?.failures.first?.error as? MillraceError)?.code == .invalidMessage)
            await transport.close()
        }

        @Test("A topic with wildcards gets what its subjects get, with the subject; dead letters do not come back to it")
        func wildcards() async throws {
            let server = try await NATSServer.start()
            let transport = try await server.connect()
            let all = try await transport.subscribe(to: "orders.>", SubscriptionOptions(group: "all"))
            let one = try await transport.subscribe(to: "orders.*.new", SubscriptionOptions())
            let letters = try await TopicProbe(of: "dead-letter.orders.eu.new", on: transport)
            for subject in ["orders.eu.new", "orders.us.new", "orders.us.old"] {
                try await transport.publish(Message(text: subject), to: subject)
            }
            let records = try await records(3, of: all)
            #expect(
                records.map { $0.message.metadata[MetadataKey.topic] } == ["orders.eu.new", "orders.us.new", "orders.us.old"])
            all.settle(records[0].token, .reject(reason: "no"))
            all.acknowledge(records.dropFirst().map(\.token))
            #expect(try await texts(2, of: one) == ["orders.eu.new", "orders.us.new"])
            let letter = try await letters.next()
            #expect(letter.payload.text == "orders.eu.new")
            #expect(letter.metadata[MetadataKey.poisonTopic] == "orders.eu.new")
            for topic in [">", "*.>"] {
                let error = await #expect(throws: MillraceError.self) { try await transport.subscribe(to: topic, .init()) }
                #expect(error?.code == .invalidOption)
            }
            let publishing = await #expect(throws: MillraceError.self) {
                try await transport.publish(Message(text: "x"), to: "a.*")
            }
            #expect(publishing?.code == .invalidTopic)
            await transport.close()
        }

        @Test("A group or a reader can start behind a position and at a time")
        func starts() async throws {
            let server = try await NATSServer.shared
            let transport = try await server.connect()
            let topic = name("starts")
            let probe = try await transport.subscribe(to: topic, SubscriptionOptions())
            try await transport.publish(texts(0..<3), to: topic)
            let seen = try await records(3, of: probe)
            try await SystemClock.shared.sleep(for: .milliseconds(20))
            let time = SystemClock.shared.unixMilliseconds
            try await SystemClock.shared.sleep(for: .milliseconds(20))
            try await transport.publish(texts(3..<5), to: topic)
            let expected: [(StartPosition, Int)] = [
                (.beginning, 0), (.after(seen[1].position), 2), (.time(unixMilliseconds: time), 3),
                (.time(unixMilliseconds: 0), 0),
            ]
            for (start, first) in expected {
                for group in [nil, name("g")] {
                    let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: group, start: start))
                    #expect(try await texts(5 - first, of: reader) == (first..<5).map { "\($0)" }, "\(start)")
                }
            }
            await transport.close()
        }

        @Test("What the consumer does not hand out again goes to the dead letters")
        func maximumDeliveries() async throws {
            let transport = try await NATSServer.shared.connect { $0.consumers.maximumDeliveries = 2 }
            let topic = name("maximum")
            let letters = try await TopicProbe(of: topic + ".dead-letter", on: transport)
            let subscription = try await transport.subscribe(to: topic, SubscriptionOptions(group: "g"))
            try await transport.publish(Message(text: "x"), to: topic)
            for attempt in 1...2 {
                let record = try await records(1, of: subscription)[0]
                #expect(record.attempt == attempt)
                subscription.settle(record.token, .retry(after: .zero))
            }
            let letter = try await letters.next()
            #expect(letter.metadata[MetadataKey.poisonReason]?.contains("2 times") == true)
            try await subscription.flush()
            await transport.close()
        }

        @Test("What waits in a member's buffer for longer than its lease is not handed to another one")
        func leaseWithPrefetch() async throws {
            let server = try await NATSServer.shared
            let (one, two) = (try await server.connect(), try await server.connect())
            let topic = name("prefetch")
            let options = SubscriptionOptions(group: "g", prefetch: 50, lease: .seconds(2))
            let slow = try await one.subscribe(to: topic, options)
            try await one.publish(texts(0..<50), to: topic)
            // One is out, and the others are in the buffer.
            let first = try await records(1, of: slow)
            let other = try await two.subscribe(to: topic, options)
            var batch = DeliveryBatch()
            for _ in 0..<6 {
                let deadline = SystemClock.shared.now.advanced(by: .seconds(1))
                #expect(try await other.pull(into: &batch, upTo: 1, until: deadline) == false)
                slow.renew(first.map(\.token))
            }
            slow.acknowledge(first.map(\.token))
            let rest = try await records(49, of: slow)
            #expect(rest.allSatisfy { $0.attempt == 1 })
            slow.acknowledge(rest.map(\.token))
            await one.close()
            await two.close()
        }

        @Test("Published again, a message counts once; a letter about it and one that is brought back are others")
        func deduplication() async throws {
            let server = try await NATSServer.shared
            let events = RecordingObserver()
            let transport = try await server.connect(Observers([events]))
            let topic = name("once")
            let probe = try await TopicProbe(of: topic, on: transport)
            let message = Message(text: "x")
            var letter = message
            letter.metadata[MetadataKey.poisonTopic] = "y"
            var replayed = message
            replayed.metadata[MetadataKey.replays] = "1"
            var again = replayed
            again.metadata[MetadataKey.replays] = "2"
            for message in [message, message, letter, replayed, again, message, letter] {
                try await transport.publish(message, to: topic)
            }
            try await transport.publish(Message(text: "end"), to: topic)
            let received = try await probe.collect(5)
            #expect(received.map(\.metadata) == [[:], letter.metadata, replayed.metadata, again.metadata, [:]])
            let dropped = events.events.filter { if case .messagesDropped(topic, _, _) = $0.kind { true } else { false } }
            #expect(dropped.count == 3 && dropped.allSatisfy { $0.level == .warning })
            let plain = try await server.connect { $0.deduplicates = false }
            try await plain.publish([message, message], to: topic)
            #expect(try await probe.collect(2) == [message, message])
            await transport.close()
            await plain.close()
        }

        @Test("Names that NATS has no room for become others, and no two the same")
        func names() async throws {
            let transport = try await NATSServer.shared.connect()
            let id = MessageID.next()
            let topics = ["a.\(id)", "a_\(id)", "ü.\(id)", "_.\(id)", "a/b.\(id)", "a\\b.\(id)"]
            for group in ["g", "g.h", "g_h", "g h", "größe", "g>h*"] {
                for topic in topics {
                    let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: group))
                    try await transport.publish(Message(text: "\(topic) \(group)"), to: topic)
                    while try await texts(1, of: reader) != ["\(topic) \(group)"] {}
                    await reader.close()
                }
            }
            for topic in ["a b", "a..b", ".a", "a.", "a>b", "a*"] {
                let error = await #expect(throws: MillraceError.self) {
                    try await transport.publish(Message(text: "x"), to: topic)
                }
                #expect(error?.code == .invalidTopic, "\(topic)")
            }
            await transport.close()
        }

        @Test("A consumer that somebody else has made is used, unless it can't be")
        func foreignConsumer() async throws {
            let server = try await NATSServer.shared
            let (transport, foreign) = (try await server.connect(), try await RawNATSClient.connect(to: server))
            let topic = name("foreign")
            try await transport.prepare(topic: topic, group: nil)
            let configurations = [
                ("good", #""ack_policy":"explicit","ack_wait":60000000000"#), ("none", #""ack_policy":"none""#),
                ("push", #""ack_policy":"explicit","deliver_subject":"x""#),
            ]
            for (name, rest) in configurations {
                _ = try await foreign.run {
                    try $0.request(
                        "$JS.API.CONSUMER.DURABLE.CREATE.\(topic).\(name)",
                        #"{"stream_name":"\#(topic)","config":{"durable_name":"\#(name)","deliver_policy":"all",\#(rest)}}"#)
                }
            }
            try await transport.publish(Message(text: "x"), to: topic)
            let good = try await transport.subscribe(to: topic, SubscriptionOptions(group: "good"))
            #expect(try await texts(1, of: good) == ["x"])
            for group in ["none", "push"] {
                let error = await #expect(throws: MillraceError.self) {
                    try await transport.subscribe(to: topic, .init(group: group))
                }
                #expect(error?.code == .invalidOption)
            }
            await transport.close()
        }

        @Test("Core: what a slow subscription has no room for is dropped and reported; what it takes comes in order")
        func slowConsumer() async throws {
            let server = try await NATSServer.shared
            let observer = RecordingObserver(level: .warning)
            let transport = try await server.connect(Observers([observer])) {
                $0.mode = .core
                $0.maximumWaiting = 100
            }
            let topic = name("slow")
            let subscription = try await transport.subscribe(to: topic, SubscriptionOptions(prefetch: 10))
            try await transport.publish(texts(0..<5_000), to: topic)
            var numbers: [Int] = []
            var batch = DeliveryBatch()
            while true {
                let deadline = SystemClock.shared.now.advanced(by: .milliseconds(300))
                guard try await subscription.pull(into: &batch, upTo: 10, until: deadline) else { break }
                numbers += batch.records.compactMap { $0.message.payload.text.flatMap { Int($0) } }
                subscription.acknowledge(batch.records.map(\.token))
                batch.removeAll()
            }
            #expect(numbers == numbers.sorted())
            #expect((100..<5_000).contains(numbers.count), "\(numbers.count)")
            let dropped = observer.events.reduce(0) { sum, event in
                if case .messagesDropped(_, let count, _) = event.kind { sum + count } else { sum }
            }
            #expect(dropped + numbers.count == 5_000)
            await transport.close()
        }

        @Test("Core: an answer that nobody asked for harms nobody") func foreignAnswer() async throws {
            let server = try await NATSServer.start()
            let client = try await RawNATSClient.connect(to: server)
            try await client.run { try $0.subscribe(to: "_INBOX.>") }
            let transport = try await server.connect { $0.mode = .core }
            try await transport.publish(Message(text: "1"), to: "t")
            let answer = try await client.run { try $0.next() }
            let prefix = answer.subject.dropLast(answer.subject.split(separator: ".").last?.count ?? 0)
            for number in [UInt64.max, 1 << 62, 7] { try await client.run { try $0.publish([], to: "\(prefix)\(number)") } }
            for number in 2..<10 { try await transport.publish(Message(text: "\(number)"), to: "t") }
            await transport.close()
        }

        @Test("Core: members of a queue group share what comes")
        func queueGroup() async throws {
            let server = try await NATSServer.shared
            let transport = try await server.connect { $0.mode = .core }
            let topic = name("queue")
            let members = [
                try await transport.subscribe(to: topic, SubscriptionOptions(group: "g")),
                try await transport.subscribe(to: topic, SubscriptionOptions(group: "g")),
            ]
            let sent = texts(0..<200)
            try await transport.publish(sent, to: topic)
            var received: [Message] = []
            for member in members {
                var batch = DeliveryBatch()
                // The server has taken all, and the other one's share is not for this one.
                while true {
                    let deadline = SystemClock.shared.now.advanced(by: .milliseconds(300))
                    guard try await member.pull(into: &batch, upTo: 200, until: deadline) else { break }
                }
                #expect(!batch.isEmpty)
                received += batch.records.map(\.message)
            }
            #expect(Set(received.map(\.id)) == Set(sent.map(\.id)))
            #expect(received.count == 200)
            await transport.close()
        }
    }
}
