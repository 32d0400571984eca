public import Millrace

extension CQRS {
    /// A saga: a business process over several messages, with a state that is kept between them.
    ///
    /// ```swift
    /// let checkout = cqrs.saga("checkout", of: Checkout.self, in: store) {
    ///     StartOn(OrderPlaced.self, by: { $0.order }) { event, saga in
    ///         try await saga.send(TakePayment(order: event.order, cents: event.cents))
    ///         try await saga.send(PaymentOverdue(order: event.order), after: .seconds(3_600))
    ///         return Checkout(cents: event.cents)
    ///     }
    ///     ContinueOn(PaymentTaken.self, by: { $0.order }) { event, checkout, saga in
    ///         try await saga.send(Ship(order: event.order))
    ///         saga.finish()
    ///     }
    /// }
    /// try router.register(checkout)
    /// ```
    ///
    /// Each message has its effect on the state once, however often it is delivered. The state and what the step has sent are saved in one
    /// step; the latter leaves after that, at least once, with the same ids. Several processes may run a saga: who comes second finds the
    /// state changed, and runs its step again.
    ///
    /// - Parameters:
    ///   - name: Its name: that of its handler, its consumer group and its collection in the store.
    ///   - state: The state, which is kept as JSON.
    ///   - store: Keeps the states.
    ///   - options: How it is run.
    ///   - steps: What it does about which message: one ``StartOn`` and one ``ContinueOn`` at most for each type, and at least one
    ///     ``StartOn``.
    public func saga<State: Codable & Sendable>(
        _ name: String, of state: State.Type, in store: any StateStore, options: SagaOptions = .init(),
        @SagaBuilder<State> _ steps: () -> SagaBuilder<State>.Steps
    ) -> SagaHandler<State> {
        let steps = steps().steps
        let sagas = SagaRepository<State>(name, in: store, retention: options.retention, clock: self.options.clock)
        let topics = Set(steps.map { self.topics.topic(of: $0.type) }).sorted()
        var handlerOptions = options.handler
        if handlerOptions.group == .handlerName { handlerOptions.group = .inService(name) }
        let handlers = topics.map { topic in
            let mine = steps.filter { self.topics.topic(of: $0.type) == topic }
            let run = SagaRun(name, mine, self, sagas, options)
            return CQRSHandler(
                name: topics.count == 1 ? name : "\(name):\(topic)", types: run.types, topic: topic, options: handlerOptions,
                cqrs: self, check: run.validate, body: run.handle)
        }
        let outline = steps.map { (name: $0.type.messageName, kind: $0.kind) }
        return SagaHandler(
            name: name, handlers: handlers, sagas: sagas,
            check: {
                try options.validate(of: name)
                try store.check("key", in: name)
                guard outline.contains(where: { $0.kind == .start }) else {
                    throw MillraceError.invalidOption("StartOn", 0, bound: "at least 1", of: "saga '\(name)'")
                }
                for (index, step) in outline.enumerated()
                where outline[..<index].contains(where: { $0.name == step.name && $0.kind == step.kind }) {
                    throw MillraceError(
                        .duplicateHandler,
                        "saga '\(name)' has two steps that \(step.kind == .start ? "start" : "continue") on '\(step.name)'",
                        isRetriable: false)
                }
            })
    }
}
