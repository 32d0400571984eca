import Millrace

/// Changes inputs at random, the same way for the same seed.
struct Mutator {
    private static let tokens = [
        "{", "}", "[", "]", "\"", "\\u", "%", "://", "-", "=", "&", "\u{0}", "9", "e", ".", "\n", "\r\n", ":", ",",
    ].map { Array($0.utf8) }
    private let random: RandomSource

    init(seed: UInt64) { random = RandomSource(seed: seed) }

    private func below(_ limit: Int) -> Int { Int(random.next() % UInt64(max(1, limit))) }

    mutating func mutate(_ corpus: [[UInt8]]) -> [UInt8] {
        var bytes = corpus[below(corpus.count)]
        for _ in 0...below(4) {
            let place = below(bytes.count + 1)
            switch below(6) {
            case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8(below(8))
            case 1 where place < bytes.count: bytes.remove(at: place)
            case 2: bytes.removeLast(bytes.count - place)
            case 3: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
            case 4: bytes.insert(contentsOf: Self.tokens[below(Self.tokens.count)], at: place)
            default: bytes.insert(contentsOf: corpus[below(corpus.count)].prefix(place), at: place)
            }
        }
        return Array(bytes.prefix(4_096))
    }
}
