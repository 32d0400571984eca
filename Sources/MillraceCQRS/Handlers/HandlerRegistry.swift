import Millrace

/// Which names of messages are known, and which handler has which command.
final class HandlerRegistry: Sendable {
    private struct Claim {
        weak var router: Router?
        let handler: String

        /// Whether the router still has the handler.
        var isHeld: Bool { router?.describe().handlers.contains { $0.name == handler } ?? false }
    }

    private struct State {
        var types: [String: any TypedMessage.Type] = [:]
        var claims: [String: Claim] = [:]

        func checkIsFree(_ command: String, for handler: String) throws {
            guard let holder = claims[command], holder.isHeld else { return }
            throw MillraceError(
                .duplicateHandler,
                "handler '\(handler)': command '\(command)' has a handler already, '\(holder.handler)'; a command has exactly one",
                isRetriable: false)
        }
    }

    private let state = Lock(State())

    /// Whether a name belongs to a type that is known.
    func knows(_ name: String) -> Bool { state.withLock { $0.types[name] != nil } }

    /// Makes a type's names known.
    func declare(_ type: any TypedMessage.Type) throws {
        try state.withLock { state in
            for name in [type.messageName] + type.formerNames {
                if let other = state.types[name], other != type {
                    throw MillraceError(
                        .invalidOption,
                        "the message name '\(name)' is that of \(String(reflecting: other)) already; give "
                            + "\(String(reflecting: type)) a messageName of its own", isRetriable: false)
                }
                state.types[name] = type
            }
        }
    }

    /// Takes a command for a handler. Throws a `MillraceError` of code `duplicateHandler` when another one has it.
    func claim(_ command: String, for handler: String, of router: Router) throws {
        try state.withLock { state in
            try state.checkIsFree(command, for: handler)
            state.claims[command] = Claim(router: router, handler: handler)
        }
    }

    /// Throws a `MillraceError` of code `duplicateHandler` when a command has a handler.
    func checkIsFree(_ command: String, for handler: String) throws {
        try state.withLock { try $0.checkIsFree(command, for: handler) }
    }

    /// Gives a command back that a handler took and could not be registered for.
    func release(_ command: String) { state.withLock { $0.claims[command] = nil } }
}
