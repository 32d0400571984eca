public import Millrace

/// A handler for commands or events, ready to be registered: see `Router.register`.
public struct CQRSHandler: Sendable {
    /// Its name in the router.
    public let name: String
    /// The types that it handles.
    public let messages: [MessageDescriptor]
    /// How it is run.
    public let options: HandlerOptions
    let types: [any TypedMessage.Type]
    let topic: String
    let cqrs: CQRS
    /// What only its maker knows to check.
    let check: @Sendable () throws -> Void
    let body: @Sendable (Message, HandlerContext) async throws -> Outputs

    init(
        name: String, types: [any TypedMessage.Type], topic: String, options: HandlerOptions, cqrs: CQRS,
        check: @escaping @Sendable () throws -> Void,
        body: @escaping @Sendable (Message, HandlerContext) async throws -> Outputs
    ) {
        self.name = name
        self.types = types
        self.topic = topic
        self.options = options
        self.cqrs = cqrs
        self.check = check
        self.body = body
        messages = types.map { MessageDescriptor($0) }
    }

    /// The commands that it handles, of which it is to be the only handler.
    var commands: [String] { messages.filter { $0.kind == .command }.map(\.name) }

    /// Throws a `MillraceError` of code `duplicateHandler` when one of its commands has a handler already.
    func checkClaims() throws { for command in commands { try cqrs.registry.checkIsFree(command, for: name) } }
}

extension Router {
    /// Registers a handler for commands or events; starts it when the router runs already.
    ///
    /// Throws a `MillraceError`: `duplicateHandler` when the name is taken, or a command has a handler already in the same
    /// ``CQRS``; `invalidOption` for an option out of its bounds, a message name that two types have, or a message type
    /// that is at odds with itself; and what `Router.consume` throws.
    public func register(_ handler: CQRSHandler) throws {
        try handler.cqrs.validate()
        try handler.check()
        for type in handler.types { try handler.cqrs.registry.declare(type) }
        let commands = handler.commands
        var claimed: [String] = []
        do {
            for command in commands {
                try handler.cqrs.registry.claim(command, for: handler.name, of: self)
                claimed.append(command)
            }
            try route(
                handler.name, from: handler.topic, on: handler.cqrs.subscriber, publishingOn: handler.cqrs.publisher,
                options: handler.options, handler.body)
        } catch {
            for command in claimed { handler.cqrs.registry.release(command) }
            throw error
        }
    }
}
