/// Something that holds at every moment of every simulation.
protocol Invariant: Sendable {
    /// What holds, as a short sentence.
    var name: String { get }
    /// What is wrong after an occurrence; nil if nothing is.
    func check(_ occurrence: Occurrence, _ facts: Chronicle) -> String?
    /// What is wrong when all is done; nil if nothing is.
    func conclude(_ facts: Chronicle) -> String?
}

extension Invariant {
    func check(_ occurrence: Occurrence, _ facts: Chronicle) -> String? { nil }
    func conclude(_ facts: Chronicle) -> String? { nil }
}

/// All of them. That nothing hangs, that no router fails, and that what is rejected becomes a dead letter, the simulation sees
/// by itself.
enum Invariants {
    static let all: [any Invariant] = [
        NothingIsLost(), OutputsFollowTheirHandler(), NoDuplicateWithoutFault(), KeysKeepTheirOrder(), TopicKeepsItsOrder(),
        PrefetchIsKept(), ConcurrencyIsKept(), AttemptsAreCounted(), PoisonIsDeserved(), SettledOnce(),
    ]
}
