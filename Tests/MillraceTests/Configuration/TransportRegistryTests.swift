import Millrace
import MillraceMemory
import Testing

@Suite("TransportRegistry") struct TransportRegistryTests {
    @Test("Connects to what a URL names")
    func connects() async throws {
        let transport = try await TransportRegistry(.memory).connect("memory:?capacity=2&overflow=refuse")
        #expect(transport.system == "memory")
        try await transport.prepare(topic: "t", group: "g")
        try await transport.publish([Message(text: "1"), Message(text: "2")], to: "t")
        await #expect(throws: MillraceError.self) { try await transport.publish(Message(text: "3"), to: "t") }
        await transport.close()
    }

    @Test("A scheme that it does not have is refused, with those that it has")
    func unknownScheme() async {
        let error = await #expect(throws: MillraceError.self) {
            _ = try await TransportRegistry(.memory).connect("memroy:?secret=geheim")
        }
        #expect(error?.code == .invalidOption)
        #expect(error?.message.contains("scheme is 'memroy'") == true)
        #expect(error?.message.contains("did you mean 'memory'? Known: memory") == true)
        #expect(error?.message.contains("geheim") == false)
    }

    @Test("Of two kinds with one scheme the last counts")
    func replaces() async throws {
        let mine = TransportFactory("mine", schemes: ["memory"]) { url, _ in
            throw MillraceError(.unsupported, "mine", isRetriable: false)
        }
        let registry = TransportRegistry(.memory, mine)
        #expect(registry.schemes == ["memory"])
        let error = await #expect(throws: MillraceError.self) { _ = try await registry.connect("memory:") }
        #expect(error?.message == "mine")
    }

    @Test("All options of a memory URL are read; help and URL agree about them")
    func memoryOptions() throws {
        let all =
            "memory:?capacity=7&overflow=drop-oldest&retention=9&dead-letters=.dead&publish-returns=when-acknowledged"
            + "&maximum-delayed=5"
        let expected = MemoryOptions(
            capacity: 7, overflow: .dropOldest, retention: .last(9), deadLetters: .topicSuffix(".dead"),
            publishReturns: .whenAcknowledged, maximumDelayed: 5)
        #expect(try MemoryOptions(url: TransportURL(all)) == expected)
        #expect(try MemoryOptions(url: TransportURL("memory:")) == MemoryOptions())
        #expect(try MemoryOptions(url: TransportURL("memory:?dead-letters=&retention=all")).deadLetters == .drop)
        for bad in ["capacity=0", "overflow=burst", "retention=0", "publish-returns=never", "maximum-delayed=0", "capcity=1"] {
            let error = #expect(throws: MillraceError.self) { _ = try MemoryOptions(url: TransportURL("memory:?\(bad)")) }
            #expect(error?.message.contains("it must be") == true)
        }
        for option in TransportFactory.memory.options {
            #expect(all.contains("\(option.name)="))
            #expect(TransportRegistry(.memory).help.contains(option.name))
            guard let value = option.defaultValue else { continue }
            #expect(try MemoryOptions(url: TransportURL("memory:?\(option.name)=\(value)")) == MemoryOptions())
        }
    }
}
