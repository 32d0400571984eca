import Millrace

func makeMessages() throws -> [Message] {
    let text = Message(text: "21.5", key: "roof", metadata: ["unit": "celsius"])
    let bytes = Message(payload: [0x15, 0x05])
    let value = try Message(encoding: Reading(sensor: "roof", celsius: 21.5), key: "roof")
    return [text, bytes, value]
}

func readMessage(_ message: Message) throws {
    let reading: Reading = try message.decode()
    let unit = message.metadata["unit"] ?? "celsius"
    let firstByte = message.payload.first
    print(reading.celsius, unit, firstByte ?? 0)
}

func changeCopy(of message: Message) -> Message {
    var copy = message
    copy.id = .next()
    copy.metadata["checked-by"] = "detector"
    return copy
}

struct CelsiusCodec: MessageCodec {
    var contentType: String { "text/plain" }

    func encode(_ value: Double) throws -> [UInt8] { Array("\(value)".utf8) }

    func decode(_ payload: Payload) throws -> Double {
        guard let value = payload.text.flatMap(Double.init) else { throw NotANumber() }
        return value
    }
}

struct NotANumber: Error {}

func useCodec() throws {
    let message = try Message(encoding: 21.5, with: CelsiusCodec(), key: "roof")
    let celsius = try message.decode(with: CelsiusCodec())
    print(celsius, message.metadata[MetadataKey.contentType] ?? "")
}
