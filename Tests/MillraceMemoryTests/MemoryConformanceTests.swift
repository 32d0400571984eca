import Millrace
import MillraceMemory
import MillraceTesting
import Testing

extension MemoryTests {
    /// The conformance suite on every configuration of the memory transport that changes its behaviour. The manual clock makes
    /// it exact and fast; the system's clock is tried with the defaults.
    @Suite struct Conformance {
        @Test(arguments: ConformanceTest.all) func conforms(_ test: ConformanceTest) async throws {
            try await test.run(on: .memory(MemoryOptions()))
        }

        @Test(arguments: ConformanceTest.all) func conformsUnderManualClock(_ test: ConformanceTest) async throws {
            try await test.run(on: .memory(MemoryOptions(), clock: ManualClock()))
        }

        @Test(arguments: ConformanceTest.all) func conformsWithLittleRoom(_ test: ConformanceTest) async throws {
            try await test.run(on: .memory(MemoryOptions(capacity: 4), clock: ManualClock()))
        }

        @Test(arguments: ConformanceTest.all) func conformsWhenPublishersWait(_ test: ConformanceTest) async throws {
            try await test.run(on: .memory(MemoryOptions(publishReturns: .whenAcknowledged), clock: ManualClock()))
        }

        @Test(arguments: ConformanceTest.all) func conformsWithRetention(_ test: ConformanceTest) async throws {
            try await test.run(on: .memory(MemoryOptions(retention: .all), clock: ManualClock()))
        }

        @Test(arguments: ConformanceTest.all) func conformsWithoutDeadLetters(_ test: ConformanceTest) async throws {
            try await test.run(on: .memory(MemoryOptions(deadLetters: .drop), clock: ManualClock()))
        }

        @Test func namesAreUnique() {
            let names = ConformanceTest.all.map(\.name)
            #expect(Set(names).count == names.count)
            #expect(names.count >= 70)
        }

        @Test func undeclaredCapabilitiesAreSkippedAloud() async throws {
            let test = try #require(ConformanceTest.all.first { $0.name == "consumerGroups" })
            let subject = ConformanceSubject("nothing", capabilities: []) { MemoryTransport() }
            let outcome = try await test.run(on: subject)
            #expect(outcome == .skipped(reason: "it does not declare: groups"))
        }

        @Test func capabilitiesMustMatch() async throws {
            let test = try #require(ConformanceTest.all.first { $0.name == "emptyBatch" })
            var subject = ConformanceSubject.memory(MemoryOptions())
            subject.capabilities.insert(.durable)
            await #expect(throws: ConformanceFailure.self) { try await test.run(on: subject) }
        }
    }
}

extension ConformanceSubject {
    static func memory(_ options: MemoryOptions, clock: ManualClock? = nil) -> ConformanceSubject {
        var capabilities: Capabilities = [
            .groups, .ordered, .orderedByKey, .orderedAcrossMembers, .delayedRetry, .attemptCount, .leases, .backPressure,
        ]
        if options.retention == .all { capabilities.insert(.replay) }
        if options.deadLetters != .drop { capabilities.insert(.deadLetters) }
        var subject = ConformanceSubject("memory", capabilities: capabilities) {
            try MemoryTransport(options, clock: clock ?? SystemClock.shared, observers: Observers())
        }
        subject.sharesBroker = false
        subject.fetchesAhead = false
        subject.capacity = options.publishReturns == .whenAcknowledged ? 0 : options.capacity
        subject.maximumPayload = options == MemoryOptions() && clock == nil ? 64 << 20 : 1 << 20
        subject.manualClock = clock
        return subject
    }
}
