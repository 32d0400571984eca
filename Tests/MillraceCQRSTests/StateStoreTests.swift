import Millrace
import MillraceSQLite
import MillraceTesting
import TestSupport
import Testing

/// What every state store does.
@Suite struct StateStoreTests {
    enum Kind: CaseIterable { case memory, sqlite }

    private func withStore(_ kind: Kind, _ body: (any StateStore, ManualClock) async throws -> Void) async throws {
        let clock = ManualClock()
        switch kind {
        case .memory: try await body(InMemoryStateStore(clock: clock), clock)
        case .sqlite:
            let folder = try TemporaryFolder()
            let store = try await SQLiteStateStore(path: folder.file("states.db"), clock: clock, observers: Observers([]))
            try await body(store, clock)
            await store.close()
        }
    }

    @Test(arguments: Kind.allCases) func keepsWhatIsSaved(_ kind: Kind) async throws {
        try await withStore(kind) { store, clock in
            #expect(try await store.load("1", in: "orders") == nil)
            let first = try await store.save([1, 2], for: "1", in: "orders", replacing: 0, expiresAt: nil)
            clock.advance(by: .seconds(1))
            let second = try await store.save([], for: "1", in: "orders", replacing: first.version, expiresAt: nil)
            #expect(first.version == 1)
            #expect(second.version == 2)
            #expect(second.createdAt == first.createdAt)
            #expect(second.changedAt == first.changedAt + 1_000)
            #expect(try await store.load("1", in: "orders") == second)
            #expect(try await store.load("1", in: "invoices") == nil)
        }
    }

    @Test(arguments: Kind.allCases) func refusesWhoComesSecond(_ kind: Kind) async throws {
        try await withStore(kind) { store, _ in
            let state = try await store.save([1], for: "1", in: "orders", replacing: 0, expiresAt: nil)
            for version in [0, state.version + 1] {
                await expectError(.conflict) {
                    try await store.save([2], for: "1", in: "orders", replacing: version, expiresAt: nil)
                }
                await expectError(.conflict) { try await store.remove("1", in: "orders", replacing: version) }
            }
            #expect(try await store.load("1", in: "orders") == state)
            try await store.remove("1", in: "orders", replacing: state.version)
            #expect(try await store.load("1", in: "orders") == nil)
        }
    }

    @Test(arguments: Kind.allCases) func letsOneOfManyWin(_ kind: Kind) async throws {
        try await withStore(kind) { store, _ in
            let winners = await withTaskGroup(of: Bool.self) { group in
                for number in UInt8(0)..<50 {
                    group.addTask {
                        (try? await store.save([number], for: "1", in: "orders", replacing: 0, expiresAt: nil)) != nil
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(winners == 1)
        }
    }

    @Test(arguments: Kind.allCases) func forgetsWhatIsOver(_ kind: Kind) async throws {
        try await withStore(kind) { store, clock in
            let expiry = clock.unixMilliseconds + 1_000
            for number in 0..<200 {
                try await store.save([], for: "\(number)", in: "orders", replacing: 0, expiresAt: expiry)
            }
            #expect(try await store.list("orders", StateQuery(includesExpiring: true, limit: 500)).count == 200)
            clock.advance(by: .seconds(1))
            #expect(try await store.load("7", in: "orders") == nil)
            #expect(try await store.list("orders", StateQuery(includesExpiring: true)) == [])
            // As if it had never been.
            let state = try await store.save([7], for: "7", in: "orders", replacing: 0, expiresAt: nil)
            #expect(state.version == 1)
            #expect(state.createdAt == clock.unixMilliseconds)
        }
    }

    @Test(arguments: Kind.allCases) func listsByAge(_ kind: Kind) async throws {
        try await withStore(kind) { store, clock in
            let start = clock.unixMilliseconds
            for key in ["b", "a", "c"] {
                try await store.save([], for: key, in: "orders", replacing: 0, expiresAt: nil)
                clock.advance(by: .seconds(1))
            }
            try await store.save([], for: "d", in: "orders", replacing: 0, expiresAt: start + 60_000)
            #expect(try await store.list("orders", StateQuery()).map(\.key) == ["b", "a", "c"])
            #expect(try await store.list("orders", StateQuery(includesExpiring: true)).map(\.key) == ["b", "a", "c", "d"])
            #expect(try await store.list("orders", StateQuery(createdBefore: start + 2_000)).map(\.key) == ["b", "a"])
            #expect(try await store.list("orders", StateQuery(limit: 1)).map(\.key) == ["b"])
            await expectError(.invalidOption) { try await store.list("orders", StateQuery(limit: 0)) }
        }
    }

    @Test(arguments: Kind.allCases) func refusesNamesOutOfBounds(_ kind: Kind) async throws {
        try await withStore(kind) { store, _ in
            for (key, collection) in [
                ("", "orders"), (String(repeating: "k", count: 1_025), "orders"), ("1", ""),
                ("1", String(repeating: "c", count: 256)),
            ] {
                await expectError(.invalidOption) {
                    try await store.save([], for: key, in: collection, replacing: 0, expiresAt: nil)
                }
            }
        }
    }

    @Test func outlivesTheProcess() async throws {
        let folder = try TemporaryFolder()
        let first = try await SQLiteStateStore(path: folder.file("states.db"), observers: Observers([]))
        let state = try await first.save([9], for: "1", in: "orders", replacing: 0, expiresAt: nil)
        await first.close()
        await expectError(.closed) { try await first.load("1", in: "orders") }
        let second = try await SQLiteStateStore(path: folder.file("states.db"), observers: Observers([]))
        #expect(try await second.load("1", in: "orders") == state)
        await second.close()
    }
}

/// Expects a `MillraceError` of some code.
func expectError(
    _ code: MillraceError.Code, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> some Any
) async {
    do {
        _ = try await body()
        Issue.record("nothing was thrown, expected was \(code)", sourceLocation: sourceLocation)
    } catch {
        #expect((error as? MillraceError)?.code == code, "\(error)", sourceLocation: sourceLocation)
    }
}
