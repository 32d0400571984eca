import CNATS

/// Messages of libnats' that nobody needs any more, to be destroyed together: libnats wakes a thread of its own to free them, and
/// that for each that comes while the thread sleeps.
struct SpentMessages: ~Copyable {
    private var messages: [NATSMessage] = []
    private static let maximum = 512

    init() {}

    deinit { for message in messages { message.destroy() } }

    mutating func add(_ message: NATSMessage) {
        messages.append(message)
        guard messages.count >= Self.maximum else { return }
        for message in messages { message.destroy() }
        messages.removeAll(keepingCapacity: true)
    }
}
