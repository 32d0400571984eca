import Millrace
import MillraceCQRS
import MillraceKafka
import MillraceSQLite

struct TakePayment: DomainCommand {
    var order: Int
    var cents: Int
}

struct ShipGoods: DomainCommand {
    var order: Int
}

struct PaymentOverdue: DomainCommand {
    var order: Int
}

struct Bought: DomainEvent {
    var order: Int
    var cents: Int
}

struct Paid: DomainEvent {
    var order: Int
}

struct Purchase: Codable, Sendable {
    var cents: Int
    var isPaid = false
}

func registerPurchase(_ cqrs: CQRS, on router: Router) async throws {
    let store = try await SQLiteStateStore(path: "sagas.db")
    let purchases = cqrs.saga("purchase", of: Purchase.self, in: store) {
        StartOn(Bought.self, by: { "\($0.order)" }) { event, saga in
            try await saga.send(TakePayment(order: event.order, cents: event.cents))
            try await saga.send(PaymentOverdue(order: event.order), after: .seconds(3_600))
            return Purchase(cents: event.cents)
        }
        ContinueOn(Paid.self, by: { "\($0.order)" }) { event, purchase, saga in
            purchase.isPaid = true
            try await saga.send(ShipGoods(order: event.order))
            saga.finish()
        }
        ContinueOn(PaymentOverdue.self, by: { "\($0.order)" }) { command, purchase, saga in
            saga.logger.warning("not paid", ["order": command.order, "cents": purchase.cents])
            saga.finish()
        }
    }
    try router.register(purchases)
}

func delayedOnKafka(_ kafka: KafkaTransport, _ router: Router) async throws -> CQRS {
    let file = try await SQLiteTransport(path: "later.db")
    let later = Outbox("later", on: file)
    try router.register(Forwarder("later", from: "later", on: file, to: kafka))
    return CQRS(on: kafka, topics: .perType(prefix: "shop."), CQRSOptions(delays: later))
}

func report(_ purchases: SagaHandler<Purchase>) async throws {
    for purchase in try await purchases.unfinished(olderThan: .seconds(86_400)) {
        print(purchase.key, "hangs since", purchase.changedAt, purchase.state)
    }
}

func patientPurchases(_ redelivery: Backoff) -> SagaOptions {
    SagaOptions(
        handler: HandlerOptions(concurrency: 8, ordered: .byKey, redelivery: redelivery),
        missing: .retryLater(after: .seconds(5), attempts: 20), retention: .seconds(7 * 86_400))
}
