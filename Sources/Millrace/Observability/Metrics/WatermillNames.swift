/// The three metrics that Watermill has, so that dashboards made for it keep working.
enum WatermillNames {
    /// The bounds that Watermill uses for handlers.
    private static let handlerBuckets: [Duration] = [
        .microseconds(500), .milliseconds(1), .microseconds(2_500), .milliseconds(5), .milliseconds(10), .milliseconds(25),
        .milliseconds(50), .milliseconds(100), .milliseconds(250), .milliseconds(500), .seconds(1),
    ]
    /// The default bounds of Prometheus's client for Go.
    private static let publishBuckets: [Duration] = [
        .milliseconds(5), .milliseconds(10), .milliseconds(25), .milliseconds(50), .milliseconds(100), .milliseconds(250),
        .milliseconds(500), .seconds(1), .milliseconds(2_500), .seconds(5), .seconds(10),
    ]

    static func execution(_ registry: MetricsRegistry, handler: String, success: Bool) throws -> MetricHistogram {
        try registry.histogram(
            "handler_execution_time_seconds", help: "The total time elapsed while executing the handler function.",
            buckets: handlerBuckets, labels: ["handler_name": handler, "success": "\(success)"])
    }

    static func publish(
        _ registry: MetricsRegistry, handler: String, publisher: String, success: Bool
    ) throws -> MetricHistogram {
        try registry.histogram(
            "publish_time_seconds", help: "The time that a publishing attempt (success or not) took.",
            buckets: publishBuckets,
            labels: ["handler_name": handler, "publisher_name": publisher, "success": "\(success)"])
    }

    static func received(
        _ registry: MetricsRegistry, handler: String, subscriber: String, acked: Bool
    ) throws -> MetricCounter {
        try registry.counter(
            "subscriber_messages_received_total", help: "The total number of messages received and settled.",
            labels: ["handler_name": handler, "subscriber_name": subscriber, "acked": acked ? "acked" : "nacked"])
    }
}
