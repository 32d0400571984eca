import Foundation
import Testing

/// A reader, and what has to hold for what it accepts.
struct FuzzTarget: Sendable, CustomTestStringConvertible {
    let name: String
    /// How many times as long a round takes as one of the light targets; it has so many times fewer of them.
    let weight: Int
    private let check: @Sendable ([UInt8]) -> String?

    var testDescription: String { name }

    init(_ name: String, weight: Int = 1, check: @escaping @Sendable ([UInt8]) -> String?) {
        self.name = name
        self.weight = weight
        self.check = check
    }

    func complaint(about input: [UInt8]) -> String? { check(input) }

    /// The files of the target's folder, in the order of their names.
    func corpus() throws -> [[UInt8]] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Corpus/\(name)")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        return try files.sorted { $0.path < $1.path }.map { Array(try Data(contentsOf: $0)) }
    }

    static func text(
        _ name: String, weight: Int = 1, _ check: @escaping @Sendable (String) -> String?
    ) -> FuzzTarget {
        FuzzTarget(name, weight: weight) { check(String(decoding: $0, as: UTF8.self)) }
    }

    static let all = texts + binaries + headers + records
}
