#if SwiftDistributedTracing
import Millrace
import Tracing

/// Reads contexts from metadata, and writes them there.
struct Propagation: Sendable {
    private let instrument: any Instrument

    init(_ instrument: any Instrument) { self.instrument = instrument }

    /// What a message carries; empty when it carries nothing that is known.
    func context(in metadata: Metadata) -> ServiceContext {
        var context = ServiceContext.topLevel
        // Many messages carry nothing at all.
        if !metadata.isEmpty { instrument.extract(metadata, into: &context, using: MetadataFields()) }
        return context
    }

    /// What a message carries that belongs to the context.
    func metadata(of context: ServiceContext) -> Metadata {
        var metadata = Metadata()
        inject(context, into: &metadata)
        return metadata
    }

    func inject(_ context: ServiceContext, into metadata: inout Metadata) {
        instrument.inject(context, into: &metadata, using: MetadataFields())
    }
}

/// The keys of a context are keys of the metadata.
private struct MetadataFields: Extractor, Injector {
    func extract(key: String, from metadata: Metadata) -> String? { metadata[key] }

    func inject(_ value: String, forKey key: String, into metadata: inout Metadata) { metadata[key] = value }
}

extension TraceContext {
    /// The span that metadata was written for, if that is in the form of W3C Trace Context.
    init?(of metadata: Metadata) {
        guard
            let context = TraceContext(
                traceParent: metadata[MetadataKey.traceParent], state: metadata[MetadataKey.traceState])
        else { return nil }
        // It is a span of this process, unlike what comes with a message.
        self.init(traceID: context.traceID, spanID: context.spanID, flags: context.flags, state: context.state)
    }
}
#endif
