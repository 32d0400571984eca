import Foundation
import Millrace
import MillraceAMQP
import MillraceKafka
import MillraceMemory
import MillraceNATS
import MillraceRedis
import MillraceSQLite

// storefront                                       twenty orders through orders, payments and shipping; it ends by itself
// storefront --url redis://127.0.0.1:6379          the same through a broker
// storefront --url sqlite:shop.db --data shop.db   the same in a file: stopped, however that happens, and started again, it goes
//                                                  on where it was
// storefront --orders 100 --prefix mine.           more orders; other topics
do {
    let arguments = try Arguments(CommandLine.arguments.dropFirst())
    let registry = TransportRegistry(.memory, .sqlite, .redis, .kafka, .nats, .amqp)
    let broker = try await registry.connect(arguments.url)
    let file = try await SQLiteTransport(path: arguments.data)
    let storefront = try Storefront(on: broker, file: file, prefix: arguments.prefix, patience: .seconds(1))
    let orders = (1...arguments.orders).map { Order.example($0) }
    try await storefront.run(orders)
    print(try await Report(orders, of: storefront).text)
    await broker.close()
    await file.close()
} catch {
    ConsoleLog.writeToStandardError("storefront: \(error)")
    exit(1)
}
