/// Numbers that somebody else states: a header, a broker, a file. They are bounded where they are read, so that what is reckoned with
/// them later can't overflow.
extension Int {
    /// A number of attempts, 0 to a billion. Nothing is tried more often.
    package init(attempts stated: some BinaryInteger) { self = stated.bounded(by: 1_000_000_000) }

    /// The same from text; nil for one that is no number.
    package init?(attempts text: some StringProtocol) {
        guard let number = Int(text) else { return nil }
        self.init(attempts: number)
    }

    /// A number of messages, 0 to 2^48.
    package init(messages stated: some BinaryInteger) { self = stated.bounded(by: 1 << 48) }
}

extension BinaryInteger {
    fileprivate func bounded(by limit: Int) -> Int { Swift.min(Swift.max(0, Int(clamping: self)), limit) }
}
