import Millrace

/// A message, and the bytes that it has in each layout: written down from the layouts' descriptions, and from that of MessagePack.
struct Sample: Sendable {
    let name: String
    let message: Message
    /// The id as a text.
    let id: String
    let payload: [UInt8]
    /// The metadata as headers, in their order.
    let headers: [(String, String)]
    /// The metadata, with the key, as a map of MessagePack. Empty when there is neither.
    let packed: [UInt8]

    init(
        _ name: String, id: String = "0198f2c4-7b1e-7c3a-9d2e-5a6b7c8d9e0f", _ payload: [UInt8], key: String? = nil,
        _ headers: [(String, String)] = [], packed: [UInt8]
    ) {
        self.name = name
        self.id = id
        self.payload = payload
        self.headers = headers
        self.packed = packed
        let metadata = Metadata(headers.map { (key: $0.0, value: $0.1) })
        message = Message(id: MessageID(id), payload: payload, key: key, metadata: metadata)
    }

    // MARK: Layouts

    private static let idName = "_watermill_message_uuid"
    private var idField: WireRecord.Field { WireRecord.Field(Self.idName, id) }
    private var headerFields: [WireRecord.Field] { headers.map { WireRecord.Field($0.0, $0.1) } }
    /// Of brokers whose messages have no key.
    private var keyField: [WireRecord.Field] { message.key.map { [WireRecord.Field("millrace-key", $0)] } ?? [] }

    /// An entry of a stream: three fields.
    var redis: WireRecord {
        WireRecord(fields: [idField, WireRecord.Field("metadata", packed), WireRecord.Field("payload", payload)])
    }

    /// A header for the id and one for each key of the metadata; the key is the record's.
    var kafka: WireRecord {
        WireRecord(fields: [idField] + headerFields, key: message.key.map { Array($0.utf8) }, body: payload)
    }

    /// As Kafka's, with the key as one of the headers.
    var amqp: WireRecord { WireRecord(fields: [idField] + keyField + headerFields, body: payload) }

    /// As AMQP's, and the id once more, by which JetStream recognises what it has.
    var nats: WireRecord {
        WireRecord(fields: [idField] + keyField + headerFields + [WireRecord.Field("Nats-Msg-Id", id)], body: payload)
    }

    /// Columns with their types.
    func sqlite(uuid: [UInt8]?, json: String?) -> WireRecord {
        var fields = [uuid.map { WireRecord.Field("uuid blob", $0) } ?? WireRecord.Field("uuid text", id)]
        if let key = message.key { fields.append(WireRecord.Field("key text", key)) }
        if let json { fields.append(WireRecord.Field("metadata text", json)) }
        return WireRecord(fields: fields, body: payload)
    }
}
