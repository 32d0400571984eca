public import Millrace

/// One part of the contract that every transport keeps, as a check that can be run on any of them.
///
/// The suite needs no particular test library:
///
/// ```swift
/// @Test(arguments: ConformanceTest.all) func conforms(_ test: ConformanceTest) async throws {
///     try await test.run(on: subject)
/// }
/// ```
public struct ConformanceTest: Sendable {
    /// A name in the form of an identifier, unique in the suite.
    public let name: String
    /// What the check proves, in one sentence.
    public let statement: String
    /// The capabilities without which there is nothing to check.
    public let requires: Capabilities
    /// Whether the check waits for time to pass, so that it is worth a run with a manual clock.
    public let isTimed: Bool

    let needs: ConformanceNeeds
    let body: @Sendable (ConformanceRun) async throws -> Void

    init(
        _ name: String, _ statement: String, requires: Capabilities = [], needs: ConformanceNeeds = .init(),
        isTimed: Bool = false, _ body: @escaping @Sendable (ConformanceRun) async throws -> Void
    ) {
        self.name = name
        self.statement = statement
        self.requires = requires
        self.needs = needs
        self.isTimed = isTimed
        self.body = body
    }

    /// Checks a transport.
    ///
    /// - Returns: `passed`, or `skipped` when the subject does not declare what the check needs; that is logged as well.
    /// - Throws: A ``ConformanceFailure`` that says what was expected and what happened. The transports that the check has
    ///   opened are closed in any case, and its topics removed if the subject says so.
    @discardableResult
    public func run(on subject: ConformanceSubject) async throws -> ConformanceOutcome {
        if let reason = needs.missing(in: subject, capabilities: requires) {
            subject.log("conformance: \(subject.name): skipped '\(name)': \(reason)")
            return .skipped(reason: reason)
        }
        do {
            let run = try await ConformanceRun(subject)
            let declared = subject.capabilities
            let result = await result(in: run)
            try await withTimeLimit(subject.idleTimeout, "closing the transports at the end") { await run.close() }
            try result.get()
            try expectEqual(run.transport.capabilities, declared, "the capabilities that the transport declares")
            return .passed
        } catch {
            var failure = error as? ConformanceFailure ?? ConformanceFailure("an error that was not expected: \(error)")
            failure.test = name
            failure.subject = subject.name
            throw failure
        }
    }

    private func result(in run: ConformanceRun) async -> Result<Void, any Error> {
        do {
            return .success(try await body(run))
        } catch {
            return .failure(error)
        }
    }
}

extension ConformanceTest: CustomStringConvertible {
    /// The name. Swift Testing shows it for each argument.
    public var description: String { name }
}

extension ConformanceTest {
    /// The whole suite.
    public static let all: [ConformanceTest] = [
        universal, identity, concurrency, groups, settlement, transactions, leases, content, naming, order, flow, backPressure,
        waitingPublishers, closing, directory, restarts,
    ].flatMap { $0 }
}
