import Millrace
import TestSupport
import Testing

/// The example of orders, payments and shipping comes to the same end on every broker, however it gets there.
@Suite(.serialized, .timeLimit(.minutes(2))) struct StorefrontTests {
    /// What has become of twenty orders. Eight are shipped, and the money is taken for those eight.
    private static let report = """
        1        grace    lamp     510      completed in P-1
        2        edsger   unicorn  520      cancelled: not paid in time
        3        mallory  book     530      cancelled: the card is reported stolen
        4        barbara  lamp     540      completed in P-4
        5        ada      unicorn  550      cancelled: out of stock, paid back
        6        grace    book     560      completed in P-6
        7        edsger   lamp     570      cancelled: not paid in time
        8        mallory  unicorn  580      cancelled: the card is reported stolen
        9        barbara  book     590      completed in P-9
        10       ada      lamp     600      completed in P-10
        11       grace    unicorn  610      cancelled: out of stock, paid back
        12       edsger   book     620      cancelled: not paid in time
        13       mallory  lamp     630      cancelled: the card is reported stolen
        14       barbara  unicorn  640      cancelled: out of stock, paid back
        15       ada      book     650      completed in P-15
        16       grace    lamp     660      completed in P-16
        17       edsger   unicorn  670      cancelled: not paid in time
        18       mallory  book     680      cancelled: the card is reported stolen
        19       barbara  lamp     690      completed in P-19
        20       ada      unicorn  700      cancelled: out of stock, paid back
        20 orders, 8 shipped; 4800 cents taken for 4800 cents shipped
        """

    @Test(arguments: Broker.allCases) func endsTheSameOn(_ broker: Broker) async throws {
        let run = try await StorefrontRun(broker)
        #expect(try await run.report() == Self.report, "\(run.log)")
    }

    /// Killed three times, wherever it is then, it comes to the end that it would have come to anyway: nobody pays twice or for nothing.
    @Test(arguments: Broker.durable) func survivesKillsOn(_ broker: Broker) async throws {
        let run = try await StorefrontRun(broker)
        for ended in [1, 5, 11] { try await run.kill(afterOrders: ended) }
        #expect(try await run.report() == Self.report, "\(run.log)")
    }

    @Test(arguments: [
        (["--orders", "0"], "--orders is '0'; it must be a number from 1 to 1,000"),
        (["--url"], "option '--url' has no value"),
        (["--color", "red"], "there is no option '--color'; there are --url, --data, --prefix and --orders"),
        (["--url", "carrier-pigeon://home"], "carrier-pigeon"),
    ]) func refuses(_ arguments: [String], _ text: String) async throws {
        let folder = try TemporaryFolder()
        let process = try ChildProcess(program: "storefront", arguments, log: folder.file("log"))
        let status = try await BlockingCall.run { process.end() }
        #expect(status == 1)
        #expect(process.lines.first?.contains(text) == true, "\(process.lines)")
    }
}
