import CRdKafka
import Millrace
import MillraceTransportKit

/// The transport's producer: messages are given to librdkafka on the caller's thread, reports come back on the loop.
final class KafkaProducer: @unchecked Sendable {
    // Safe to share: `handle` and `topics` are guarded by the lock; the queue's job runs on the loop alone.
    private struct State {
        var handle: KafkaHandle
        var queue: KafkaQueue
        /// Librdkafka's handles of topics, which save looking them up by name.
        var topics: [String: OpaquePointer] = [:]
    }

    private let options: KafkaOptions
    private let loop: EventLoop
    private let clock: any SchedulingClock
    private let observers: AttachableObservers
    private let link: KafkaLink
    private let gate: PublishGate
    private let state: Lock<State>

    init(_ options: KafkaOptions, loop: EventLoop, clock: any SchedulingClock, observers: AttachableObservers) throws {
        self.options = options
        self.loop = loop
        self.clock = clock
        self.observers = observers
        link = KafkaLink(observers)
        gate = PublishGate(capacity: options.maximumPending)
        let (handle, queue) = try Self.make(options, loop)
        state = Lock(State(handle: handle, queue: queue))
        watch(queue)
    }

    deinit {
        let topics = state.withLock { Array($0.topics.values) }
        for topic in topics { rd_kafka_topic_destroy(topic) }
    }

    private static func make(_ options: KafkaOptions, _ loop: EventLoop) throws -> (KafkaHandle, KafkaQueue) {
        let handle = try KafkaHandle(
            RD_KAFKA_PRODUCER, options.producerProperties, events: RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR)
        guard let main = rd_kafka_queue_get_main(handle.raw) else {
            throw MillraceError(.invalidState, "librdkafka has no queue", isRetriable: false)
        }
        return (handle, KafkaQueue(main, of: handle, LoopSignal(loop)))
    }

    private func watch(_ queue: KafkaQueue) {
        queue.signal.action = { [weak self, weak queue] in
            if let queue { self?.serve(queue) }
        }
        queue.signal.fire()
    }

    /// Whether nobody publishes.
    var isIdle: Bool { gate.isEmpty }

    /// The handle that is in use, for calls about topics.
    var handle: KafkaHandle { state.withLock { $0.handle } }

    // MARK: From any thread

    /// Publishes, and returns when the brokers have all messages.
    func publish(_ messages: [Message], to topic: String) async throws {
        do {
            try await gate.enter(messages.count)
        } catch {
            throw MillraceError.publishFailed(all: messages.count, to: topic, error)
        }
        defer { gate.leave(messages.count) }
        let call = KafkaPublishCall(count: messages.count, to: topic)
        var next = produce(messages, from: 0, to: topic, call)
        while next < messages.count {
            // Librdkafka's queue is full by bytes: whatever is reported makes room.
            do {
                try await clock.sleep(for: .milliseconds(5))
            } catch {
                for index in next..<messages.count { call.report(index, .cancelled) }
                break
            }
            next = produce(messages, from: next, to: topic, call)
        }
        try await call.wait()
    }

    /// Publishes one message whoever waits, and says what came of it. For dead letters, of which there are few.
    func send(_ message: Message, to topic: String, _ whenDone: @escaping @Sendable (Result<Void, any Error>) -> Void) {
        let call = KafkaPublishCall(count: 1, to: topic, whenKnown: whenDone)
        guard produce([message], from: 0, to: topic, call) == 0 else { return }
        call.report(0, MillraceError(.overflow, "librdkafka's queue is full", isRetriable: true))
    }

    /// Gives messages to librdkafka until it has no room. Returns the index of the first that it did not take.
    private func produce(_ messages: [Message], from first: Int, to topic: String, _ call: KafkaPublishCall) -> Int {
        let target: (handle: KafkaHandle, topic: OpaquePointer?) = state.withLock { state in
            if let known = state.topics[topic] { return (state.handle, known) }
            let new = rd_kafka_topic_new(state.handle.raw, topic, nil)
            state.topics[topic] = new
            return (state.handle, new)
        }
        for index in first..<messages.count {
            switch produce(messages[index], target.handle, target.topic, call.pointer(of: index), topic) {
            case .success: continue
            case .failure(let error) where error.code == .overflow:
                call.takeBack(index)
                return index
            case .failure(let error):
                call.takeBack(index)
                call.report(index, error)
            }
        }
        return messages.count
    }

