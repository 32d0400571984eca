import Millrace

/// A transport does not keep its contract.
public struct ConformanceFailure: Error, Sendable, CustomStringConvertible {
    /// The check that failed; empty until the check has ended.
    public internal(set) var test = ""
    /// The transport that failed.
    public internal(set) var subject = ""
    /// What was expected, and what happened.
    public let message: String

    init(_ message: String) { self.message = message }

    /// The check, the transport and the message.
    public var description: String { "\(subject): \(test): \(message)" }
}

/// What became of a check that did not fail.
public enum ConformanceOutcome: Sendable, Hashable {
    /// The transport keeps this part of the contract.
    case passed
    /// The transport declares that it can't do what the check is about.
    case skipped(reason: String)
}

/// Throws a failure with a message unless a condition holds.
func expect(_ condition: Bool, _ message: @autoclosure () -> String) throws {
    if !condition { throw ConformanceFailure(message()) }
}

/// Throws a failure that names both values unless they are equal.
func expectEqual<Value: Equatable>(_ actual: Value, _ expected: Value, _ subject: @autoclosure () -> String) throws {
    if actual != expected { throw ConformanceFailure("\(subject()): expected \(expected), got \(actual)") }
}

/// Throws a failure unless `body` throws an error of Millrace with a code.
func expectError<Success>(
    _ code: MillraceError.Code, _ subject: String, _ body: () async throws -> Success
) async throws {
    do {
        _ = try await body()
    } catch let error as MillraceError {
        return try expectEqual(error.code, code, "\(subject): the code of its error (\(error.message))")
    } catch {
        throw ConformanceFailure("\(subject): expected an error of code \(code), got \(error)")
    }
    throw ConformanceFailure("\(subject): expected an error of code \(code), it succeeded")
}
