import Foundation
import Testing

@testable import Millrace
@testable import MillraceRedis
@testable import MillraceSQLite

/// Readers of foreign bytes, given each file of the corpus and seeded mutations of it: nothing traps, and what is accepted keeps
/// its meaning when it is written and read again.
@Suite struct FuzzTests {
    /// For each target; by `MILLRACE_FUZZ_ROUNDS` and `MILLRACE_FUZZ_SEED` more, and others.
    private static let rounds = setting("MILLRACE_FUZZ_ROUNDS") ?? 100_000
    private static let seed = setting("MILLRACE_FUZZ_SEED") ?? 1

    private static func setting(_ name: String) -> Int? { ProcessInfo.processInfo.environment[name].flatMap { Int($0) } }

    @Test(arguments: FuzzTarget.all) func survives(_ target: FuzzTarget) throws {
        let corpus = try target.corpus()
        try #require(!corpus.isEmpty)
        for input in corpus { #expect(target.complaint(about: input) == nil, "\(target.name): \(input)") }
        var mutator = Mutator(seed: UInt64(max(0, Self.seed)))
        for round in 0..<Self.rounds {
            let input = mutator.mutate(corpus)
            if let complaint = target.complaint(about: input) {
                Issue.record("\(target.name), round \(round): \(complaint): \(input)")
                return
            }
        }
    }
}

/// A reader, and what has to hold for what it accepts.
struct FuzzTarget: Sendable, CustomTestStringConvertible {
    let name: String
    private let check: @Sendable ([UInt8]) -> String?

    var testDescription: String { name }

    func complaint(about input: [UInt8]) -> String? { check(input) }

    /// The files of the target's folder, in the order of their names.
    func corpus() throws -> [[UInt8]] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Corpus/\(name)")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        return try files.sorted { $0.path < $1.path }.map { Array(try Data(contentsOf: $0)) }
    }

    private static func text(_ name: String, _ check: @escaping @Sendable (String) -> String?) -> FuzzTarget {
        FuzzTarget(name: name) { check(String(decoding: $0, as: UTF8.self)) }
    }

    static let all: [FuzzTarget] = [
        text("json") { text in
            _ = try? JSONReader.read(text, source: "fuzz")
            return nil
        },
        text("url") { text in
            guard let url = try? TransportURL(text, environment: [:]) else { return nil }
            return "\(url)".hasPrefix(url.scheme) ? nil : "the description hides the scheme"
        },
        text("duration") { text in
            guard let duration = DurationText.parse(text) else { return nil }
            return DurationText.parse(DurationText.text(of: duration)) == duration ? nil : "\(duration) does not come back"
        },
        text("percent") { text in
            guard let decoded = PercentEncoding.decode(text[...]) else { return nil }
            return decoded.utf8.count <= text.utf8.count ? nil : "it grows"
        },
        text("traceparent") { text in
            guard let trace = TraceContext(traceParent: text, state: nil) else { return nil }
            return TraceContext(traceParent: trace.traceParent, state: nil) == trace ? nil : "it does not come back"
        },
        text("position") { text in
            guard let position = Position(text) else { return nil }
            return Position(position.description) == position ? nil : "it does not come back"
        },
        text("uuid") { text in
            guard let (high, low) = UUIDText.parse(text) else { return nil }
            return UUIDText.format(high, low).lowercased() == text.lowercased() ? nil : "it does not come back"
        },
        FuzzTarget(name: "messagepack") { bytes in
            bytes.withUnsafeBytes { bytes in
                var reader = MessagePackReader(bytes)
                guard let count = try? reader.mapCount() else { return nil }
                for _ in 0..<count {
                    guard (try? reader.text()) != nil, (try? reader.text()) != nil else { return nil }
                }
                return count <= bytes.count ? nil : "a map of \(count) pairs in \(bytes.count) bytes"
            }
        },
        FuzzTarget(name: "sqlite-metadata") { bytes in
            guard let metadata = bytes.withUnsafeBytes({ MetadataText.read($0) }) else { return nil }
            var buffer = RowBuffer()
            MetadataText.write(metadata, into: &buffer)
            return MetadataText.read(buffer.bytes(from: 0)) == metadata ? nil : "it does not come back"
        },
    ]
}

/// Changes inputs at random, the same way for the same seed.
struct Mutator {
    private static let tokens = [
        "{", "}", "[", "]", "\"", "\\u", "%", "://", "-", "=", "&", "\u{0}", "9", "e", ".",
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
