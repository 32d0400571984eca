import Millrace
import MillraceTesting

extension RecordingObserver {
    /// Waits until a message is handled.
    func handled(_ message: Message) async throws {
        let id = message.id
        try await event { event in
            if case .messageHandled(_, id, _) = event.kind { true } else { false }
        }
    }
}
