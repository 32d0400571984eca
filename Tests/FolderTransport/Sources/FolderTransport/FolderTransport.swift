import Foundation
import Millrace
import MillraceTransportKit

/// Topics as folders, messages as files in them. For all processes that share the folder.
public final class FolderTransport: Transport {
    /// `folder`
    public let system = "folder"
    /// What the conformance suite holds it to.
    public let capabilities: Capabilities = [
        .durable, .groups, .ordered, .orderedByKey, .delayedRetry, .attemptCount, .replay, .leases, .deadLetters,
    ]
    private let folder: URL
    private let observers: AttachableObservers
    private let subscriptions = OpenSubscriptions<BufferedSubscription>()

    /// Topics in a folder, which is made when it is not there.
    public init(_ folder: URL, observers: Observers = .standard) throws {
        self.folder = folder
        self.observers = AttachableObservers(observers)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    /// Has one more observer told.
    public func attach(_ observer: any Observer & AnyObject) { observers.attach(observer) }

    /// Writes messages into the topic's folder: all of them, or none.
    public func publish(_ messages: [Message], to topic: String) async throws {
        let files = try files(of: topic)
        for message in messages { try Naming.check(message) }
        guard !messages.isEmpty else { return }
        do {
            try files.append(messages)
        } catch {
            throw MillraceError.publishFailed(all: messages.count, to: topic, error)
        }
        // Those of other processes look for themselves.
        for subscription in subscriptions.all where subscription.topic == topic { subscription.look() }
    }

    /// Makes the topic, and the group in it.
    public func prepare(topic: String, group: String?) async throws {
        let files = try files(of: topic)
        guard let group else { return try files.locked {} }
        _ = try FolderSource(files, SubscriptionOptions(group: group))
    }

    /// Opens a subscription, of which the kit does all but what concerns the folder.
    public func subscribe(to topic: String, _ options: SubscriptionOptions) async throws -> any Subscription {
        let files = try files(of: topic)
        try options.validate()
        let subscription = BufferedSubscription(
            to: topic, options, from: try FolderSource(files, options), system: system,
            deadLetterTopic: topic + ".dead-letter", pollInterval: .milliseconds(20), observers: observers)
        try subscriptions.add(subscription)
        return subscription
    }

    /// Closes what is open. Files stay.
    public func close() async {
        await subscriptions.close { open in for subscription in open { await subscription.close() } }
    }

    private func files(of topic: String) throws -> TopicFolder {
        try subscriptions.checkOpen()
        return try TopicFolder(topic, in: folder)
    }
}
