import Foundation

/// The commands: what was started is on record in a file, so that another run of the plugin finds it.
struct Brokers {
    /// Where the record and the data of the brokers are.
    let folder: URL

    private var file: URL { folder.appendingPathComponent("brokers.json") }

    // MARK: Commands

    func up(_ names: [String]) throws {
        let wanted =
            names.isEmpty ? Broker.all.filter { $0.missingPackage == nil } : Broker.all.filter { names.contains($0.name) }
        // All that is missing at once, and before anything is started.
        let missing = wanted.compactMap { broker in broker.missingPackage.map { (broker.name, $0) } }
        guard missing.isEmpty else {
            let packages = missing.map(\.1).joined(separator: " ")
            throw Failure(
                "not installed: \(missing.map(\.0).joined(separator: ", ")). On Debian: apt-get install \(packages)")
        }
        guard !wanted.isEmpty else {
            let packages = Broker.all.map(\.package).joined(separator: " ")
            throw Failure("no broker is installed. On Debian: apt-get install \(packages)")
        }
        for broker in wanted {
            let record = try load()[broker.name]
            if record?.isRunning == true { continue }
            // Half of it may be left of a broker that has died, or was cut off when it started.
            if let record { try stop(record) }
            do {
                try put(broker.name, try start(broker))
            } catch {
                try put(broker.name, nil)
                throw error
            }
        }
        let records = try load()
        show(wanted.compactMap { records[$0.name] })
    }

    func down(_ names: [String]) throws {
        for record in try load().values.sorted(by: { $0.name < $1.name }) where names.isEmpty || names.contains(record.name) {
            try stop(record)
            try put(record.name, nil)
            print("\(record.name): stopped")
        }
    }

    func status(_ names: [String]) throws {
        let records = try load().values.filter { names.isEmpty || names.contains($0.name) }.sorted { $0.name < $1.name }
        for record in records {
            let processes = record.processes.map { "\($0.id)" }.joined(separator: ", ")
            print(
                "\(record.name): \(record.isRunning ? "runs" : "has ended"), process \(processes), \(record.url), log \(record.log)"
            )
        }
        if records.isEmpty { print("no broker was started") }
        let unknown = names.filter { name in !records.contains { $0.name == name } }
        guard unknown.isEmpty else { throw Failure("not started: \(unknown.joined(separator: ", "))") }
        let ended = records.filter { !$0.isRunning }.map(\.name)
        guard ended.isEmpty else { throw Failure("not running any more: \(ended.joined(separator: ", "))") }
    }

    func urls(_ names: [String]) throws {
        show(try load().values.filter { names.isEmpty || names.contains($0.name) }.sorted { $0.name < $1.name })
    }

    // MARK: Parts

    /// Starts a broker, and puts each part of it on record at once, in case this run is cut off.
    private func start(_ broker: Broker) throws -> BrokerRecord {
        let data = folder.appendingPathComponent(broker.name)
        // Between the choice of a port and its use somebody else may take it: then others are tried.
        for attempt in 1... {
            try? FileManager.default.removeItem(at: data)
            try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
            let log = data.appendingPathComponent("log").path
            func record(_ url: String, _ processes: [ServerProcess]) -> BrokerRecord {
                BrokerRecord(
                    name: broker.name, variable: broker.variable, url: url, folder: data.path, log: log, processes: processes)
            }
            var starting = Starting(name: broker.name, folder: data) { try put(broker.name, record("", $0)) }
            do {
                let url = try broker.start(&starting)
                return record(url, starting.processes)
            } catch {
                for process in starting.processes.reversed() { try? process.end() }
                let lines = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
                try? FileManager.default.removeItem(at: data)
                guard attempt == 3 else { continue }
                throw Failure("\(broker.name) could not be started: \(error)\n\(lines.suffix(2_000))")
            }
        }
        throw Failure("\(broker.name) could not be started")
    }

    private func stop(_ record: BrokerRecord) throws {
        for process in record.processes.reversed() { try process.end() }
        if FileManager.default.fileExists(atPath: record.folder) { try FileManager.default.removeItem(atPath: record.folder) }
    }

    private func show(_ records: [BrokerRecord]) {
        for record in records where !record.url.isEmpty { print("export \(record.variable)='\(record.url)'") }
    }

    private func load() throws -> [String: BrokerRecord] {
        guard FileManager.default.fileExists(atPath: file.path) else { return [:] }
        do {
            return try JSONDecoder().decode([String: BrokerRecord].self, from: Data(contentsOf: file))
        } catch {
            throw Failure("the record of what was started can't be read, \(file.path): \(error)")
        }
    }

    private func put(_ name: String, _ record: BrokerRecord?) throws {
        var records = try load()
        records[name] = record
        try save(records)
    }

    private func save(_ records: [String: BrokerRecord]) throws {
        guard !records.isEmpty else {
            if FileManager.default.fileExists(atPath: file.path) { try FileManager.default.removeItem(at: file) }
            return
        }
        try JSONEncoder().encode(records).write(to: file, options: .atomic)
    }
}
