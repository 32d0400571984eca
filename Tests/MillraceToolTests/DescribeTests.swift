import Foundation
import Millrace
import MillraceMemory
import Testing

@testable import MillraceRedis
@testable import MillraceTool

@Suite struct DescribeTests {
    private func describe(_ json: String, _ words: String..., environment: [String: String] = [:]) async throws
        -> ToolProcess.Result
    {
        let folder = try TemporaryFolder()
        try json.write(toFile: folder.file("service.json"), atomically: true, encoding: .utf8)
        return try await ToolProcess(
            ToolProcess.tool, ["describe", folder.file("service.json")] + words, environment: environment
        ).end()
    }

    private let service = """
        {
            "transports": { "main": "redis://127.0.0.1:6379?password-env=SECRET", "local": "memory:" },
            "defaults": { "transport": "main" },
            "handlers": {
                "audit": { "topic": "invoices", "concurrency": 8, "middleware": { "retry": { "attempts": 3 } } },
                "bill": { "transport": "local", "to": "invoices", "group": null }
            }
        }
        """

    @Test func printsAConfiguration() async throws {
        let result = try await describe(service, environment: ["SECRET": "x", "MILLRACE_HANDLERS__AUDIT__CONCURRENCY": "9"])
        #expect(result.code == 0, "\(result.errors)")
        #expect(
            result.output == """
                main = redis://127.0.0.1:6379?password-env=SECRET (default)
                local = memory:
                invoices -> audit  (main, group audit, concurrency 9, retry)
                (code) -> bill -> invoices  (local, no group, concurrency 1)

                """)
        let chart = try await describe(service, "--format", "mermaid")
        #expect(chart.output.hasPrefix("flowchart LR\n    t0([\"invoices\"])\n    h0[\"audit\"]\n"))
    }

    @Test func printsWhatARouterDescribes() async throws {
        let router = Router { Retry(attempts: 2) }
        try router.consume("print", from: "orders", on: MemoryTransport()) { _, _ in }
        let topology = router.describe()
        let result = try await describe(topology.json())
        #expect(result.output == topology.text + "\n")
        #expect(try await describe(topology.json(), "-f", "mermaid").output == topology.mermaid + "\n")
    }

    @Test func namesTheFaultOfAFile() async throws {
        let result = try await describe(#"{"handlers":{"a":{"concurency":1}}}"#)
        #expect(result.code == 1)
        #expect(result.errors.hasPrefix("millrace describe: "))
        #expect(result.errors.contains("service.json: handlers.a.concurency: unknown key; did you mean 'concurrency'?"))
    }

    @Test func readsWhatServersSayOfThemselves() {
        #expect(
            RedisTransport.broker("# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n")
                == BrokerInfo(name: "Redis", version: "7.0.15"))
        #expect(
            RedisTransport.broker("# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\n")
                == BrokerInfo(name: "Valkey", version: "8.0.1"))
        #expect(RedisTransport.broker("") == BrokerInfo(name: "Redis", version: "unknown"))
    }
}
