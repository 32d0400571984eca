import Foundation
import Millrace
import MillraceMemory
import MillraceTesting
import TestSupport
import Testing

@testable import MillraceTool

/// `millrace conform`.
@Suite struct ConformTests {
    private static func rows(_ result: ToolProcess.Result) throws -> [ConformRow] {
        let lines = result.output.split(separator: "\n")
        return try lines.map { try JSONDecoder().decode(ConformRow.self, from: Data($0.utf8)) }
    }

    /// All that ours is known to pass, and nothing that is skipped without need.
    @Test(arguments: ["memory:", "memory:?capacity=4", "memory:?publish-returns=when-acknowledged"])
    func memoryConforms(_ url: String) async throws {
        let result = try await ToolProcess.run("conform", url, "--tasks", "64", "--format", "json")
        let rows = try Self.rows(result)
        #expect(result.code == 0, "\(rows.filter { $0.outcome == .failed })")
        #expect(Set(rows.map(\.check)) == Set(ConformanceTest.all.map(\.name)))
        for row in rows where row.outcome == .skipped { #expect(row.reason?.isEmpty == false) }
        let waiting = try #require(rows.first { $0.check == "waitingPublisherTimeout" })
        #expect((waiting.outcome == .passed) == url.contains("when-acknowledged"), "\(waiting)")
        let filled = try #require(rows.first { $0.check == "publishTimeout" })
        #expect((filled.outcome == .passed) != url.contains("when-acknowledged"), "\(filled)")
        let onDemand = try #require(rows.first { $0.check == "cancelledMemberPassesOn" })
        #expect((onDemand.outcome == .passed) != url.contains("when-acknowledged"), "\(onDemand)")
        #expect(result.errors.contains(" passed, "))
    }

    /// A part of the suite on a file, as a table. What needs another transport on the same broker is not skipped.
    @Test func aFileConforms() async throws {
        let folder = try TemporaryFolder()
        let url = "sqlite:\(folder.file("conform.db"))"
        let result = try await ToolProcess.run(
            "conform", "--url", url, "--only", "totalOrder,continueAfterClose", "-o", "publisherWaits")
        #expect(result.code == 0, "\(result.output)\(result.errors)")
        let lines = result.output.lines
        #expect(lines[0].hasPrefix("sqlite at sqlite:"))
        #expect(lines[1] == "CHECK               RESULT   SECONDS  REASON")
        let checks = lines.dropFirst(2).dropLast(2)
        #expect(checks.contains { $0.hasPrefix("totalOrder          passed ") })
        #expect(checks.contains { $0.hasPrefix("continueAfterClose  passed ") })
        let skipped = try #require(checks.first { $0.hasPrefix("publisherWaits") })
        #expect(skipped.hasPrefix("publisherWaits      skipped ") && skipped.hasSuffix("  it does not declare: backPressure"))
        #expect(try #require(lines.dropLast().last).hasPrefix("2 passed, 1 skipped, 0 failed in "))
    }

    @Test func namesTheNearestCheck() async throws {
        let result = try await ToolProcess.run("conform", "memory:", "--only", "totalOrder,leasRunsOut")
        #expect(result.code == 2)
        #expect(
            result.errors.hasPrefix(
                "millrace conform: --only has 'leasRunsOut', and there is none of that name; did you mean 'leaseRunsOut'?\n"))
    }

    @Test func refusesTwoPlacesAndNoChecks() async throws {
        #expect(try await ToolProcess.run("conform", "memory:", "--url", "memory:").code == 2)
        #expect(try await ToolProcess.run("conform", "memory:", "--only", "totalOrder", "--skip", "totalOrder").code == 2)
    }

    @Test func listsWhatThereIs() async throws {
        let result = try await ToolProcess.run("conform", "--list")
        #expect(result.code == 0)
        #expect(result.output.lines.dropLast().count == ConformanceTest.all.count)
    }

    /// What breaks a rule fails its check, and no other. The topics of both go, with their dead letters.
    @Test func aBrokenTransportFails() async throws {
        let folder = try TemporaryFolder()
        _ = FileManager.default.createFile(atPath: folder.file("out"), contents: nil)
        let file = try #require(FileHandle(forWritingAtPath: folder.file("out")))
        let interruption = Interruption()
        let removed = Box<[String]>([])
        let factory = TransportFactory("forgetful", schemes: ["forgetful"]) { _, _ in ForgetfulTransport(removed) }
        let session = Session(
            output: Output(file.fileDescriptor), input: Input(0, interruption), interruption: interruption, environment: [:],
            showsProgress: false, registry: TransportRegistry(factory))
        let code = await Tool.run(["conform", "forgetful:", "--only", "totalOrder,rejectIsFinal"], session)
        let output = try String(contentsOfFile: folder.file("out"), encoding: .utf8)
        #expect(code == 1, "\(output)")
        let lines = output.lines
        let failed = try #require(lines.first { $0.hasPrefix("rejectIsFinal") })
        #expect(failed.hasPrefix("rejectIsFinal  failed "), "\(failed)")
        #expect(failed.contains("the other message: expected "), "\(failed)")
        #expect(lines.contains { $0.hasPrefix("totalOrder     passed ") }, "\(output)")
        #expect(lines.contains { $0.hasPrefix("1 passed, 0 skipped, 1 failed in ") }, "\(output)")
        let topics = Set(removed.value.filter { $0.contains("-topic-") })
        #expect(topics.count == 4 && topics.count { $0.hasSuffix(".dead-letter") } == 2, "\(topics)")
        #expect(removed.value.allSatisfy { $0.hasPrefix("millrace-conform-") })
    }
}

/// Memory, but what is rejected comes back.
private final class ForgetfulTransport: TransportAdministration {
    private let base = MemoryTransport(observers: Observers())
    private let removed: Box<[String]>

    init(_ removed: Box<[String]>) { self.removed = removed }

    func broker() async throws -> BrokerInfo { BrokerInfo(name: "Forgetful", version: "1") }
    func remove(topic: String) async throws { removed.update { $0.append(topic) } }

    var system: String { "forgetful" }
    var capabilities: Capabilities { base.capabilities }

    func prepare(topic: String, group: String?) async throws { try await base.prepare(topic: topic, group: group) }
    func publish(_ messages: [Message], to topic: String) async throws { try await base.publish(messages, to: topic) }
    func close() async { await base.close() }

    func subscribe(to topic: String, _ options: SubscriptionOptions) async throws -> any Subscription {
        ForgetfulSubscription(try await base.subscribe(to: topic, options))
    }
}

private final class ForgetfulSubscription: SubscriptionWrapper {
    let base: any Subscription

    init(_ base: any Subscription) { self.base = base }

    func settle(_ token: DeliveryToken, _ settlement: Settlement) {
        if case .reject = settlement { base.settle(token, .release) } else { base.settle(token, settlement) }
    }
}