    private func produce(
        _ message: borrowing Message, _ handle: KafkaHandle, _ topicHandle: OpaquePointer?,
        _ pointer: UnsafeMutableRawPointer, _ topic: String
    ) -> Result<Void, MillraceError> {
        var record = KafkaRecord(topicHandle, pointer)
        do {
            try record.read(message.metadata, isEmpty: message.payload.isEmpty)
        } catch {
            return .failure(error)
        }
        let headers = KafkaLayout.headers(of: message)
        let code = record.produce(message, headers, handle.raw)
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return .success(()) }
        rd_kafka_headers_destroy(headers)
        if code == RD_KAFKA_RESP_ERR__QUEUE_FULL {
            return .failure(MillraceError(.overflow, "librdkafka's queue is full", isRetriable: true))
        }
        if code == RD_KAFKA_RESP_ERR__FATAL { renew(handle) }
        return .failure(KafkaError.make(code, topic: topic))
    }

    // MARK: On the loop

    private func serve(_ queue: KafkaQueue) {
        while let event = rd_kafka_queue_poll(queue.raw, 0) {
            defer { rd_kafka_event_destroy(event) }
            switch rd_kafka_event_type(event) {
            case RD_KAFKA_EVENT_DR:
                while let record = rd_kafka_event_message_next(event) { report(record) }
            case RD_KAFKA_EVENT_ERROR: link.note(event)
            default: break
            }
        }
        var text = [CChar](repeating: 0, count: 256)
        if rd_kafka_fatal_error(queue.handle.raw, &text, text.count) != RD_KAFKA_RESP_ERR_NO_ERROR { renew(queue.handle) }
    }

    private func report(_ record: UnsafePointer<rd_kafka_message_t>) {
        guard let pointer = record.pointee._private else { return }
        let (call, index) = KafkaPublishCall.of(pointer)
        guard record.pointee.err != RD_KAFKA_RESP_ERR_NO_ERROR else {
            link.noteSuccess()
            return call.report(index, nil)
        }
        let topic = record.pointee.rkt.map { String(cString: rd_kafka_topic_name($0)) } ?? ""
        call.report(index, KafkaError.make(record.pointee.err, topic: topic))
    }

    /// A producer that has lost its place among its messages, or was fenced off, can send no more: another one takes over.
    private func renew(_ old: KafkaHandle) {
        guard let (handle, queue) = try? Self.make(options, loop) else { return }
        let replaced = state.withLock { state -> State? in
            guard state.handle === old else { return nil }
            defer { state = State(handle: handle, queue: queue) }
            return state
        }
        guard let replaced else { return }
        for topic in replaced.topics.values { rd_kafka_topic_destroy(topic) }
        // What is left in it is reported as failed.
        rd_kafka_purge(old.raw, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
        let oldQueue = replaced.queue
        loop.execute { [self] in serve(oldQueue) }
        watch(queue)
    }

    // MARK: End

    /// Waits until all publishers are done, up to the connect time-out, and lets the others fail.
    func close() async {
        gate.close(MillraceError(.closed, "the transport is closed", isRetriable: false))
        let deadline = SystemClock.shared.now.advanced(by: options.connectTimeout)
        while !isIdle {
            let (handle, queue) = state.withLock { ($0.handle, $0.queue) }
            if SystemClock.shared.now >= deadline {
                rd_kafka_purge(handle.raw, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
            }
            queue.signal.fire()
            try? await SystemClock.shared.sleep(for: .milliseconds(2))
            await Task.yield()
        }
    }
}

extension MillraceError {
    /// The call was cancelled before a message was sent.
    fileprivate static var cancelled: MillraceError {
        MillraceError(.publishFailed, "cancelled before it was sent", underlying: CancellationError(), isRetriable: true)
    }
}
