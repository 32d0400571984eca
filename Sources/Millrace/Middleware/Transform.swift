/// Turns messages into others on their way to the handler, and outputs on their way from it: compression, encryption, a format.
///
/// What stands outside, `PoisonQueue` for example, sees the message as it came. An error of `decoding` goes outward and the
/// handler is not called; one that another attempt can't mend should be a ``MillraceError`` that is not retriable. An error of
/// `encoding` goes outward, and nothing is published.
///
/// `Transform.gzip()` of the module `MillraceCompression` is an example.
public struct Transform: Middleware {
    /// Makes one message of another. A changed copy keeps id, key and metadata:
    /// `Message(id: message.id, payload: bytes, key: message.key, metadata: message.metadata)`.
    public typealias Change = @Sendable (Message) throws -> Message

    private let label: String
    private let decoding: Change?
    private let encoding: Change?
    private let check: (@Sendable (_ subject: String) throws -> Void)?

    /// What descriptions and errors call it.
    public var name: String { label }

    /// A change of inputs, of outputs, or of both.
    ///
    /// - Parameters:
    ///   - name: What descriptions and errors call it. Defaults to `Transform`.
    ///   - decoding: Called with each message before the handler; nil leaves messages as they are.
    ///   - encoding: Called with each output, whatever its topic; nil leaves outputs as they are.
    public init(name: String = "Transform", decoding: Change? = nil, encoding: Change? = nil) {
        self.init(name: name, decoding: decoding, encoding: encoding, check: nil)
    }

    /// A change with parameters that have bounds. `check` gets whose they are, for the error that it throws.
    package init(
        name: String, decoding: Change?, encoding: Change?, check: (@Sendable (_ subject: String) throws -> Void)?
    ) {
        label = name
        self.decoding = decoding
        self.encoding = encoding
        self.check = check
    }

    /// Decodes the message, handles it, and encodes the outputs.
    public func handle(_ message: Message, _ context: HandlerContext, next: NextHandler) async throws -> Outputs {
        let decoded = try decoding?(message) ?? message
        var outputs = try await next(decoded, context)
        if let encoding { try outputs.update { output, _ in output = try encoding(output) } }
        return outputs
    }

    func validate(for handler: String) throws { try check?("handler '\(handler)': \(label)") }
}
