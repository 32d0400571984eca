import CNATS
import Millrace
import MillraceTransportKit

/// One connection to a server, from its first byte to its last. It does not reconnect: another link takes its place.
///
/// Libnats has no thread that reads or writes here; the transport's loop does. What is published by many threads gathers and is
/// written at once, and what comes is handed over by the batch.
final class NATSLink: @unchecked Sendable, EventSource {
    // Safe to share: `state` is guarded by its lock; `handle` is set once before anybody else has the link, and libnats locks it;
    // `mailboxes` is used on the loop's thread alone.
    private struct State {
        var attached: OpaquePointer?
        var descriptor: Int32 = -1
        var wantsWrite = false
        var ending: (@Sendable (MillraceError) -> Void)?
        var ended: MillraceError?
    }

    private let loop: EventLoop
    private let state = Lock(State())
    private let writing: LoopSignal
    private var connection: OpaquePointer?
    private var mailboxes: [NATSMailbox] = []
    /// The beginning of the subjects at which answers arrive.
    let inbox = "_INBOX.\(MessageID.next())"
    /// Where this link is connected to, for people.
    private(set) var server = ""
    /// Told of what the server refuses. Set before the link is used; called on a thread of libnats'.
    var onRefusal: (@Sendable (natsStatus, String) -> Void)?

    private init(_ loop: EventLoop) {
        self.loop = loop
        writing = LoopSignal(loop)
        writing.action = { [weak self] in self?.flush() }
    }

    deinit {
        for mailbox in mailboxes { mailbox.destroy() }
        if let connection { natsConnection_Destroy(connection) }
    }

    /// The connection, for calls of libnats.
    var handle: OpaquePointer? { connection }

    /// Connects, on the caller's thread, which waits.
    static func connect(to server: String, _ options: NATSOptions, loop: EventLoop) throws -> NATSLink {
        let link = NATSLink(loop)
        let settings = try NATSSettings(options, server: server)
        let retained = Unmanaged.passRetained(link)
        var status = listen(settings.raw, retained)
        var connection: OpaquePointer?
        if status == NATS_OK { status = natsConnection_Connect(&connection, settings.raw) }
        guard status == NATS_OK else {
            let error = NATSError.make(status, "NATS at \(server)")
            retained.release()
            throw error
        }
        link.connection = connection
        link.server = server
        return link
    }

    /// Calls `body` once the connection is over, whatever ended it. Set once.
    func whenEnded(_ body: @escaping @Sendable (MillraceError) -> Void) {
        let ended = state.withLock { state in
            if state.ended == nil { state.ending = body }
            return state.ended
        }
        if let ended { body(ended) }
    }

    // MARK: Called by libnats

    func attach(_ handle: OpaquePointer, _ descriptor: Int32) {
        state.withLock { state in
            state.attached = handle
            state.descriptor = descriptor
        }
        loop.execute { [self] in loop.add(self) }
    }

    func detach() {
        state.withLock { state in
            state.attached = nil
            state.descriptor = -1
            state.wantsWrite = false
        }
        loop.execute { [self] in loop.remove(self) }
    }

    func wantWrite(_ wants: Bool) {
        state.withLock { $0.wantsWrite = wants }
        if wants { writing.fire() }
    }

    func closed(_ status: natsStatus, _ text: String) {
        let error = NATSError.make(status, "NATS at \(server)", text.isEmpty ? "the connection ended" : text)
        let ending = state.withLock { state in
            state.ended = error
            return state.ending.take()
        }
        ending?(error)
    }

    func failed(_ status: natsStatus, _ text: String) { onRefusal?(status, text) }

    // MARK: On the loop

    var descriptor: Int32 { state.withLock { $0.descriptor } }
    var wantsWrite: Bool { state.withLock { $0.wantsWrite } }

    func ready(toRead: Bool, toWrite: Bool) {
        if toWrite { flush() }
        guard toRead, let attached = state.withLock({ $0.attached }) else { return }
        natsConnection_ProcessReadEvent(attached)
        for mailbox in mailboxes { mailbox.empty() }
    }

    private func flush() {
        guard let attached = state.withLock({ $0.wantsWrite ? $0.attached : nil }) else { return }
        natsConnection_ProcessWriteEvent(attached)
    }

    /// Subscribes; what comes is given to the mailbox's owner on the loop.
    func open(_ mailbox: NATSMailbox) throws {
        try mailbox.open(connection)
        mailboxes.append(mailbox)
    }

    /// Ends a mailbox at once.
    func close(_ mailbox: NATSMailbox) {
        mailboxes.removeAll { $0 === mailbox }
        mailbox.destroy()
    }

    // MARK: From any thread

    /// Publishes bytes. Returns whether libnats took them.
    @discardableResult
    func publish(_ subject: String, _ bytes: UnsafeRawBufferPointer, reply: String? = nil) -> natsStatus {
        let count = Int32(truncatingIfNeeded: bytes.count)
        guard let reply else { return natsConnection_Publish(connection, subject, bytes.baseAddress, count) }
        return natsConnection_PublishRequest(connection, subject, reply, bytes.baseAddress, count)
    }

    /// Publishes text.
    @discardableResult
    func publish(_ subject: String, _ text: StaticString, reply: String? = nil) -> natsStatus {
        publish(subject, UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount), reply: reply)
    }

    @discardableResult
    func publish(_ subject: String, _ text: String, reply: String? = nil) -> natsStatus {
        var text = text
        return text.withUTF8 { publish(subject, UnsafeRawBufferPointer($0), reply: reply) }
    }

    /// Other servers of the cluster, as the server has told.
    var discovered: [String] {
        var list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        var count: Int32 = 0
        guard natsConnection_GetDiscoveredServers(connection, &list, &count) == NATS_OK, let list else { return [] }
        defer { free(list) }
        return (0..<Int(count)).compactMap { index in
            guard let text = list[index] else { return nil }
            defer { free(text) }
            let url = String(cString: text)
            return url.split(separator: "/").last.map(String.init)
        }
    }

    /// Ends the connection, after what was published has been written. On the loop, so that nothing is read meanwhile.
    func end() {
        let isAccepted = loop.execute { [self] in
            flush()
            natsConnection_Close(connection)
        }
        if !isAccepted { natsConnection_Close(connection) }
    }
}

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif
