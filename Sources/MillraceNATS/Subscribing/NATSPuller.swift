import Millrace
import MillraceTransportKit

/// Asks a consumer for as many messages as there is room for, and takes what comes. On the loop, but for what says otherwise.
///
/// Two requests may be out at once, so that the second is there when the first has been served.
final class NATSPuller: NATSMember, @unchecked Sendable {
    // Safe to share: used on the loop's thread alone, but for signals and what is guarded by a lock.
    private struct Request {
        let id: UInt64
        var left: Int
        let due: ClockInstant
    }

    private static let maximumBatch = 4_096
    /// How long a request waits for messages before it is made anew.
    private static let expires = Duration.seconds(5)
    private static let pause = Duration.milliseconds(200)
    /// How long what is under way may take at the end.
    private static let grace = Duration.milliseconds(50)

    private let connection: NATSConnection
    private let jetStream: JetStream
    private let loop: EventLoop
    private let stream: Lock<(stream: String, consumer: String)>
    private let isWild: Bool
    private let buffer: DeliveryBuffer
    private let prefetch: Int
    private var number: UInt64
    private var link: NATSLink?
    private var mailbox: NATSMailbox?
    private var requests: [Request] = []
    private var nextID: UInt64 = 0
    private var isStopped = false
    private var isHeld = false
    private let hasStopped = Signal()
    private let serverPending = Lock<Int?>(nil)

    /// Messages have come; returns how many of all that have come are in no buffer yet. Set before the start.
    var onArrival: (([Incoming]) -> Int)?
    /// How many messages that have come are in no buffer yet.
    private var outside = 0
    /// There is a link: what was asked for over the last one will not come. Nothing is asked for until ``begin()``.
    var onLink: (() -> Void)?
    var onLinkLost: (() -> Void)?
    /// The consumer does not answer, or says that it is gone. Nothing is asked for until ``begin()``.
    var onConsumerLost: (() -> Void)?

    private static let numbers = Lock<UInt64>(0)

    init(
        _ connection: NATSConnection, _ jetStream: JetStream, stream: String, consumer: String, topic: String,
        buffer: DeliveryBuffer, prefetch: Int
    ) {
        self.connection = connection
        self.jetStream = jetStream
        loop = connection.loop
        self.stream = Lock((stream, consumer))
        isWild = NATSNames.hasWildcards(topic)
        self.buffer = buffer
        self.prefetch = prefetch
        number = Self.nextNumber()
    }

    private static func nextNumber() -> UInt64 {
        numbers.withLock { number in
            number += 1
            return number
        }
    }

    /// Where to ask. From any thread.
    var source: (stream: String, consumer: String) {
        get { stream.withLock { $0 } }
        set { stream.withLock { $0 = newValue } }
    }

    /// How many messages the consumer has behind those that have come, as of a moment ago. From any thread.
    var pending: Int? {
        get { serverPending.withLock { $0 } }
        set { serverPending.withLock { $0 = newValue } }
    }

    // MARK: Links

    func linkUp(_ link: NATSLink) {
        guard !isStopped else { return }
        self.link = link
        requests = []
        isHeld = true
        if openMailbox() { onLink?() }
    }

    private func openMailbox() -> Bool {
        guard let link else { return false }
        let mailbox = NATSMailbox("\(link.inbox).s\(number).*") { [weak self] content in self?.take(content) }
        do {
            try link.open(mailbox)
            self.mailbox = mailbox
            return true
        } catch {
            // The link is about to end as well.
            return false
        }
    }

    /// Asks another consumer from now on; what still comes from the one before is dropped.
    func begin(with consumer: String, of stream: String) {
        source = (stream, consumer)
        guard let link, !isStopped else { return }
        if let mailbox { link.close(mailbox) }
        mailbox = nil
        number = Self.nextNumber()
        requests = []
        if openMailbox() { begin() }
    }

    /// Asks for nothing until one of the two above is called.
    func halt() {
        isHeld = true
        requests = []
    }

    func linkDown() {
        link = nil
        mailbox = nil
        requests = []
        onLinkLost?()
        if isStopped { hasStopped.fire() }
    }

    /// Asks from now on.
    func begin() {
        isHeld = false
        fetch()
    }

    // MARK: Requests

