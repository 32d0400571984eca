/// What is connected to what: the handlers of a router as data.
public struct Topology: Sendable, Codable, Hashable {
    /// A handler.
    public struct Handler: Sendable, Codable, Hashable {
        /// Its name.
        public let name: String
        /// The topic that it reads.
        public let topic: String
        /// The kind of transport that it reads from.
        public let transport: String
        /// Its consumer group; nil for none.
        public let group: String?
        /// The topic that its outputs go to; nil for a consumer.
        public let output: String?
        /// How many messages it handles at once.
        public let concurrency: Int
        /// The order that it keeps.
        public let ordered: Ordering
        /// Whether it gets many messages at a time.
        public let isBatch: Bool
        /// The names of its middleware, the outermost first.
        public let middleware: [String]

        init(_ definition: HandlerDefinition, middleware: [any Middleware]) {
            name = definition.name
            topic = definition.topic
            transport = definition.system
            group = definition.group
            output = definition.output?.topic
            concurrency = definition.options.concurrency
            ordered = definition.options.ordered
            isBatch = definition.isBatch
            let layers = middleware + definition.options.middleware
            // What can't stand around it has been refused.
            self.middleware = ((try? definition.standing(layers)) ?? layers).map(\.name)
        }

        init(
            name: String, topic: String, transport: String, group: String?, output: String?, options: HandlerOptions,
            middleware: [String]
        ) {
            self.name = name
            self.topic = topic
            self.transport = transport
            self.group = group
            self.output = output
            concurrency = options.concurrency
            ordered = options.ordered
            isBatch = false
            self.middleware = middleware
        }
    }

    /// The handlers, in the order of registration.
    public let handlers: [Handler]

    /// The topology of some handlers.
    public init(handlers: [Handler]) { self.handlers = handlers }

    /// One line for each handler.
    public var text: String {
        handlers.map { handler in
            let group = handler.group.map { "group \($0)" } ?? "no group"
            let arrow = handler.output.map { " -> \($0)" } ?? ""
            let chain = handler.middleware.isEmpty ? "" : ", " + handler.middleware.joined(separator: " > ")
            let order = handler.ordered == .byKey ? ", by key" : ""
            return "\(handler.topic) -> \(handler.name)\(arrow)  "
                + "(\(handler.transport), \(group), concurrency \(handler.concurrency)\(order)\(chain))"
        }.joined(separator: "\n")
    }

    /// A JSON object with the handlers.
    public func json() throws -> String { String(decoding: try JSONPayload.encode(self), as: UTF8.self) }

    /// A flow chart in the language of Mermaid: topics are rounded, handlers are boxes.
    public var mermaid: String {
        var ids: [String: String] = [:]
        var lines = ["flowchart LR"]
        func topic(_ name: String) -> String {
            if let id = ids[name] { return id }
            let id = "t\(ids.count)"
            ids[name] = id
            lines.append("    \(id)([\(Self.quoted(name))])")
            return id
        }
        for (index, handler) in handlers.enumerated() {
            let input = topic(handler.topic)
            let output = handler.output.map(topic)
            lines.append("    h\(index)[\(Self.quoted(handler.name))]")
            lines.append("    \(input) --> h\(index)")
            if let output { lines.append("    h\(index) --> \(output)") }
        }
        return lines.joined(separator: "\n")
    }

    /// Text as Mermaid takes it: in quotes, with quotes inside as entities.
    private static func quoted(_ text: String) -> String {
        "\"" + text.map { $0 == "\"" ? "#quot;" : String($0) }.joined() + "\""
    }
}
