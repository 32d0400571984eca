// Where the middleware of this module has to stand, in one place, because it is read as one: the order that works is PoisonQueue,
// FailurePolicy, DelayOnError, CircuitBreaker, Retry, Deduplicate, InstantAck, Timeout, Transform, the outermost first.

extension PoisonQueue: PlacedMiddleware {
    /// Outside of all that deals with failures first.
    public static var places: [MiddlewarePlace] {
        [
            .outside(of: Retry.self, otherwise: "it would take the message at its first failure"),
            .outside(of: FailurePolicy.self, otherwise: "it would take the message before any rule is read"),
            .outside(of: CircuitBreaker.self, otherwise: "it would take the failures that tell of an outage"),
            .outside(of: DelayOnError.self, otherwise: "it would take the message before it is delayed"),
            .outside(of: Deduplicate.self, otherwise: "a poisoned message that is replayed would be taken for a copy"),
            .outside(of: Transform.self, otherwise: "the poison topic would get changed bytes"),
        ]
    }
}

extension FailurePolicy: PlacedMiddleware {
    /// Outside of all that deals with failures first, besides `PoisonQueue`.
    public static var places: [MiddlewarePlace] {
        [
            .outside(of: Retry.self, otherwise: "it would settle the message at its first failure"),
            .outside(of: CircuitBreaker.self, otherwise: "it would take the failures that tell of an outage"),
            .outside(of: Deduplicate.self, otherwise: "a dead letter that is replayed would be taken for a copy"),
            .outside(of: Transform.self, otherwise: "a dead letter would have changed bytes"),
        ]
    }
}

extension CircuitBreaker: PlacedMiddleware {
    /// Outside of `Retry`.
    public static var places: [MiddlewarePlace] {
        [.outside(of: Retry.self, otherwise: "it would hold back what Retry is to repeat")]
    }
}

extension DelayOnError: PlacedMiddleware {
    /// Outside of `Retry`.
    public static var places: [MiddlewarePlace] {
        [.outside(of: Retry.self, otherwise: "Retry would never see a failure")]
    }
}

extension InstantAck: PlacedMiddleware {
    /// Inside of all that may send a message back.
    public static var places: [MiddlewarePlace] {
        [
            .inside(of: DelayOnError.self, otherwise: "there would be nothing left to bring back"),
            .inside(of: CircuitBreaker.self, otherwise: "what an open circuit sends back would be lost"),
            .inside(of: Deduplicate.self, otherwise: "a copy of a message that fails later would be lost"),
        ]
    }
}

extension Timeout: PlacedMiddleware {
    /// Inside of all that makes attempts, and of what publishes.
    public static var places: [MiddlewarePlace] {
        [
            .inside(of: Retry.self, otherwise: "all attempts would share one deadline"),
            .inside(of: FailurePolicy.self, otherwise: "all attempts would share one deadline"),
            .inside(of: PoisonQueue.self, otherwise: "publishing to the poison topic could be cut off"),
        ]
    }
}
