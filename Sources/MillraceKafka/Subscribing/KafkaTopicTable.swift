import CRdKafka
import Millrace

/// The topics that a subscription has met, by number. What is read of them is known by numbers, which compare faster than names.
final class KafkaTopicTable: Sendable {
    private struct State {
        var names: [String] = []
        var numbers: [String: Int32] = [:]
    }

    private let state: Lock<State>

    /// A table that begins with `names`, in that order.
    init(_ names: [String]) {
        state = Lock(State())
        for name in names { _ = number(of: name) }
    }

    /// The number of a topic, which may be new.
    func number(of name: String) -> Int32 {
        state.withLock { state in
            if let known = state.numbers[name] { return known }
            let number = Int32(state.names.count)
            state.names.append(name)
            state.numbers[name] = number
            return number
        }
    }

    func name(of number: Int32) -> String {
        state.withLock { $0.names.indices.contains(Int(number)) ? $0.names[Int(number)] : "" }
    }

    func name(of partition: KafkaPartition) -> String { name(of: partition.topic) }
}

/// The names and numbers of topics by librdkafka's handles of them. Records of a topic come together.
struct KafkaTopicLookup {
    private let table: KafkaTopicTable
    private var handle: OpaquePointer?
    private var name = ""
    private var number: Int32 = 0

    init(_ table: KafkaTopicTable) { self.table = table }

    mutating func number(of handle: OpaquePointer?) -> Int32 {
        look(handle)
        return number
    }

    mutating func name(of handle: OpaquePointer?) -> String {
        look(handle)
        return name
    }

    private mutating func look(_ handle: OpaquePointer?) {
        guard handle != self.handle else { return }
        self.handle = handle
        name = handle.map { String(cString: rd_kafka_topic_name($0)) } ?? ""
        number = table.number(of: name)
    }
}
