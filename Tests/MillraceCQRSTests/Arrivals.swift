import Millrace
import MillraceTesting

/// Which messages of a numbered set have come to a topic, and in what order the first copies of each key did.
///
/// Message `n` has the text `n`, and a key that follows from it; each fifth has none.
struct Arrivals {
    static func key(of number: Int) -> String? { number % 5 == 4 ? nil : "key-\(number % 7)" }

    static func messages(_ numbers: Range<Int>) -> [Message] {
        numbers.map { Message(text: "\($0)", key: key(of: $0), metadata: ["number": "\($0)"]) }
    }

    private(set) var numbers: Set<Int> = []
    private(set) var copies = 0
    /// The first copies of each key, in the order in which they came.
    private(set) var firsts: [String: [Int]] = [:]

    /// Takes note of a message, and returns whether it is one of the set as it was.
    mutating func note(_ message: Message) -> Bool {
        guard let number = message.payload.text.flatMap({ Int($0) }), message.key == Self.key(of: number),
            message.metadata["number"] == "\(number)"
        else { return false }
        copies += 1
        guard numbers.insert(number).inserted else { return true }
        if let key = message.key { firsts[key, default: []].append(number) }
        return true
    }

    /// Keys whose first copies came in another order than that of their numbers.
    var disordered: [String] { firsts.filter { $0.value != $0.value.sorted() }.map(\.key) }
}

extension TopicProbe {
    /// Reads until so many messages of a numbered set have come, those that came before included.
    func arrivals(of count: Int, after earlier: Arrivals = Arrivals()) async throws -> Arrivals {
        var arrivals = earlier
        while arrivals.numbers.count < count {
            let message = try await next()
            guard arrivals.note(message) else {
                throw MillraceError(.invalidMessage, "\(message) is not what was sent: \(message.metadata)", isRetriable: false)
            }
        }
        return arrivals
    }
}
