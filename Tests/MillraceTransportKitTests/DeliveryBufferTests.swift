@testable import Millrace
import TestSupport
import MillraceTransportKit
import MillraceTesting
import Testing

@Suite("A delivery buffer", .timeLimit(.minutes(1))) struct DeliveryBufferTests {
    private let rooms = Box(0)
    private let clock = ManualClock()

    private func buffer(prefetch: Int = 8, _ ordered: Ordering = .byTransport) -> DeliveryBuffer {
        DeliveryBuffer(prefetch: prefetch, ordered: ordered, clock: clock) { [rooms] in rooms.update { $0 += 1 } }
    }

    private func entries(_ range: Range<Int>, key: (Int) -> String? = { _ in nil }) -> [DeliveryBuffer.Entry] {
        range.map { number in
            DeliveryBuffer.Entry(
                message: Message(text: "\(number)", key: key(number)), attempt: 1, position: Position(low: UInt64(number)))
        }
    }

    /// What a pull brings that does not have to wait.
    private func pull(_ buffer: DeliveryBuffer, upTo limit: Int = 100) async throws -> [DeliveryRecord] {
        var batch = DeliveryBatch()
        _ = try await buffer.pull(into: &batch, upTo: limit, until: clock.now)
        return Array(batch.records)
    }

    private func texts(_ records: [DeliveryRecord]) -> [String] { records.map { $0.message.payload.text ?? "" } }

    @Test("hands out in order, and puts back what is released into its old place") func order() async throws {
        let buffer = buffer()
        buffer.arrive(entries(1..<5))
        let first = try await pull(buffer, upTo: 2)
        #expect(texts(first) == ["1", "2"])
        #expect(buffer.release(first[1].token))
        #expect(buffer.release(first[0].token))
        let again = try await pull(buffer)
        #expect(texts(again) == ["1", "2", "3", "4"])
        #expect(again.allSatisfy { $0.attempt == 1 })
        #expect(!buffer.release(first[0].token), "settled before")
    }

    @Test("tells place and attempt of what is out, and of nothing else") func delivery() async throws {
        let buffer = buffer()
        buffer.arrive(entries(7..<8))
        let record = try await pull(buffer)[0]
        #expect(buffer.delivery(of: record.token)?.position == Position(low: 7))
        #expect(buffer.retry(record.token, after: .zero) { _ in })
        #expect(buffer.delivery(of: record.token) == nil)
        let again = try await pull(buffer)[0]
        #expect(buffer.delivery(of: again.token)?.attempt == 2)
    }

    @Test("counts the attempt of a retry, waits for its delay, and says when it is due") func retry() async throws {
        let buffer = buffer()
        buffer.arrive(entries(1..<3))
        let records = try await pull(buffer)
        let due = Box<[Int]>([])
        #expect(buffer.retry(records[0].token, after: .seconds(5)) { entry in due.update { $0.append(entry.attempt) } })
        #expect(try await pull(buffer).isEmpty)
        clock.advance(by: .seconds(4))
        #expect(try await pull(buffer).isEmpty)
        clock.advance(by: .seconds(1))
        let again = try await pull(buffer)
        #expect(texts(again) == ["1"])
        #expect(again.first?.attempt == 2)
        #expect(due.value == [2])
    }

    @Test("withdraws a message with all others of its key, and nothing else") func withdraw() async throws {
        let buffer = buffer(.byKey)
        buffer.arrive(entries(1..<7) { $0.isMultiple(of: 2) ? "even" : "odd" })
        let first = try await pull(buffer, upTo: 1)
        var taken: [[UInt64]] = []
        #expect(
            buffer.withdraw(first[0].token) { entry, behind in
                taken = [[entry.position.low], behind.map(\.position.low).sorted()]
            })
        #expect(taken == [[1], [3, 5]])
        #expect(!buffer.withdraw(first[0].token) { _, _ in }, "settled before")
        let rest = try await pull(buffer)
        #expect(texts(rest) == ["2"])
        _ = buffer.finish(rest.map(\.token))
        #expect(texts(try await pull(buffer)) == ["4"])
    }

    @Test("withdraws what is out for longer than its lease, and what is ready when nobody pulls")
    func withdrawExpired() async throws {
        let buffer = buffer(.byKey)
        buffer.arrive(entries(1..<7) { "\($0 % 3)" })
        let old = try await pull(buffer, upTo: 1)
        clock.advance(by: .seconds(5))
        let young = try await pull(buffer, upTo: 1)
        clock.advance(by: .seconds(5))
        for mustRest in [false, true] {
            var taken: [[UInt64]] = [[], []]
            buffer.withdrawExpired(lease: .seconds(10), mustRest: { mustRest }) { expired, behind in
                taken = [expired.map(\.position.low), behind.map(\.position.low).sorted()]
            }
            // The second time nothing has expired, so nothing is asked.
            #expect(taken == (mustRest ? [[], []] : [[1], [4]]))
        }
        #expect(buffer.finish(old.map(\.token)).ignored == 1)
        clock.advance(by: .seconds(5))
        var rest: [UInt64] = []
        buffer.withdrawExpired(lease: .seconds(10), mustRest: { true }) { _, behind in rest = behind.map(\.position.low).sorted()
        }
        #expect(rest == [3, 5, 6])
        #expect(buffer.finish(young.map(\.token)).ignored == 1)
        #expect(buffer.waitingCount == 0)
    }

    @Test("refuses what it is told to when messages arrive") func refuse() async throws {
        let buffer = buffer(.byKey)
        let refused = buffer.arrive(
            returned: entries(1..<3) { "\($0)" }, fresh: entries(3..<6) { "\($0)" }
        ) { ["2", "4"].contains($0.message.key) }
        #expect(refused.map(\.position.low) == [2, 4])
        #expect(texts(try await pull(buffer)) == ["1", "3", "5"])
    }

    @Test("keeps a key's lane closed while its message is out or delayed") func lanes() async throws {
        let buffer = buffer(.byKey)
        buffer.arrive(entries(1..<7) { $0.isMultiple(of: 2) ? "even" : "odd" })
        let first = try await pull(buffer)
        #expect(texts(first) == ["1", "2"])
        #expect(buffer.retry(first[0].token, after: .seconds(1)) { _ in })
        #expect(buffer.finish([first[1].token]).positions == [Position(low: 2)])
        #expect(texts(try await pull(buffer)) == ["4"])
        clock.advance(by: .seconds(1))
        #expect(texts(try await pull(buffer)) == ["1"])
    }

    @Test("asks for more when a quarter of it is free, and only if somebody found no room") func room() async throws {
        let buffer = buffer()
        #expect(buffer.room() == 8)
        buffer.arrive(entries(0..<8))
        let records = try await pull(buffer)
        _ = buffer.finish([records[0].token])
        #expect(rooms.value == 0, "nobody has asked")
        _ = buffer.finish([records[1].token])
        buffer.arrive(entries(8..<10))
        #expect(buffer.room() == 0)
        _ = buffer.finish([records[2].token])
        #expect(rooms.value == 0, "one of eight")
        _ = buffer.finish([records[3].token])
        #expect(rooms.value == 1)
        #expect(buffer.room() == 2)
    }

    @Test("delayed messages make room for others, but not for any number") func delayedRoom() async throws {
        let buffer = buffer(prefetch: 1)
        for number in 0..<16 {
            #expect(buffer.room() == 1)
            buffer.arrive(entries(number..<number + 1))
            let records = try await pull(buffer)
            #expect(buffer.retry(records[0].token, after: .seconds(60)) { _ in })
        }
        #expect(buffer.room() == 0)
    }

    @Test("takes a claimed message in place of the delivery that is over") func claimed() async throws {
        let buffer = buffer(.byKey)
        buffer.arrive(entries(1..<3) { _ in "one" })
        let old = try await pull(buffer)
        var claimed = entries(1..<2) { _ in "one" }
        claimed[0].attempt = 2
        #expect(buffer.arriveClaimed(claimed).map(\.position) == [Position(low: 1)])
        let again = try await pull(buffer)
        #expect(texts(again) == ["1"], "the second message waits behind it")
        #expect(again.first?.attempt == 2)
        #expect(buffer.finish([old[0].token]).ignored == 1)
        _ = buffer.finish([again[0].token])
        #expect(texts(try await pull(buffer)) == ["2"])
    }

    @Test("puts what is claimed behind what waits here and was before it", arguments: [Ordering.byTransport, .byKey])
    func claimedBehind(_ ordered: Ordering) async throws {
        let buffer = buffer(prefetch: 20, ordered)
        func keyed(_ range: Range<Int>) -> [DeliveryBuffer.Entry] { entries(range) { "\($0)" } }
        buffer.arrive(keyed(3..<6))
        // What a lost connection had taken on its way: from before, from between, from behind.
        #expect(buffer.arriveClaimed(keyed(1..<3) + keyed(6..<9)).isEmpty)
        buffer.arrive(keyed(9..<11))
        #expect(texts(try await pull(buffer)) == (1..<11).map { "\($0)" })
    }

    @Test("keeps a key in order when later messages of it are claimed") func claimedOfAKey() async throws {
        let buffer = buffer(prefetch: 20, .byKey)
        buffer.arrive(entries(1..<4) { _ in "one" })
        _ = buffer.arriveClaimed(entries(4..<7) { _ in "one" })
        var order: [String] = []
        while let record = try await pull(buffer).first {
            order += texts([record])
            _ = buffer.finish([record.token])
        }
        #expect(order == (1..<7).map { "\($0)" })
    }

    @Test("takes back what was out for longer than its lease, if nobody else keeps leases") func expire() async throws {
        let buffer = buffer()
        buffer.arrive(entries(1..<3))
        let records = try await pull(buffer)
        clock.advance(by: .seconds(5))
        buffer.renew([records[1].token])
        clock.advance(by: .seconds(5))
        #expect(buffer.expire(lease: .seconds(10)).map(\.position) == [Position(low: 1)])
        #expect(try await pull(buffer).map(\.attempt) == [2])
    }

    @Test("ends waiting pulls when it is stopped, lost, or their task is cancelled") func ends() async throws {
        let stopped = buffer()
        let lost = buffer()
        let idle = buffer()
        func pulling(_ buffer: DeliveryBuffer) -> Task<Bool, any Error> {
            Task {
                var batch = DeliveryBatch()
                return try await buffer.pull(into: &batch, upTo: 1, until: nil)
            }
        }
        let (first, second, third) = (pulling(stopped), pulling(lost), pulling(idle))
        stopped.stop()
        lost.lose(Flaky())
        third.cancel()
        #expect(try await first.value == false)
        await #expect(throws: Flaky.self) { try await second.value }
        await #expect(throws: CancellationError.self) { try await third.value }
    }

    @Test("a paused buffer hands out nothing") func pause() async throws {
        let buffer = buffer()
        buffer.pause()
        buffer.arrive(entries(1..<2))
        #expect(try await pull(buffer).isEmpty)
        buffer.resume()
        #expect(try await pull(buffer).count == 1)
    }

    @Test("gives back everything that is unsettled when it is closed") func close() async throws {
        let buffer = buffer(.byKey)
        buffer.arrive(entries(1..<6) { $0 < 4 ? "one" : "\($0)" })
        let records = try await pull(buffer, upTo: 2)
        #expect(texts(records) == ["1", "4"])
        #expect(buffer.retry(records[1].token, after: .seconds(10)) { _ in })
        clock.advance(by: .seconds(3))
        let (held, delayed) = buffer.close()
        #expect(held.map(\.position.low) == [1, 2, 3, 5])
        #expect(delayed.map(\.entry.position.low) == [4])
        #expect(delayed.map(\.remaining) == [.seconds(7)])
        #expect(buffer.finish(records.map(\.token)).ignored == 2)
    }
}
