public import Millrace

extension TransportURL {
    /// Refuses what nobody has taken out, and then what the options that were read are refused for.
    ///
    /// - Parameter validate: Checks the options. When the URL may hold a secret where none is looked for, its error is replaced by one
    ///   that shows no part.
    /// - Throws: What `finish()` throws, and what `validate` does.
    public func finish(checking validate: () throws -> Void) throws {
        try finish()
        do {
            try validate()
        } catch _ where mayHoldSecrets {
            throw invalid("url", "not shown", "a URL")
        }
    }
}
