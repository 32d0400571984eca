@testable import Millrace
import MillraceMemory
import MillraceTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct CorrelationTests {
    @Test func outputsShareTheInputsCorrelation() async throws {
        let input = Message(id: "m-1", payload: [], metadata: ["correlation_id": "c-1"])
        let bare = Message(id: "m-2", payload: [])
        try await Bench().run([input, bare]) {
            Correlation()
        } handler: { _, _ in
            [Message(payload: []), Message(payload: [], metadata: ["correlation_id": "own"])]
        } _: { out in
            let keys = ["correlation_id", "causation_id"]
            var seen: [[String?]] = []
            for _ in 0..<4 {
                let metadata = try await out.next().metadata
                seen.append(keys.map { metadata[$0] })
            }
            #expect(seen == [["c-1", "m-1"], ["own", "m-1"], ["m-2", "m-2"], ["own", "m-2"]])
        }
    }
}
