import Millrace
import MillraceSQLite
import TestSupport
import Testing

extension InteroperabilityTests {
    /// With the module of Python's own.
    @Suite struct SQLite {
        private static let client = PythonClient(script: "sqlite_client.py")

        /// Samples with what only this layout has: an id as bytes, and metadata as an object of JSON.
        private static let cases: [(sample: Sample, row: WireRecord)] = [
            (.plain, Sample.plain.sqlite(uuid: bytes(1), json: #"{"name":"Order.Placed","correlation_id":"c-1"}"#)),
            (.bare, Sample.bare.sqlite(uuid: bytes(2), json: nil)),
            (.everyByte, Sample.everyByte.sqlite(uuid: bytes(3), json: #"{"kind":"binary"}"#)),
            (.emptyPayload, Sample.emptyPayload.sqlite(uuid: bytes(4), json: #"{"a":"b"}"#)),
            (
                .metadata,
                Sample.metadata.sqlite(
                    uuid: bytes(5),
                    json: "{\"empty\":\"\",\"größe\":\"e\u{301}\",\"鍵\":\"🗝\u{FE0F}\",\"quoted\":\"\\\"a\\\\b\\\" = ,;%&\"}")
            ),
            (.key, Sample.key.sqlite(uuid: bytes(6), json: #"{"a":"b"}"#)),
            (.foreignID, Sample.foreignID.sqlite(uuid: nil, json: nil)),
        ]

        /// The UUID of samples, as it is counted there.
        private static func bytes(_ number: UInt8) -> [UInt8] {
            [0x01, 0x98, 0xF2, 0xC4, 0x7B, 0x1E, 0x7C, 0x3A, 0x9D, 0x2E, 0x5A, 0x6B, 0x7C, 0x8D, 0x9E, number]
        }

        @Test("What Millrace writes, they read, byte for byte")
        func written() async throws {
            let folder = try TemporaryFolder()
            let transport = try await SQLiteTransport(path: folder.file("messages.db"))
            try await transport.publish(Self.cases.map(\.sample.message), to: "written")
            let rows = try await Self.client.read(Self.cases.count, of: "written", at: folder.file("messages.db"))
            expect(rows, are: Self.cases.map { ($0.sample.name, $0.row) }, fieldsHaveOrder: true)
            await transport.close()
        }

        @Test("What they write, Millrace reads")
        func read() async throws {
            let folder = try TemporaryFolder()
            let transport = try await SQLiteTransport(path: folder.file("messages.db"))
            let reader = try await transport.subscribe(to: "read", SubscriptionOptions(group: "g"))
            try await Self.client.write(Self.cases.map(\.row), to: "read", at: folder.file("messages.db"))
            expect(try await take(Self.cases.count, of: reader), are: Self.cases.map(\.sample))
            await reader.close()
            await transport.close()
        }
    }
}
