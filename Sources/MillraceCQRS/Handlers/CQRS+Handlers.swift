public import Millrace

extension CQRS {
    /// A handler for a command: the only one that it has.
    ///
    /// Its consumer group is named like the command, so that each command is handled once, however many processes run the handler
    /// and whatever they call it.
    ///
    /// - Parameters:
    ///   - type: The command.
    ///   - name: The handler's name in the router. Defaults to the command's.
    ///   - options: Concurrency, order, middleware and the like.
    ///   - body: Handles a command. What it publishes, sends and replies through its context leaves when it has returned.
    @_disfavoredOverload  // A request's handler returns its answer, also one that does nothing but throw.
    public func handler<C: DomainCommand>(
        _ type: C.Type, named name: String? = nil, options: HandlerOptions = .init(),
        _ body: @escaping @Sendable (C, CQRSContext) async throws -> Void
    ) -> CQRSHandler {
        commandHandler(type, name, options) { command, context in try await body(command, context) }
    }

    /// A handler for a request, which returns the answer. For the rest see ``handler(_:named:options:_:)-(C.Type,_,_,_)``.
    public func handler<R: DomainRequest>(
        _ type: R.Type, named name: String? = nil, options: HandlerOptions = .init(),
        _ body: @escaping @Sendable (R, CQRSContext) async throws -> R.Reply
    ) -> CQRSHandler {
        commandHandler(type, name, options) { request, context in
            try context.reply(try await body(request, context))
        }
    }

    /// A handler for an event, one of any number. Each has a consumer group of its own, named like the handler, and so gets every
    /// event whatever the others do.
    ///
    /// - Parameters:
    ///   - name: The handler's name in the router. Renaming a handler makes a new group, which begins where the options say.
    ///   - type: The event.
    ///   - options: Concurrency, order, middleware and the like.
    ///   - body: Handles an event. What it publishes and sends through its context leaves when it has returned.
    public func handler<E: DomainEvent>(
        _ name: String, on type: E.Type, options: HandlerOptions = .init(),
        _ body: @escaping @Sendable (E, CQRSContext) async throws -> Void
    ) -> CQRSHandler {
        let run = EventRun(cqrs: self, reader: TypedReader<E>(self.options.codecs), body: body)
        return CQRSHandler(
            name: name, types: [type], topic: topics.topic(of: type), options: options, cqrs: self, check: run.reader.validate,
            body: run.handle)
    }

    private func commandHandler<C: DomainCommand>(
        _ type: C.Type, _ name: String?, _ options: HandlerOptions,
        _ body: @escaping @Sendable (C, CQRSContext) async throws -> Void
    ) -> CQRSHandler {
        let name = name ?? C.messageName
        var options = options
        if options.group == .handlerName { options.group = .named(C.messageName) }
        let run = CommandRun(
            cqrs: self, reader: TypedReader<C>(self.options.codecs),
            failed: responder.failures(limit: options.maximumAttempts), body: body)
        return CQRSHandler(
            name: name, types: [type], topic: topics.topic(of: type), options: options, cqrs: self,
            check: { [group = options.group] in
                try run.reader.validate()
                guard group != .none else {
                    throw MillraceError.invalidOption(
                        "group", group, bound: "a group, or each process would handle the command '\(C.messageName)'",
                        of: "handler '\(name)'")
                }
            },
            body: run.handle)
    }

    /// The value of a message; nil for one that is not for this handler or was seen to by the policy, and is to be acknowledged.
    func read<Value: TypedMessage>(
        _ message: Message, _ context: HandlerContext, with reader: TypedReader<Value>
    ) async throws -> Value? {
        let name = message.metadata[MetadataKey.messageName]
        guard reader.accepts(name) else {
            try await passOver(message, name, context, wanted: "'\(Value.messageName)'")
            return nil
        }
        do {
            return try reader.read(message)
        } catch let unreadable as Unreadable {
            try await options.unreadable.apply(to: message, unreadable, context, statisticsCounter)
            return nil
        }
    }

    /// The value of a message whose name the reader accepts; nil for one that was seen to by the policy, and is to be acknowledged.
    func read(_ message: Message, _ context: HandlerContext, with reader: AnyReader) async throws -> (any TypedMessage)? {
        do {
            return try reader.read(message)
        } catch let unreadable as Unreadable {
            try await options.unreadable.apply(to: message, unreadable, context, statisticsCounter)
            return nil
        }
    }

    /// Returns when a message that a handler does not read is to be acknowledged.
    func passOver(_ message: Message, _ name: String?, _ context: HandlerContext, wanted: String) async throws {
        if let name, registry.knows(name) { return }
        let found = name.map { "its name '\($0.prefix(200))' is not known here" } ?? "it has no name"
        let unreadable = Unreadable(.name, message, "\(found); topic '\(context.topic)' is read for \(wanted)")
        try await options.unreadable.apply(to: message, unreadable, context, statisticsCounter)
    }

    /// Calls a handler, inside of the hook if there is one.
    func call<Value: TypedMessage>(
        _ value: Value, _ context: CQRSContext, _ body: (Value, CQRSContext) async throws -> Void
    ) async throws {
        guard let hook = options.hooks.onHandle else { return try await body(value, context) }
        try await hook(value, context) { try await body(value, context) }
    }
}
