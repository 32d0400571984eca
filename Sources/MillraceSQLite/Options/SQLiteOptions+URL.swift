public import Millrace

extension SQLiteOptions {
    /// Options from a URL such as `sqlite:orders.db` or `sqlite:/var/lib/shop/orders.db?synchronous=normal`; what it does not mention
    /// has its default. A path without `/` in front is relative to the working directory; `sqlite:///var/lib/...` works as well.
    ///
    /// | Query                   | Option                                                                        |
    /// | ----------------------- | ----------------------------------------------------------------------------- |
    /// | `synchronous`           | ``synchronous``: `full` or `normal`                                           |
    /// | `create`                | ``createsFile``: `true` or `false`                                            |
    /// | `busy-timeout`          | ``busyTimeout``: `500ms`, `5s`, `1m`; a bare number is seconds                |
    /// | `poll-interval`         | ``pollInterval``                                                              |
    /// | `care-interval`         | ``careInterval``                                                              |
    /// | `maximum-pending`       | ``maximumPending``                                                            |
    /// | `maximum-size`          | ``maximumSize``                                                               |
    /// | `group`                 | ``group``                                                                     |
    /// | `dead-letters`          | a suffix for ``deadLetters``; empty to drop                                   |
    /// | `maximum-length`        | the ``SQLiteRetention/maximumLength`` of ``retention``                        |
    /// | `maximum-age`           | the ``SQLiteRetention/maximumAge`` of ``retention``                           |
    /// | `maximum-bytes`         | the ``SQLiteRetention/maximumBytes`` of ``retention``                         |
    /// | `delete-acknowledged`   | its ``SQLiteRetention/deletesAcknowledged``: `true` or `false`                |
    /// | `delete-unacknowledged` | its ``SQLiteRetention/deletesUnacknowledged``: `true` or `false`              |
    /// | `inbox-age`             | ``inboxAge``                                                                  |
    ///
    /// - Throws: A `MillraceError` of code `invalidOption` that names the part, its value and its bound.
    public init(url: String) throws { try self.init(url: TransportURL(url)) }

    /// Options from the parts of a URL. See ``init(url:)-(String)``.
    public init(url: TransportURL) throws {
        var url = url
        guard url.scheme == "sqlite" else {
            throw MillraceError.invalidOption("scheme", "'\(url.scheme)'", bound: "sqlite", of: "SQLite URL")
        }
        let path = url.takePath()
        guard !path.isEmpty else { throw url.invalid("path", "''", "the path of a file: sqlite:orders.db") }
        self.init(path: path)
        synchronous = try url.takeChoice("synchronous", ["full": .full, "normal": .normal]) ?? synchronous
        createsFile = try url.takeFlag("create") ?? createsFile
        busyTimeout = try url.takeDuration("busy-timeout") ?? busyTimeout
        pollInterval = try url.takeDuration("poll-interval") ?? pollInterval
        careInterval = try url.takeDuration("care-interval") ?? careInterval
        maximumPending = try url.takeNumber("maximum-pending") ?? maximumPending
        maximumSize = try url.takeNumber("maximum-size")
        group = url.take("group")
        if let suffix = url.take("dead-letters") { deadLetters = suffix.isEmpty ? .drop : .topicSuffix(suffix) }
        retention.maximumLength = try url.takeNumber("maximum-length")
        retention.maximumAge = try url.takeDuration("maximum-age")
        retention.maximumBytes = try url.takeNumber("maximum-bytes")
        retention.deletesAcknowledged = try url.takeFlag("delete-acknowledged") ?? false
        retention.deletesUnacknowledged = try url.takeFlag("delete-unacknowledged") ?? false
        inboxAge = try url.takeDuration("inbox-age") ?? inboxAge
        try url.finish()
        try validate()
    }
}
