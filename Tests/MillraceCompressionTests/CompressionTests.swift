import Foundation
import Millrace
import MillraceCompression
import MillraceMemory
import MillraceTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct CompressionTests {
    private static let text = String(repeating: "forty orders through a small pipeline. ", count: 500)

    /// Sends a message through a handler that returns what it gets. Returns what came out, or what was poisoned and why.
    private func roundTrip(_ message: Message, _ transform: Transform) async throws -> (message: Message, seen: Message?) {
        let broker = MemoryTransport(observers: Observers([]))
        let router = Router(RouterOptions(observers: [])) {
            PoisonQueue("poison", on: broker)
            transform
        }
        let seen = Lock<Message?>(nil)
        try router.handle("h", from: "in", on: broker, to: "out") { message, _ in
            seen.withLock { $0 = message }
            return [Message(payload: message.payload, key: message.key)]
        }
        let out = try await TopicProbe(of: "out", on: broker)
        let poison = try await TopicProbe(of: "poison", on: broker)
        return try await withRunning(router) {
            try await broker.publish(message, to: "in")
            while out.messages.isEmpty, poison.messages.isEmpty {
                _ = try? await out.next(within: .milliseconds(20))
                _ = try? await poison.next(within: .milliseconds(1))
            }
            let message = try #require(out.messages.first ?? poison.messages.first)
            return (message, seen.withLock { $0 })
        }
    }

    /// Runs a program with bytes on its standard input.
    private func run(_ program: String, _ arguments: [String], _ input: Data) throws -> Data {
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        let file = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try input.write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let output = Pipe()
        process.standardInput = try FileHandle(forReadingFrom: file)
        process.standardOutput = output
        try process.run()
        let result = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return result
    }

    @Test("What gzip wrote is read, and gzip reads what is written")
    func interoperability() async throws {
        let packed = try run("/usr/bin/gzip", ["-c"], Data(Self.text.utf8))
        let message = Message(payload: [UInt8](packed), key: "k", metadata: ["content-encoding": "gzip", "a": "b"])
        let (output, seen) = try await roundTrip(message, .gzip())
        #expect(seen?.payload.text == Self.text)
        #expect(seen?.id == message.id && seen?.key == "k" && seen?.metadata == ["a": "b"])
        #expect(output.metadata["content-encoding"] == "gzip")
        #expect(output.key == "k")
        #expect(output.payload.count < Self.text.utf8.count / 10)
        #expect(try run("/usr/bin/gzip", ["-dc"], Data(output.payload)) == Data(Self.text.utf8))
    }

    @Test("Several gzip parts in a row are one payload, as gzip has it")
    func concatenated() async throws {
        let packed = try run("/usr/bin/gzip", ["-c"], Data("one ".utf8)) + run("/usr/bin/gzip", ["-c"], Data("two".utf8))
        let (_, seen) = try await roundTrip(
            Message(payload: [UInt8](packed), metadata: ["content-encoding": "GZIP"]), .gzip())
        #expect(seen?.payload.text == "one two")
    }

    @Test("Each format reads what the other one wrote", arguments: [0, 1])
    func bothFormats(way: Int) async throws {
        let transforms: [Transform] = way == 0 ? [.gzip(), .deflate()] : [.deflate(level: 9), .gzip(level: 1)]
        let (packed, _) = try await roundTrip(Message(text: Self.text), transforms[0])
        #expect(packed.metadata["content-encoding"] == (way == 0 ? "gzip" : "deflate"))
        let (_, seen) = try await roundTrip(packed, transforms[1])
        #expect(seen?.payload.text == Self.text)
    }

    @Test("Outputs that are small, do not shrink, or are encoded already stay as they are")
    func leftAlone() async throws {
        let random = RandomSource(seed: 1)
        let noise = Message(payload: (0..<2_000).map { _ in UInt8(truncatingIfNeeded: random.next()) })
        for message in [Message(text: "small"), Message(text: ""), noise] {
            let (output, _) = try await roundTrip(message, .gzip(minimumSize: message.payload.count < 10 ? 512 : 0))
            #expect(output.payload == message.payload)
            #expect(output.metadata.isEmpty)
        }
        let (empty, _) = try await roundTrip(Message(text: ""), .gzip(minimumSize: 0))
        #expect(empty.payload.isEmpty && empty.metadata.isEmpty)
    }

    @Test("An unknown encoding is refused with a reason, and the poison queue has the original bytes")
    func unknownEncoding() async throws {
        let message = Message(text: "x", metadata: ["content-encoding": "br"])
        let (output, seen) = try await roundTrip(message, .gzip())
        #expect(seen == nil)
        #expect(output.payload.text == "x" && output.metadata["content-encoding"] == "br")
        #expect(
            output.metadata[MetadataKey.poisonReason]?
                .contains("its content-encoding is 'br', it must be one of: gzip, deflate, identity") == true)
    }

    @Test("A failing handler leaves the original bytes to the poison queue")
    func poisonHasTheOriginal() async throws {
        let (packed, _) = try await roundTrip(Message(text: Self.text), .gzip())
        let broker = MemoryTransport(observers: Observers([]))
        let router = Router(RouterOptions(observers: [])) {
            PoisonQueue("poison", on: broker)
            Transform.gzip()
        }
        try router.consume("h", from: "in", on: broker) { _, _ in throw Reject("no") }
        let poison = try await TopicProbe(of: "poison", on: broker)
        try await withRunning(router) {
            try await broker.publish(packed, to: "in")
            let message = try await poison.next()
            #expect(message.payload == packed.payload)
            #expect(message.metadata["content-encoding"] == "gzip")
        }
    }

    @Test("Broken, cut and overlong payloads are refused")
    func broken() async throws {
        let packed = try run("/usr/bin/gzip", ["-c"], Data(Self.text.utf8))
        for (bytes, reason) in [
            (Array("not gzip at all".utf8), "incorrect header check"), ([UInt8](packed.dropLast(5)), "it is cut short"),
            ([], "it is cut short"), ([UInt8](packed) + [1, 2, 3], "is not gzip"),
        ] {
            let (output, seen) = try await roundTrip(
                Message(payload: bytes, metadata: ["content-encoding": "gzip"]), .gzip())
            #expect(seen == nil)
            #expect(output.metadata[MetadataKey.poisonReason]?.contains(reason) == true)
            #expect(output.metadata[MetadataKey.poisonReason]?.hasPrefix("decodingFailed") == true)
        }
    }

    @Test("A small message can't fill the memory; what is just as large as allowed passes")
    func bomb() async throws {
        let packed = try run("/usr/bin/gzip", ["-9c"], Data(count: 10_000_000))
        #expect(packed.count < 20_000)
        let message = Message(payload: [UInt8](packed), metadata: ["content-encoding": "gzip"])
        let (output, seen) = try await roundTrip(message, .gzip(maximumSize: 9_999_999))
        #expect(seen == nil)
        #expect(output.metadata[MetadataKey.poisonReason]?.contains("more than the maximumSize of 9999999 bytes") == true)
        let (_, allowed) = try await roundTrip(message, .gzip(maximumSize: 10_000_000))
        #expect(allowed?.payload.count == 10_000_000)
        #expect(allowed?.payload.allSatisfy { $0 == 0 } == true)
    }

    @Test("Parameters out of bounds are refused at registration")
    func parameters() throws {
        func refusal(_ transform: Transform) -> String? {
            let router = Router(RouterOptions(observers: [])) { transform }
            let broker = MemoryTransport(observers: Observers([]))
            return #expect(throws: MillraceError.self) { try router.consume("h", from: "in", on: broker) { _, _ in } }?.message
        }
        #expect(refusal(.gzip(level: 0)) == "handler 'h': Transform.gzip: level is 0, it must be 1 to 9")
        #expect(refusal(.gzip(level: .max))?.contains("level is") == true)
        #expect(refusal(.deflate(minimumSize: -1))?.contains("minimumSize is -1") == true)
        #expect(refusal(.gzip(maximumSize: 0))?.contains("maximumSize is 0") == true)
    }
}
