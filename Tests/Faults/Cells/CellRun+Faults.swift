import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension CellRun {
    /// Lets the cell's fault happen once.
    func strike() async throws {
        switch plan.fault {
        case .none, .slowHandler: break
        case .killConsumer: try await killConsumer()
        case .stopConsumer: try await stopConsumer()
        case .killProducer: try killProducer()
        case .brokerRestart: try await disturb("restart") { try await broker.restart() }
        case .brokerKill: try await disturb("kill") { try await broker.crash() }
        case .cut: try await disturb("cut") { try await broker.cut(random) }
        case .halfOpen: try await halfOpen()
        case .latency: try await latency()
        case .rollingRestart: try await rollingRestart()
        case .garbage: try await garbage()
        }
    }

    private func killConsumer() async throws {
        let victim = drawConsumer()
        let member = victim.member
        let time = victim.kill()
        note("kill", .member(member), from: time)
        try victim.start()
        try await waitUntilReady()
    }

    private func stopConsumer() async throws {
        let victim = drawConsumer()
        let start = WorkLog.now
        victim.signal(SIGSTOP)
        try await pass(broker.takeover + random.duration(upTo: .seconds(2)))
        victim.signal(SIGCONT)
        note("stop", .member(victim.member), from: start, explains: [.duplicates, .disorder, .staleWork])
        // Then nobody could acknowledge anything, and leases have run out.
        if broker.sharesLock { note("lock", .everyone, from: start, explains: [.duplicates], aftermath: .zero) }
    }

    private func killProducer() throws {
        let member = producer.member
        let time = producer.kill()
        note("kill", .member(member), from: time)
        // What it claimed last is needed to know what is left to publish.
        update()
        try producer.start()
    }

    /// Does to the broker what disturbs everyone.
    private func disturb(_ name: String, _ body: () async throws -> Void) async throws {
        let start = WorkLog.now
        try await body()
        note(name, .everyone, from: start)
    }

    private func halfOpen() async throws {
        try await disturb("half-open") {
            try broker.hang()
            try await pass(.seconds(3) + random.duration(upTo: .seconds(3)))
            try broker.recover()
        }
    }

    /// That something takes longer explains nothing.
    private func latency() async throws {
        let start = WorkLog.now
        try broker.slow(by: .milliseconds(20) + random.duration(upTo: .milliseconds(60)))
        try await pass(.seconds(3) + random.duration(upTo: .seconds(2)))
        try broker.recover()
        note("latency", .everyone, from: start, explains: [])
    }

    private func rollingRestart() async throws {
        for consumer in consumers {
            let (start, member) = (WorkLog.now, consumer.member)
            try await shutDown(consumer)
            note("shutdown", .member(member), from: start, explains: [.disorder])
            try consumer.start()
            try await waitUntilReady()
        }
    }

    private func garbage() async throws {
        try await broker.publishForeign(12, to: topic)
        foreign += 12
    }
}
