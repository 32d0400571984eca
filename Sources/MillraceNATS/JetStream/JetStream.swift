#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif
import Millrace

/// The JetStream API, by its subjects: libnats' own calls block, and know less.
struct JetStream: Sendable {
    let connection: NATSConnection
    private let prefix: String

    init(_ connection: NATSConnection) {
        self.connection = connection
        prefix = connection.options.domain.map { "$JS.\($0).API" } ?? "$JS.API"
    }

    /// Sends a request; `done` gets the answer's content, or why there is none.
    func call<Answer: Decodable & Sendable>(
        _ subject: String, _ body: (any Encodable)? = nil, _ what: String, as type: Answer.Type = Answer.self,
        _ done: @escaping @Sendable (Result<Answer, MillraceError>) -> Void
    ) {
        let text: String
        do {
            text = try body.map { String(decoding: try JSONEncoder().encode($0), as: UTF8.self) } ?? ""
        } catch {
            return done(.failure(MillraceError(.invalidState, "\(what): \(error)", isRetriable: false)))
        }
        connection.request("\(prefix).\(subject)", text) { result in done(Self.answer(result, what)) }
    }

    private static func answer<Answer: Decodable>(
        _ result: Result<NATSReply, MillraceError>, _ what: String
    ) -> Result<Answer, MillraceError> {
        switch result {
        case .failure(let error): return .failure(error)
        case .success(let reply):
            if reply.status == 503 { return .failure(NATSError.noResponders(what)) }
            let data = Data(reply.text.utf8)
            if let error = (try? JSONDecoder().decode(JetStreamError.self, from: data))?.error {
                return .failure(JetStreamError.make(error, what))
            }
            do {
                return .success(try JSONDecoder().decode(Answer.self, from: data))
            } catch {
                let text = "\(what): an answer that can't be read: \(error)"
                return .failure(MillraceError(.connectionFailed, text, isRetriable: true))
            }
        }
    }

    /// The same, for who can wait.
    func call<Answer: Decodable & Sendable>(
        _ subject: String, _ body: (any Encodable)? = nil, _ what: String, as type: Answer.Type = Answer.self
    ) async throws -> Answer {
        try await withCheckedThrowingContinuation { continuation in
            call(subject, body, what, as: type) { continuation.resume(with: $0) }
        }
    }

    /// The subject at which a consumer is asked for messages.
    func next(_ consumer: String, of stream: String) -> String { "\(prefix).CONSUMER.MSG.NEXT.\(stream).\(consumer)" }
}
