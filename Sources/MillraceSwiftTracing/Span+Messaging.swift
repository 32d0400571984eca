#if SwiftDistributedTracing
import Millrace
import Tracing

extension Span {
    /// Says what is known, if anybody will hear of it.
    func describe(_ attributes: @autoclosure () -> [(String, SpanValue)]) {
        guard isRecording else { return }
        let attributes = attributes()
        updateAttributes { known in
            for (name, value) in attributes { known.set(name, value: SpanAttribute(value)) }
        }
    }

    /// The handler has thrown.
    func fail(_ error: any Error) {
        recordError(error)
        setStatus(SpanStatus(code: .error, message: "\(error)"))
        describe([("error.type", .string(ErrorName.of(error)))])
    }
}

extension SpanAttribute {
    /// The value of the same kind.
    fileprivate init(_ value: SpanValue) {
        self =
            switch value {
            case .string(let text): .string(text)
            case .int(let number): .int(Int64(number))
            case .double(let number): .double(number)
            case .bool(let truth): .bool(truth)
            }
    }
}
#endif
