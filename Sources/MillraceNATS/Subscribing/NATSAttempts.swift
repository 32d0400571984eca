import FoundationEssentials
import Millrace

/// Which deliveries of a consumer do not count as attempts. From any thread.
///
/// The server counts what it hands out, wanted or not; what a member gives back untouched when it closes is counted as well. So
/// members write down how many deliveries of a message do not count, in a key-value bucket under
/// `<stream>.<consumer>.<sequence>`, and who gets a message that another member had before looks there.
final class NATSAttempts: Sendable {
    /// For how long the bucket keeps its notes.
    private static let age = Duration.seconds(7 * 86_400)
    /// The code of an answer that there is no such message.
    private let jetStream: JetStream
    private let bucket: String
    private let observers: AttachableObservers
    private let isMade = Lock(false)

    init(_ jetStream: JetStream, bucket: String) {
        self.jetStream = jetStream
        self.bucket = bucket
        observers = jetStream.connection.observers
    }

    private func subject(_ source: (stream: String, consumer: String), _ sequence: UInt64) -> String {
        "$KV.\(bucket).\(source.stream).\(source.consumer).\(sequence)"
    }

    /// Looks for notes. What can't be found out counts.
    func look(
        for sequences: [UInt64], _ source: (stream: String, consumer: String),
        _ done: @escaping @Sendable ([UInt64: Int]) -> Void
    ) {
        struct Last: Encodable {
            let last_by_subj: String
        }
        let gathering = Gathering<[UInt64: Int]>(count: sequences.count, [:], done)
        for sequence in sequences {
            jetStream.call(
                "STREAM.MSG.GET.KV_\(bucket)", Last(last_by_subj: subject(source, sequence)), "looking for attempts"
            ) { (result: Result<StreamMessage, MillraceError>) in
                let text = (try? result.get())?.message.data.flatMap { Data(base64Encoded: $0) }
                let number = text.flatMap { Int(String(decoding: $0, as: UTF8.self)) }
                gathering.end { if let number { $0[sequence] = number } }
            }
        }
    }

    /// Writes notes down. `done` is called when they are there, or can't be.
    func note(
        _ notes: [(sequence: UInt64, excused: Int)], _ source: (stream: String, consumer: String),
        _ done: @escaping @Sendable () -> Void
    ) {
        guard !notes.isEmpty else { return done() }
        make { [self] isMade in
            guard isMade else { return done() }
            let gathering = Gathering<Void>(count: notes.count, ()) { done() }
            for note in notes {
                jetStream.connection.request(subject(source, note.sequence), "\(note.excused)") { _ in gathering.end { _ in } }
            }
        }
    }

    private func make(_ done: @escaping @Sendable (Bool) -> Void) {
        guard !isMade.withLock({ $0 }) else { return done(true) }
        let config = StreamConfig(
            name: "KV_\(bucket)", subjects: ["$KV.\(bucket).>"], max_age: Self.age.nanosecondsClamped,
            max_msgs_per_subject: 1, duplicate_window: Duration.seconds(120).nanosecondsClamped, discard: "new",
            allow_direct: true, allow_rollup_hdrs: true, deny_delete: true)
        jetStream.call("STREAM.CREATE.\(config.name)", config, "making the bucket '\(bucket)'") {
            [self] (result: Result<StreamInfo, MillraceError>) in
            switch result {
            case .success: break
            // It is there, with other properties.
            case .failure(let error) where error.message.contains("already in use"): break
            case .failure(let error):
                observers.report(.warning, .disconnected(transport: "nats", error: error))
                return done(false)
            }
            isMade.withLock { $0 = true }
            done(true)
        }
    }
}

/// Waits for a number of answers.
private final class Gathering<Value: Sendable>: Sendable {
    private let state: Lock<(left: Int, value: Value)>
    private let done: @Sendable (Value) -> Void

    init(count: Int, _ value: Value, _ done: @escaping @Sendable (Value) -> Void) {
        state = Lock((count, value))
        self.done = done
        if count == 0 { done(value) }
    }

    func end(_ change: (inout Value) -> Void) {
        let value = state.withLock { state -> Value? in
            change(&state.value)
            state.left -= 1
            return state.left == 0 ? state.value : nil
        }
        if let value { done(value) }
    }
}
