/// What the JetStream API takes and gives, as far as it is needed here. Names are the API's.

struct StreamConfig: Codable {
    var name: String
    var subjects: [String]
    var retention = "limits"
    var storage = "file"
    var num_replicas = 1
    var max_msgs: Int64 = -1
    var max_bytes: Int64 = -1
    var max_age: Int64 = 0
    var max_msg_size: Int64 = -1
    var max_msgs_per_subject: Int64 = -1
    var duplicate_window: Int64?
    var discard: String?
    var allow_direct: Bool?
    var allow_rollup_hdrs: Bool?
    var deny_delete: Bool?
}

struct StreamNames: Decodable {
    let streams: [String]?
    let total: Int
}

struct StreamState: Decodable {
    let messages: Int64
    let first_seq: UInt64
    let last_seq: UInt64
    /// How many messages each subject has, if that was asked for.
    var subjects: [String: Int]?
}

struct StreamList: Decodable {
    let streams: [StreamInfo]?
    let total: Int
}

struct StreamInfo: Decodable {
    struct Config: Decodable {
        let name: String
        let subjects: [String]?
    }

    let config: Config
    let state: StreamState
    /// When it was made, as a ``TimeText``.
    let created: String
}

struct ConsumerConfig: Codable, Equatable {
    var durable_name: String?
    var description: String?
    var deliver_policy: String?
    var opt_start_seq: UInt64?
    var opt_start_time: String?
    var ack_policy: String?
    var ack_wait: Int64?
    var max_deliver: Int64?
    var backoff: [Int64]?
    var filter_subject: String?
    var filter_subjects: [String]?
    var replay_policy: String?
    var max_ack_pending: Int64?
    var max_waiting: Int64?
    var deliver_subject: String?
    var inactive_threshold: Int64?
    var mem_storage: Bool?
    var num_replicas: Int?
}

struct ConsumerRequest: Encodable {
    let stream_name: String
    let config: ConsumerConfig
}

struct ConsumerInfo: Decodable {
    struct Sequence: Decodable {
        let consumer_seq: UInt64
        let stream_seq: UInt64
    }

    let name: String
    /// When it was made, as a ``TimeText``.
    let created: String
    let config: ConsumerConfig
    let delivered: Sequence
    let ack_floor: Sequence
    let num_pending: UInt64
    let num_ack_pending: Int
}

struct ConsumerList: Decodable {
    let consumers: [ConsumerInfo]?
    let total: Int
}

struct PullRequest: Encodable {
    let batch: Int
    let expires: Int64
}

struct DeleteAnswer: Decodable {
    let success: Bool?
}

struct StreamMessage: Decodable {
    struct Content: Decodable {
        let subject: String
        let seq: UInt64
        let hdrs: String?
        let data: String?
    }

    let message: Content
}
