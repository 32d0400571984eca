internal import Millrace

/// Makes messages of lines.
struct LineParser: Sendable {
    let isJSON: Bool
    /// What stands between key and payload; nil when lines have no key.
    let separator: [UInt8]?
    let defaults: MessageDefaults

    /// The messages of the lines that `bytes` complete, or of what is left at the end when there are none; and what is wrong with
    /// the line behind them.
    func messages(
        _ bytes: [UInt8]?, _ splitter: inout LineSplitter, _ source: String
    ) -> (messages: [Message], failure: MillraceError?) {
        var messages: [Message] = []
        do {
            let take = { (line: UnsafeRawBufferPointer, number: Int) throws in
                do {
                    // An empty line between objects is nothing.
                    if isJSON, line.allSatisfy({ $0 == 0x20 || $0 == 0x0D }) { return }
                    messages.append(try message(line))
                } catch let error as MillraceError {
                    throw MillraceError(.invalidMessage, "\(source):\(number): \(error.message)", isRetriable: false)
                }
            }
            if let bytes { try splitter.take(bytes, take) } else { try splitter.finish(take) }
            return (messages, nil)
        } catch {
            return (
                messages, error as? MillraceError ?? MillraceError(.invalidMessage, "\(source): \(error)", isRetriable: false)
            )
        }
    }

    private func message(_ line: UnsafeRawBufferPointer) throws -> Message {
        if isJSON { return try MessageLine.message(line, defaults) }
        guard let separator else { return Message(copying: line, key: defaults.key, metadata: defaults.metadata) }
        guard let start = line.indices.first(where: { line[$0...].starts(with: separator) }) else {
            throw MillraceError(.invalidMessage, "there is no separator of key and payload in it", isRetriable: false)
        }
        guard let key = String(validating: line[..<start], as: UTF8.self) else {
            throw MillraceError(.invalidMessage, "its key is not UTF-8", isRetriable: false)
        }
        return Message(
            copying: UnsafeRawBufferPointer(rebasing: line[(start + separator.count)...]), key: key, metadata: defaults.metadata)
    }
}
