extension Error {
    /// Whether another attempt can't help, by what the error says of itself.
    var isFinal: Bool { self is Reject || (self as? MillraceError)?.isRetriable == false }

    /// Whether `matches` says yes to this error or to one behind it.
    func hasInChain(_ matches: (any Error) -> Bool) -> Bool {
        var current: (any Error)? = self
        while let error = current {
            if matches(error) { return true }
            current = (error as? MillraceError)?.underlying
        }
        return false
    }
}
