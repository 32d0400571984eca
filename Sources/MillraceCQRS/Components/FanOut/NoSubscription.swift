import Millrace

/// Stands where a subscription is not open yet: hands out nothing, and knows of no delivery.
final class NoSubscription: Subscription {
    let topic: String
    var group: String? { nil }

    init(to topic: String) { self.topic = topic }

    func pull(into batch: inout DeliveryBatch, upTo limit: Int, until deadline: ClockInstant?) async throws -> Bool { false }
    func acknowledge(_ tokens: [DeliveryToken]) {}
    func settle(_ token: DeliveryToken, _ settlement: Settlement) {}
    func renew(_ tokens: [DeliveryToken]) {}
    func pause() {}
    func resume() {}
    func stopFetching() {}
    func flush() async throws {}
    func close() async {}
}
