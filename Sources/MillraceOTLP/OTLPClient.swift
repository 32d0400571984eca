import Foundation
import Millrace

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// Posts requests to a collector, one after the other, over a connection that is kept.
final class OTLPClient: NSObject, URLSessionDataDelegate, Sendable {
    /// The most bytes of an answer, as the specification of OTLP advises.
    private static let maximumAnswer = 4 << 20

    private struct Pending {
        let done: CheckedContinuation<OTLPReply, any Error>
        var body = Data()
    }

    private let request: URLRequest
    private let pending = Lock<[Int: Pending]>([:])
    private let session: Lock<URLSession?>

    init(url: URL, headers: [String: String], timeout: Duration) {
        var request = URLRequest(url: url)
        request.httpMethod = "POST"
        request.timeoutInterval = timeout / .seconds(1)
        request.httpShouldHandleCookies = false
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        request.setValue("millrace-otlp/\(MillraceRelease.version)", forHTTPHeaderField: "User-Agent")
        self.request = request
        session = Lock(nil)
        super.init()
    }

    /// Posts a body. Throws what keeps an answer from coming, and `CancellationError` when the task is cancelled.
    ///
    /// The session's own task is never cancelled: Foundation ends the process when one is that has just ended by itself (Swift 6.3.1 on
    /// Linux). What nobody waits for any more ends with its time-out.
    func post(_ body: Data) async throws -> OTLPReply {
        try Task.checkCancellation()
        var request = request
        request.httpBody = body
        let task = makeTask(request)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { done in
                pending.withLock { $0[task.taskIdentifier] = Pending(done: done) }
                task.resume()
                if Task.isCancelled { end(task, .failure(CancellationError())) }
            }
        } onCancel: {
            end(task, .failure(CancellationError()))
        }
    }

    /// Answers the caller, unless that has been done.
    private func end(_ task: URLSessionTask, _ result: Result<OTLPReply, any Error>) {
        pending.withLock { $0.removeValue(forKey: task.taskIdentifier) }?.done.resume(with: result)
    }

    private func makeTask(_ request: URLRequest) -> URLSessionDataTask {
        session.withLock { session in
            if let session { return session.dataTask(with: request) }
            let configuration = URLSessionConfiguration.ephemeral
            configuration.timeoutIntervalForResource = request.timeoutInterval
            let made = URLSession(configuration: configuration, delegate: self, delegateQueue: nil)
            session = made
            return made.dataTask(with: request)
        }
    }

    /// Lets go of the connection, and of the session, which keeps its delegate until then.
    func close() { session.withLock { $0.take() }?.finishTasksAndInvalidate() }

    // MARK: Delegate

    /// Keeps a piece of the answer.
    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        let isTooLong = pending.withLock { pending -> Bool in
            guard let count = pending[dataTask.taskIdentifier]?.body.count else { return false }
            guard count + data.count <= Self.maximumAnswer else { return true }
            pending[dataTask.taskIdentifier]?.body.append(data)
            return false
        }
        guard isTooLong else { return }
        // Not to be tried again, as the specification says. The rest is passed over.
        end(dataTask, .success(OTLPReply(status: 0, body: Data("an answer of more than 4 MiB".utf8))))
    }

    /// Answers the caller.
    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        guard error == nil, let response = task.response as? HTTPURLResponse else {
            return end(task, .failure(error ?? URLError(.badServerResponse)))
        }
        let body = pending.withLock { $0[task.taskIdentifier]?.body } ?? Data()
        let delay = response.value(forHTTPHeaderField: "Retry-After")
        end(task, .success(OTLPReply(status: response.statusCode, retryAfter: delay, body: body)))
    }

    /// Follows nobody elsewhere: headers may hold keys.
    func urlSession(
        _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
        newRequest request: URLRequest, completionHandler: @escaping @Sendable (URLRequest?) -> Void
    ) { completionHandler(nil) }
}
