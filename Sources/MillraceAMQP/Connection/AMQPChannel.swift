import CRabbitMQ
import Millrace

/// Who works with a channel. All is called on the connection's thread.
protocol AMQPChannelHandler: AnyObject {
    /// A message has come. Its memory is the library's, and only for the call.
    func received(_ content: borrowing AMQPContent)
    /// The broker has taken messages, or has not: that with the number, or all up to it.
    func confirmed(_ tag: UInt64, isMultiple: Bool, isAccepted: Bool)
    /// The broker has ended the consumer: its queue is gone, for example.
    func cancelled()
    /// What has come at once has all been handed over.
    func batchEnded()
    /// The channel is gone, with the connection or without it.
    func closed(_ error: MillraceError)
}

extension AMQPChannelHandler {
    func received(_ content: borrowing AMQPContent) {}
    func confirmed(_ tag: UInt64, isMultiple: Bool, isAccepted: Bool) {}
    func cancelled() {}
    func batchEnded() {}
}

/// The broker's answer to a call: valid only while it is handed over.
struct AMQPReply {
    let method: amqp_method_t

    func read<Method>(_ type: Method.Type) -> Method? {
        method.decoded?.assumingMemoryBound(to: type).pointee
    }
}

/// A channel of a connection: sends methods, matches answers with calls, and puts messages together from their frames.
///
/// Used on the connection's thread alone. What comes goes through here frame by frame, and never through the library's own calls,
/// which would wait, and trip over whatever comes in between.
final class AMQPChannel {
    typealias Completion = (Result<AMQPReply, MillraceError>) -> Void

    let number: amqp_channel_t
    private weak var connection: AMQPConnection?
    private weak var handler: (any AMQPChannelHandler)?
    private var calls: [(reply: amqp_method_number_t, completion: Completion)] = []
    private var content = AMQPContent()
    private(set) var isOpen = true

    init(_ number: amqp_channel_t, of connection: AMQPConnection, _ handler: any AMQPChannelHandler) {
        self.number = number
        self.connection = connection
        self.handler = handler
    }

    // MARK: Out

    /// Sends a method. A connection that fails is told so, and tells all its channels.
    func send<Method>(_ id: amqp_method_number_t, _ method: Method) {
        guard isOpen, let connection else { return }
        connection.send(on: number, id, method)
    }

    /// Sends a method and waits for the answer. Answers to the same method come in the order of the calls.
    func call<Method>(_ id: amqp_method_number_t, _ method: Method, _ completion: @escaping Completion) {
        guard isOpen, let connection else { return completion(.failure(Self.gone)) }
        // The numbers of a method and its answer are neighbours.
        calls.append((id + 1, completion))
        connection.send(on: number, id, method)
    }

    func acknowledge(_ tag: UInt64, isMultiple: Bool) {
        guard isOpen, let connection else { return }
        connection.check { amqp_basic_ack($0, number, tag, isMultiple.amqp) }
    }

    /// Closes the channel; the broker gives back what is unsettled on it. `completion` is called when it has, or can't.
    func close(_ completion: @escaping () -> Void) {
        handler = nil
        guard isOpen else { return completion() }
        call(AMQP_CHANNEL_CLOSE_METHOD, amqp_channel_close_t(reply_code: 200, reply_text: .init(), class_id: 0, method_id: 0)) {
            [self] _ in
            end(Self.gone)
            completion()
        }
    }

    private static let gone = MillraceError(.connectionFailed, "the channel is closed", isRetriable: true)

    // MARK: In

    /// A frame of this channel. Returns whether nothing in the channel's memory is needed any more.
    func take(_ frame: inout amqp_frame_t) -> Bool {
        switch Int32(frame.frame_type) {
        case AMQP_FRAME_METHOD: return take(frame.payload.method)
        case AMQP_FRAME_HEADER:
            content.begin(size: frame.payload.properties.body_size, properties: frame.payload.properties.decoded)
        case AMQP_FRAME_BODY:
            content.append(frame.payload.body_fragment)
        default: return true
        }
        guard content.isComplete else { return false }
        handler?.received(content)
        content.clear()
        return true
    }

    private func take(_ method: amqp_method_t) -> Bool {
        let reply = AMQPReply(method: method)
        switch method.id {
        case AMQP_BASIC_DELIVER_METHOD:
            if let delivery = reply.read(amqp_basic_deliver_t.self) { content.kind = .delivery(delivery) }
            return false
        case AMQP_BASIC_RETURN_METHOD:
            if let returned = reply.read(amqp_basic_return_t.self) { content.kind = .returned(returned) }
            return false
        case AMQP_BASIC_ACK_METHOD:
            guard let ack = reply.read(amqp_basic_ack_t.self) else { break }
            handler?.confirmed(ack.delivery_tag, isMultiple: ack.multiple != 0, isAccepted: true)
        case AMQP_BASIC_NACK_METHOD:
            guard let nack = reply.read(amqp_basic_nack_t.self) else { break }
            handler?.confirmed(nack.delivery_tag, isMultiple: nack.multiple != 0, isAccepted: false)
        case AMQP_BASIC_CANCEL_METHOD: handler?.cancelled()
        case AMQP_CHANNEL_FLOW_METHOD:
            let isActive = reply.read(amqp_channel_flow_t.self)?.active ?? 1
            send(AMQP_CHANNEL_FLOW_OK_METHOD, amqp_channel_flow_ok_t(active: isActive))
        case AMQP_CHANNEL_CLOSE_METHOD:
            let close = reply.read(amqp_channel_close_t.self) ?? amqp_channel_close_t()
            send(AMQP_CHANNEL_CLOSE_OK_METHOD, amqp_channel_close_ok_t())
            let isFinal = AMQPError.isFinal(close.reply_code)
            end(
                MillraceError(
                    isFinal ? .invalidConfiguration : .connectionFailed, "\(close.reply_text.text)", isRetriable: !isFinal))
        default:
            // Queues answer by themselves, so that another answer may come first. What answers nothing was meant for an earlier
            // channel of this number.
            guard let index = calls.firstIndex(where: { $0.reply == method.id }) else { break }
            calls.remove(at: index).completion(.success(reply))
        }
        return true
    }

    /// The channel is gone.
    func end(_ error: MillraceError) {
        guard isOpen else { return }
        isOpen = false
        content.clear()
        connection?.forget(self)
        let waiting = calls
        calls = []
        for call in waiting { call.completion(.failure(error)) }
        handler?.closed(error)
    }

    func batchEnded() { handler?.batchEnded() }
}
