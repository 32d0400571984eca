import Foundation
import Millrace

/// A topic: a folder with a file for each message, numbered from 1, and a file for each consumer group.
struct TopicFolder: Sendable {
    let parent: URL
    private let folder: URL

    init(_ topic: String, in parent: URL) throws {
        try Naming.checkTopic(topic)
        self.parent = parent
        folder = parent.appendingPathComponent(try Self.fileName(topic), isDirectory: true)
    }

    /// Letters, digits, `-` and `_` stand for themselves, so that no name leads out of the folder.
    static func fileName(_ name: String) throws -> String {
        let plain = CharacterSet.alphanumerics.union(CharacterSet(charactersIn: "-_"))
        if let file = name.addingPercentEncoding(withAllowedCharacters: plain), file.utf8.count <= 249 { return file }
        throw MillraceError(.invalidTopic, "'\(name)': the name of its file is longer than 249 bytes", isRetriable: false)
    }

    /// Runs `body` while nobody else works on the topic: no other thread, and no other process.
    func locked<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let lock = open(folder.appendingPathComponent("lock").path, O_CREAT | O_RDWR, 0o644)
            // Gives the lock back.
            defer { close(lock) }
            guard lock >= 0, flock(lock, LOCK_EX) == 0 else { throw CocoaError(.fileLocking) }
            return try body()
        } catch let error where !(error is MillraceError) {
            throw MillraceError(.connectionFailed, "\(folder.path)", underlying: error, isRetriable: true)
        }
    }

    /// Adds messages. They count when the number of the last one is written: all of them, or none.
    func append(_ messages: [Message]) throws {
        try locked {
            var number = last
            for message in messages {
                number += 1
                try JSONEncoder().encode(MessageFile(message)).write(to: file("\(number).message"))
            }
            try Data("\(number)".utf8).write(to: file("last"), options: .atomic)
        }
    }

    /// The number of the last message; 0 when there is none.
    var last: UInt64 { (try? String(contentsOf: file("last"), encoding: .utf8)).flatMap { UInt64($0) } ?? 0 }

    /// A message; nil when somebody has deleted it. What is no file of ours is delivered as it is.
    func message(_ number: UInt64) -> Message? {
        guard let data = try? Data(contentsOf: file("\(number).message")) else { return nil }
        return (try? JSONDecoder().decode(MessageFile.self, from: data))?.message ?? Message(payload: [UInt8](data))
    }

    /// How far a group has read; nil when there is no such group.
    func state(of group: String) throws -> GroupState? {
        try FileManager.default.contents(atPath: file(group).path).map { try JSONDecoder().decode(GroupState.self, from: $0) }
    }

    func save(_ state: GroupState, of group: String) throws {
        try JSONEncoder().encode(state).write(to: file(group), options: .atomic)
    }

    func remove(_ group: String) throws { try FileManager.default.removeItem(at: file(group)) }

    private func file(_ name: String) -> URL { folder.appendingPathComponent(name) }
}

/// A message in its file.
struct MessageFile: Codable {
    let id: MessageID
    let key: String?
    let metadata: [[String]]
    let payload: Data

    init(_ message: Message) {
        (id, key, payload) = (message.id, message.key, Data(message.payload))
        metadata = message.metadata.map { [$0.key, $0.value] }
    }

    var message: Message {
        let pairs = metadata.filter { $0.count == 2 }.map { (key: $0[0], value: $0[1]) }
        return Message(id: id, payload: [UInt8](payload), key: key, metadata: Metadata(pairs))
    }
}

/// What a group has read, and who has what of it.
struct GroupState: Codable {
    /// A message that was handed out and is not done.
    struct Claim: Codable {
        /// How many attempts count.
        var attempts = 0
        /// The member that has it; nil when it was given back.
        var member: String?
        /// Until when, in milliseconds since 1970.
        var end: Int64 = 0
    }

    /// The first message that nobody has had.
    var next: UInt64
    var claims: [UInt64: Claim] = [:]
}
