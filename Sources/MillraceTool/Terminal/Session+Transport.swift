internal import Millrace

extension Session {
    /// Connects, runs `body`, and closes.
    func withTransport<Result: Sendable>(
        _ url: TransportURL, _ body: (any Transport) async throws -> Result
    ) async throws -> Result {
        let transport = try await cancellingWhenInterrupted { try await registry.connect(url) }
        do {
            let result = try await body(transport)
            await transport.close()
            return result
        } catch {
            await transport.close()
            throw error
        }
    }
}