    /// Asks for messages if there is room for them.
    func fetch() {
        guard !isStopped, !isHeld, let link, let mailbox else { return }
        let under = requests.reduce(0) { $0 + $1.left } + outside
        let free = buffer.room()
        let want = min(free - under, Self.maximumBatch)
        guard want > 0, requests.count < 2, under == 0 || want >= max(1, prefetch / 4) else { return }
        nextID += 1
        let due = SystemClock.shared.now.advanced(by: Self.expires + .seconds(2))
        requests.append(Request(id: nextID, left: want, due: due))
        let (stream, consumer) = source
        let reply = mailbox.subject.dropLast() + "\(nextID)"
        link.publish(
            jetStream.next(consumer, of: stream), #"{"batch":\#(want),"expires":\#(Self.expires.nanosecondsClamped)}"#,
            reply: String(reply))
        if requests.count == 1 { watch(nextID) }
    }

    /// A request whose end never came is made anew.
    private func watch(_ id: UInt64) {
        loop.execute(after: Self.expires + .seconds(2), clock: SystemClock.shared) { [weak self] in
            guard let self, !requests.isEmpty else { return }
            let now = SystemClock.shared.now
            requests.removeAll { $0.due <= now }
            if let first = requests.first { watch(first.id) }
            fetch()
        }
    }

    private func take(_ content: NATSMailbox.Content) {
        switch content {
        case .noResponders: lose()
        case .messages(let messages):
            var incoming: [Incoming] = []
            incoming.reserveCapacity(messages.count)
            let (stream, _) = source
            var spent = SpentMessages()
            for message in messages {
                guard let reply = message.reply, reply[0] == 0x24 else {
                    read(message)
                    spent.add(message)
                    continue
                }
                if let new = Incoming(message, stream: stream, isWild: isWild, &spent) { incoming.append(new) }
            }
            if !incoming.isEmpty {
                count(incoming.count)
                if let last = incoming.last { pending = Int(messages: last.ack.pending) }
                outside = onArrival?(incoming) ?? 0
            }
            fetch()
        }
    }

    /// Requests are served in their order.
    private func count(_ arrived: Int) {
        var left = arrived
        while left > 0, !requests.isEmpty {
            let served = min(left, requests[0].left)
            requests[0].left -= served
            left -= served
            if requests[0].left == 0 { requests.removeFirst() }
        }
    }

    /// Reads what the server says instead of a message.
    private func read(_ message: NATSMessage) {
        let id = NATSPuller.id(of: message.subject)
        switch message.status {
        case 100?: return
        case 404?, 408?: requests.removeAll { $0.id == id }
        case 409? where message.description.contains("Deleted"): lose()
        default:
            // Too many ask, the consumer has no leader, ...
            requests.removeAll { $0.id == id }
            hold()
        }
    }

    private static func id(of subject: UnsafePointer<CChar>?) -> UInt64? {
        guard let subject else { return nil }
        return String(cString: subject).split(separator: ".").last.flatMap { UInt64($0) }
    }

    private func hold() {
        guard !isHeld else { return }
        isHeld = true
        loop.execute(after: Self.pause, clock: SystemClock.shared) { [weak self] in self?.begin() }
    }

    private func lose() {
        guard !isHeld, !isStopped else { return }
        requests = []
        isHeld = true
        onConsumerLost?()
    }

    /// What was stashed is in the buffer now.
    func noteInside() {
        outside = 0
        fetch()
    }

    // MARK: End

    /// Asks for no more, and has the server forget what was asked for. ``waitUntilStopped()`` waits for what is under way.
    func stop() {
        guard !isStopped else { return }
        isStopped = true
        guard mailbox != nil, link != nil else { return hasStopped.fire() }
        // What the server has for the requests that are out comes at once; it should not meet a mailbox that is gone.
        guard !requests.isEmpty, (pending ?? 0) > 0 else { return leave() }
        loop.execute(after: Self.grace, clock: SystemClock.shared) { [weak self] in self?.leave() }
    }

    /// Has the server forget the requests that are out. Without being asked about the consumer it would keep them, and versions
    /// before 2.10 lose sight of what they want to hand out again when they find such a one.
    private func leave() {
        guard let mailbox, link != nil else { return finish() }
        mailbox.drain()
        // What the server had sent before it heard of the end comes in front of the answer.
        let (stream, consumer) = source
        jetStream.call("CONSUMER.INFO.\(stream).\(consumer)", nil, "leaving a consumer") {
            [weak self] (_: Result<ConsumerInfo, MillraceError>) in
            guard let self else { return }
            loop.execute { self.finish() }
        }
    }

    private func finish() {
        mailbox?.empty()
        if let link, let mailbox { link.close(mailbox) }
        mailbox = nil
        connection.remove(self)
        hasStopped.fire()
    }

    /// From any thread.
    func waitUntilStopped() async { await hasStopped.waitUncancellably() }

    /// Ends without waiting for anything.
    func abandon() {
        isStopped = true
        finish()
    }
}
