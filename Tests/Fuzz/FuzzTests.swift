import Foundation
import Testing

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
        for round in 0..<Self.rounds / target.weight {
            let input = mutator.mutate(corpus)
            if let complaint = target.complaint(about: input) {
                Issue.record("\(target.name), round \(round): \(complaint): \(input)")
                return
            }
        }
    }
}
