/// What a `FailurePolicy` does about one kind of error.
///
/// Several actions are taken in turn: the next one when the attempts of the one before are used up. When all are used up, the
/// error goes on outward.
public struct FailureRule: Sendable {
    /// What a configuration calls it; nil for a rule that has no name.
    var label: String?
    let matches: @Sendable (any Error) -> Bool
    var actions: [FailureAction]

    /// For errors of a type, also where they stand behind a ``MillraceError``.
    public static func on<Failure: Error>(_ type: Failure.Type, _ actions: FailureAction...) -> FailureRule {
        FailureRule(label: "\(type)", matches: { error in error.hasInChain { $0 is Failure } }, actions: actions)
    }

    /// For errors that `predicate` says yes to.
    public static func when(
        _ predicate: @escaping @Sendable (any Error) -> Bool, _ actions: FailureAction...
    ) -> FailureRule { FailureRule(matches: predicate, actions: actions) }

    /// For errors that say that another attempt can't help: ``Reject``, and a ``MillraceError`` that is not retriable.
    public static func notRetriable(_ actions: FailureAction...) -> FailureRule {
        FailureRule(label: "not-retriable", matches: { $0.isFinal }, actions: actions)
    }

    /// For all errors. Put it last.
    public static func otherwise(_ actions: FailureAction...) -> FailureRule {
        FailureRule(label: "otherwise", matches: { _ in true }, actions: actions)
    }
}
