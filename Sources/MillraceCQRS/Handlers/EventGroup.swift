import Millrace

/// The handlers of an event group.
struct EventGroup: Sendable {
    /// What there is for one type of event.
    private struct Slot {
        let type: any DomainEvent.Type
        let reader: AnyReader
        var steps: [OnEvent]
    }

    let types: [any TypedMessage.Type]
    private var slots: [Slot] = []
    private var places: [String: Int] = [:]
    private let names: [String]
    private let cqrs: CQRS
    private let progress: GroupProgress

    init(_ handlers: [OnEvent], _ cqrs: CQRS, _ progress: GroupProgress) {
        self.cqrs = cqrs
        self.progress = progress
        names = handlers.map(\.name)
        for handler in handlers {
            if let index = slots.firstIndex(where: { $0.type == handler.type }) {
                slots[index].steps.append(handler)
                continue
            }
            for name in [handler.type.messageName] + handler.type.formerNames { places[name] = slots.count }
            slots.append(Slot(type: handler.type, reader: handler.reader(cqrs.options.codecs), steps: [handler]))
        }
        types = slots.map(\.type)
    }

    /// Throws a `MillraceError` of code `invalidOption` or `duplicateHandler`.
    func validate(_ group: String) throws {
        guard !names.isEmpty else {
            throw MillraceError.invalidOption("handlers", 0, bound: "at least 1", of: "event group '\(group)'")
        }
        var seen: Set<String> = []
        for name in names where !seen.insert(name).inserted {
            throw MillraceError(
                .duplicateHandler,
                "event group '\(group)' has two handlers '\(name)'; tell them apart with 'named:'", isRetriable: false)
        }
        for slot in slots { try slot.reader.check() }
    }

    func handle(_ message: Message, _ context: HandlerContext) async throws -> Outputs {
        let name = message.metadata[MetadataKey.messageName]
        guard let name, let place = places[name] else {
            let wanted = places.keys.sorted().map { "'\($0)'" }.joined(separator: ", ")
            try await cqrs.passOver(message, name, context, wanted: wanted)
            return Outputs()
        }
        guard let event = try await cqrs.read(message, context, with: slots[place].reader) else { return Outputs() }
        return try await run(slots[place].steps, event, message, context)
    }

    private func run(
        _ steps: [OnEvent], _ event: any TypedMessage, _ message: Message, _ context: HandlerContext
    ) async throws -> Outputs {
        var pass = progress.pass(message, context)
        var outputs = Outputs()
        do {
            for step in steps {
                guard try await pass.begin(step.name, context) else { continue }
                let stepContext = CQRSContext(message, context, cqrs)
                try await step.call(event, stepContext, cqrs)
                pass.end(step.name)
                try await stepContext.publishDelayed()
                let made = stepContext.finish()
                if !made.isEmpty { outputs = outputs.isEmpty ? made : outputs + made }
            }
        } catch {
            await pass.stop(publishing: outputs, on: context.publisher ?? cqrs.publisher, context)
            throw error
        }
        pass.complete(context)
        return outputs
    }
}
