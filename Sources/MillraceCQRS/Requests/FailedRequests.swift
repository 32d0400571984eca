import Millrace

/// The requests that a handler has failed on, until it is known what comes of them: one that is given up is answered with its
/// failure, one that is handled again is not.
final class FailedRequests: Sendable {
    private let responder: Responder
    private let limit: Int
    private let errors = Lock<[String: any Error]>([:])

    init(_ responder: Responder, limit: Int) {
        self.responder = responder
        self.limit = limit
    }

    /// A request was answered after all.
    func forget(_ address: ReplyAddress) {
        errors.withLock { if !$0.isEmpty { $0[address.requestID] = nil } }
    }

    /// An attempt at a request has failed.
    func note(_ error: any Error, of address: ReplyAddress, _ context: HandlerContext) {
        let isKnown = errors.withLock { $0.updateValue(error, forKey: address.requestID) != nil }
        guard !isKnown else { return }
        let isLastDelivery = context.deliveryAttempt >= limit
        let publisher = context.publisher
        let logger = context.logger
        context.onOutcome { [self] outcome in
            guard let error = errors.withLock({ $0.removeValue(forKey: address.requestID) }),
                outcome.isGivenUp || isLastDelivery && !outcome.comesBack, !responder.isExpired(address)
            else { return }
            do {
                try await publisher?.publish(responder.failure(error, to: address), to: address.topic)
            } catch {
                logger.warning(
                    "a request that failed could not be answered", ["request": address.requestID, "error": "\(error)"])
            }
        }
    }
}

extension MessageOutcome {
    /// Whether a message whose handler has failed is not handled again: it was poisoned, dropped or rejected.
    fileprivate var isGivenUp: Bool {
        switch self {
        case .accepted: true
        case .failed(let error): error is Reject || (error as? MillraceError)?.code == .attemptsExhausted
        }
    }

    /// Whether the message asked for another delivery, which is not counted against it.
    fileprivate var comesBack: Bool {
        if case .failed(let error) = self { error.asksForAnotherDelivery || error is CancellationError } else { false }
    }
}
