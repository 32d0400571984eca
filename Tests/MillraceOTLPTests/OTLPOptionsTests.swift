import Millrace
import Testing

@testable import MillraceOTLP

@Suite struct OTLPOptionsTests {
    @Test("The environment's variables are read, those for traces before the general ones")
    func environment() throws {
        let options = try OTLPOptions(environment: [
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://general:4318/", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "250",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "1", "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b%3D, x = y=z",
            "OTEL_RESOURCE_ATTRIBUTES": "service.name=old,deployment.environment.name=test%2C1", "OTEL_SERVICE_NAME": "shop",
            "OTEL_BSP_SCHEDULE_DELAY": "10", "OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "50",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        ])
        #expect(options.endpoint == "http://general:4318/v1/traces")
        #expect(options.timeout == .milliseconds(250))
        #expect(options.headers == ["api-key": "a b=", "x": "y=z"])
        #expect(options.resource == ["service.name": "shop", "deployment.environment.name": "test,1"])
        #expect(options.delay == .milliseconds(10))
        #expect(options.queueSize == 100)
        #expect(options.batchSize == 50)
    }

    @Test("An address for traces is taken as it is; empty variables are none")
    func endpoints() throws {
        let options = try OTLPOptions(environment: [
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://traces/x", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://general",
            "OTEL_BSP_MAX_QUEUE_SIZE": "",
        ])
        #expect(options.endpoint == "https://traces/x")
        #expect(options.queueSize == 2_048)
        let bare = try OTLPOptions(environment: [:])
        #expect(bare.endpoint == "http://localhost:4318/v1/traces")
        #expect(bare.completeResource.map(\.0) == ["service.name"])
    }

    @Test(
        "Variables that can't be right are named",
        arguments: [
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"), ("OTEL_BSP_SCHEDULE_DELAY", "0"), ("OTEL_BSP_MAX_QUEUE_SIZE", "-1"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "no-value"), ("OTEL_RESOURCE_ATTRIBUTES", "a=%ZZ"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "99999999999999999999"),
        ])
    func invalidVariables(_ name: String, _ value: String) {
        expectInvalid(name) { _ = try OTLPOptions(environment: [name: value]) }
    }

    @Test(
        "Options out of their bounds are named",
        arguments: [
            (OTLPOptions(batchSize: 0), "batchSize is 0"), (OTLPOptions(queueSize: 100), "queueSize is 100"),
            (OTLPOptions(delay: .zero), "delay"), (OTLPOptions(timeout: .zero), "timeout"),
            (OTLPOptions(endpoint: "localhost:4318"), "endpoint is \"localhost:4318\""), (OTLPOptions(endpoint: ""), "endpoint"),
            (OTLPOptions(endpoint: "http://"), "endpoint"), (OTLPOptions(headers: ["a": "b\r\nc"]), "headers is \"a\""),
            (OTLPOptions(headers: ["a b": "c"]), "headers"), (OTLPOptions(retry: .constant()), "retry.first"),
            (OTLPOptions(giveUpAfter: .seconds(-1)), "giveUpAfter"),
        ])
    func invalidOptions(_ options: OTLPOptions, _ text: String) {
        expectInvalid(text) { _ = try OTLPExporter(options) }
    }

    private func expectInvalid(_ text: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void) {
        do {
            try body()
            Issue.record("nothing was thrown", sourceLocation: sourceLocation)
        } catch let error as MillraceError {
            #expect(error.code == .invalidOption, sourceLocation: sourceLocation)
            #expect(error.message.contains(text), "\(error.message)", sourceLocation: sourceLocation)
        } catch {
            Issue.record(error, sourceLocation: sourceLocation)
        }
    }
}
