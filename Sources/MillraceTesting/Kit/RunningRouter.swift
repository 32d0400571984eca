public import Millrace

/// Runs a router while `body` runs: waits until all handlers are subscribed, and shuts the router down when `body` is done.
///
/// Signals are left alone. Returns when the router has drained.
///
/// ```swift
/// try await withRunning(router) {
///     try await broker.publish(Message(text: "hello"), to: "greetings")
///     #expect(try await probe.next().payload.text == "hello, too")
/// }
/// ```
///
/// - Throws: What keeps the router from running, what `body` throws, or what the shutdown throws; the first of these.
public func withRunning<Result>(_ router: Router, _ body: () async throws -> Result) async throws -> Result {
    let run = Task { try await router.run(stoppingOn: []) }
    do {
        try await router.waitUntilRunning()
    } catch {
        router.shutdown()
        // The router says why it did not start; without an answer the wait itself was cancelled.
        try await run.value
        throw error
    }
    do {
        let result = try await body()
        router.shutdown()
        try await run.value
        return result
    } catch {
        router.shutdown()
        _ = await run.result
        throw error
    }
}
