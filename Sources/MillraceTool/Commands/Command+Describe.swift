import Foundation
internal import Millrace

extension Command {
    private enum Options {
        static let file = Positional("FILE", 1...1, .file, help: "A configuration file, or what Router.describe() gives as JSON")
        static let format = Option(
            "format", "f", value: "FORMAT", .oneOf(["text", "json", "mermaid"]), fallback: "text", help: "How to print it")
    }

    /// What a file says of a service.
    private struct Description: Encodable {
        struct Transport: Encodable {
            let name: String
            /// Without secrets.
            let url: String
            let isDefault: Bool
        }

        let transports: [Transport]
        let handlers: [Topology.Handler]
    }

    /// Prints what is connected to what.
    static let describe = Command(
        "describe", "Prints what is connected to what in a service, from its configuration file",
        discussion: """
            A configuration file names the transports, and handlers with the settings that differ from the code; what it leaves \
            to the code is shown as \(Configuration.leftToCode). The whole picture is what the service's Router.describe() gives, \
            which can be given here too. Nothing is connected to. Variables of the environment that replace settings count.
            """, [Options.file], [Options.format],
        examples: ["millrace describe service.json", "millrace describe service.json --format mermaid >service.mmd"]
    ) { arguments, session in
        let description = try description(arguments.word(Options.file), session)
        let topology = Topology(handlers: description.handlers)
        switch arguments.text(Options.format) {
        case "json":
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            session.output.print(String(decoding: try encoder.encode(description), as: UTF8.self))
        case "mermaid": session.output.print(topology.mermaid)
        default:
            for transport in description.transports {
                session.output.print("\(transport.name) = \(transport.url)\(transport.isDefault ? " (default)" : "")")
            }
            if !topology.handlers.isEmpty { session.output.print(topology.text) }
        }
        return ExitCode.success
    }

    private static func description(_ path: String, _ session: Session) throws -> Description {
        if let data = FileManager.default.contents(atPath: path),
            let topology = try? JSONDecoder().decode(Topology.self, from: data)
        {
            return Description(transports: [], handlers: topology.handlers)
        }
        let configuration = try Configuration(file: path, environment: session.environment)
        let transports = try configuration.transportNames.map { name in
            Description.Transport(
                name: name, url: "\(try configuration.transport(name))", isDefault: name == configuration.defaultTransportName)
        }
        return Description(transports: transports, handlers: try configuration.topology().handlers)
    }
}
