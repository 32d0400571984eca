#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif
import Millrace
import MillraceTransportKit

/// Which deliveries of a consumer do not count as attempts. From any thread.
///
/// The server counts what it hands out, wanted or not; what a member gives back untouched when it closes is counted as well. So
/// members write down how many deliveries of a message do not count, in a key-value bucket under
/// `<stream>.<consumer>.<sequence>`, and who gets a message that another member had before looks there.
final class NATSAttempts: Sendable {
    /// How many deliveries of a message do not count. The message's time tells it from one of the same number in a stream that was
    /// there before.
    struct Note: Sendable {
        let sequence: UInt64
        let time: UInt64
        let excused: Int

        var text: String { "\(excused) \(time)" }
    }

    /// For how long the bucket keeps its notes.
    private static let age = Duration.seconds(7 * 86_400)
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
        for messages: [(sequence: UInt64, time: UInt64)], _ source: (stream: String, consumer: String),
        _ done: @escaping @Sendable ([UInt64: Int]) -> Void
    ) {
        struct Last: Encodable {
            let last_by_subj: String
        }
        let gathering = Gathering<[UInt64: Int]>(count: messages.count, [:], done)
        for (sequence, time) in messages {
            jetStream.call(
                "STREAM.MSG.GET.KV_\(bucket)", Last(last_by_subj: subject(source, sequence)), "looking for attempts"
            ) { (result: Result<StreamMessage, MillraceError>) in
                let text = (try? result.get())?.message.data.flatMap { Data(base64Encoded: $0) }
                let parts = text.map { String(decoding: $0, as: UTF8.self).split(separator: " ") } ?? []
                let excused = parts.count == 2 && UInt64(parts[1]) == time ? Int(attempts: parts[0]) : nil
                gathering.end { if let excused { $0[sequence] = excused } }
            }
        }
    }

    /// Writes notes down. `done` is called when they are there, or can't be.
    func note(
        _ notes: [Note], _ source: (stream: String, consumer: String),
        _ done: @escaping @Sendable () -> Void
    ) {
        guard !notes.isEmpty else { return done() }
        make { [self] isMade in
            guard isMade else { return done() }
            let gathering = Gathering<Void>(count: notes.count, ()) { done() }
            for note in notes {
                jetStream.connection.request(subject(source, note.sequence), note.text) { _ in gathering.end { _ in } }
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
