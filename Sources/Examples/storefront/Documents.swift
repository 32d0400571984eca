import Foundation
import Millrace

/// Values by the number of their order, in a store that outlives the program.
struct Documents<Value: Codable & Sendable>: Sendable {
    let collection: String
    let store: any StateStore

    subscript(number: Int) -> Value? {
        get async throws { try await store.load("\(number)", in: collection).map(decode) }
    }

    /// Changes a value, which is nil before it is there, and returns it as it is then. If somebody else changes it meanwhile, `change` is
    /// called again with what they have left.
    @discardableResult
    func update(_ number: Int, _ change: (inout Value?) -> Void) async throws -> Value? {
        while true {
            let stored = try await store.load("\(number)", in: collection)
            var value = try stored.map(decode)
            change(&value)
            guard let value else { return nil }
            do {
                try await store.save(
                    Array(JSONEncoder().encode(value)), for: "\(number)", in: collection, replacing: stored?.version ?? 0,
                    expiresAt: nil)
                return value
            } catch let error as MillraceError where error.code == .conflict {
                continue
            }
        }
    }

    private func decode(_ stored: StoredState) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(stored.value))
    }
}
