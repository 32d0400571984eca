internal import Millrace

/// Which messages are wanted: all that have these properties.
struct MessageFilter: Sendable {
    var key: String?
    var metadata: [(name: String, value: String)] = []

    func accepts(_ message: Message) -> Bool {
        if let key, message.key != key { return false }
        return metadata.allSatisfy { message.metadata[$0.name] == $0.value }
    }

    static let keyOption = Option("key", "k", value: "KEY", help: "Only messages with this key")
    static let metadataOption = Option(
        "where", "w", value: "NAME=VALUE", repeats: true, help: "Only messages with this metadata; may be given more than once")
}

extension Arguments {
    func filter() throws -> MessageFilter {
        MessageFilter(key: text(MessageFilter.keyOption), metadata: try pairs(MessageFilter.metadataOption))
    }
}
