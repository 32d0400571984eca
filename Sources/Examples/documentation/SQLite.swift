import CSQLite
import Millrace
import MillraceSQLite

func sqliteTransport() async throws -> SQLiteTransport {
    let broker = try await SQLiteTransport(path: "orders.db")
    return broker
}

func sqliteRetention() async throws -> SQLiteTransport {
    var options = try SQLiteOptions(url: "sqlite:/var/lib/shop/orders.db?synchronous=normal")
    options.retention = SQLiteRetention(maximumAge: .seconds(7 * 24 * 3_600), deletesAcknowledged: true)
    return try await SQLiteTransport(options)
}

func reminder(_ broker: SQLiteTransport) async throws {
    try await broker.publish([Message(text: "water the plants")], to: "reminders", after: .seconds(3_600))
}

/// The application's own tables, in the transport's file.
final class ShopDatabase {
    let database: OpaquePointer

    init(path: String) throws {
        var handle: OpaquePointer?
        guard sqlite3_open(path, &handle) == SQLITE_OK, let handle else {
            throw MillraceError(.connectionFailed, "can't open \(path)", isRetriable: false)
        }
        database = handle
        sqlite3_busy_timeout(database, 5_000)
        try execute("CREATE TABLE IF NOT EXISTS orders (number INTEGER PRIMARY KEY, customer TEXT, cents INTEGER)")
        try execute("CREATE TABLE IF NOT EXISTS ledger (customer TEXT PRIMARY KEY, cents INTEGER)")
    }

    deinit { sqlite3_close(database) }

    func execute(_ statement: String) throws {
        guard sqlite3_exec(database, statement, nil, nil, nil) == SQLITE_OK else {
            throw MillraceError(.connectionFailed, String(cString: sqlite3_errmsg(database)), isRetriable: true)
        }
    }

    func place(_ number: Int, cents: Int, publishingTo broker: SQLiteTransport) throws {
        try SQLiteTransaction.immediate(on: database) { transaction in
            try execute("INSERT INTO orders VALUES (\(number), 'ada', \(cents))")
            try broker.publish(Message(text: "\(cents)", key: "ada"), to: "orders", in: transaction)
        }
    }

    func post(_ message: Message) throws {
        try SQLiteTransaction.immediate(on: database) { transaction in
            try transaction.once(message, for: "ledger") {
                let cents = message.payload.text.flatMap { Int($0) } ?? 0
                try execute("INSERT INTO ledger VALUES ('ada', \(cents)) ON CONFLICT DO UPDATE SET cents = cents + \(cents)")
            }
        }
    }
}

func ledger(_ router: Router, _ broker: SQLiteTransport, path: String) throws {
    try router.consume("ledger", from: "orders", on: broker) { message, _ in
        try ShopDatabase(path: path).post(message)
    }
}
