import Millrace

/// Asking a server what time it is.
extension RedisConnection {
    /// Asks unless it has been asked and has not answered. On the loop.
    func askForTime() {
        guard !isAskingForTime else { return }
        isAskingForTime = true
        begin(
            TimeCall(by: clock, isRepeatable: false) { [weak self] result in
                self?.isAskingForTime = false
                self?.hear(result)
            })
    }

    /// Asks from any thread. Throws `TimeRefused` when the server does not say. Cancelling the task ends the wait.
    func time() async throws -> TimeReading {
        try await answer { done in
            TimeCall(by: clock, isRepeatable: true) { [weak self] result in
                self?.hear(result)
                done(
                    result.mapError { error in
                        guard let error = error as? TimeCall.ServerError, let self else { return error }
                        return TimeRefused(server: self.endpoint, reason: error.text)
                    })
            }
        }
    }

    private func hear(_ result: Result<TimeReading, any Error>) {
        switch result {
        case .success(let reading): serverClock?.note(reading, from: endpoint)
        case .failure(let error): if error is TimeCall.ServerError { serverClock?.noteRefusal() }
        }
    }
}
