/// The transports of a configuration, connected.
///
/// Whoever connected them closes them: with ``close()``, when the router has ended, or by
/// ``TransportRegistry/withTransports(_:clock:observers:_:)``. A router closes none.
public struct ConnectedTransports: Sendable {
    /// What they were connected by.
    public let configuration: Configuration
    let byName: [String: any Transport]

    /// The names, in the order of the configuration.
    public var names: [String] { configuration.transportNames }

    /// A transport by its name. Throws a ``MillraceError`` of code `invalidConfiguration` that lists the names when there is none
    /// of that name.
    public subscript(name: String) -> any Transport {
        get throws {
            guard let transport = byName[name] else { throw configuration.noTransport(name) }
            return transport
        }
    }

    /// The one that the configuration calls `defaults.transport`, or else its only one. Throws a ``MillraceError`` of code
    /// `invalidConfiguration` when there are several and none is named, or none at all.
    public var `default`: any Transport {
        get throws {
            if let name = configuration.defaultTransport { return try self[name] }
            let list = names.isEmpty ? "none" : names.joined(separator: ", ")
            throw MillraceError(
                .invalidConfiguration,
                "\(configuration.source): defaults.transport is missing, it must name one of the transports: \(list)",
                isRetriable: false)
        }
    }

    /// Closes all of them, the last one first. Call it when the router has ended; calling it again does nothing.
    public func close() async {
        for name in names.reversed() { await byName[name]?.close() }
    }
}

extension TransportRegistry {
    /// Connects all transports of a configuration. The caller closes them, by ``ConnectedTransports/close()``.
    ///
    /// - Throws: What connecting one of them throws, with the name of the file and the transport in front; those that were
    ///   connected are closed then.
    public func connect(
        _ configuration: Configuration, clock: any SchedulingClock = SystemClock.shared, observers: Observers = .standard
    ) async throws -> ConnectedTransports {
        var connected: [String: any Transport] = [:]
        for setting in configuration.transports {
            do {
                connected[setting.name] = try await connect(setting.url, clock: clock, observers: observers)
            } catch {
                await ConnectedTransports(configuration: configuration, byName: connected).close()
                throw setting.place.locating(error)
            }
        }
        return ConnectedTransports(configuration: configuration, byName: connected)
    }

    /// Connects all transports of a configuration, and closes them when `body` returns or throws. See
    /// ``connect(_:clock:observers:)-(Configuration,_,_)``.
    public func withTransports<Result>(
        _ configuration: Configuration, clock: any SchedulingClock = SystemClock.shared, observers: Observers = .standard,
        _ body: (ConnectedTransports) async throws -> Result
    ) async throws -> Result {
        let transports = try await connect(configuration, clock: clock, observers: observers)
        do {
            let result = try await body(transports)
            await transports.close()
            return result
        } catch {
            await transports.close()
            throw error
        }
    }
}
