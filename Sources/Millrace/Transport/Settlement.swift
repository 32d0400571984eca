/// How a delivery ends.
public enum Settlement: Sendable, Hashable {
    /// Done: never comes back.
    case acknowledge
    /// Comes back after a delay, with its attempt counted. `.zero` means as soon as possible. Other keys go on meanwhile.
    case retry(after: Duration)
    /// Given up: goes to the transport's dead-letter destination, or is dropped if it has none.
    case reject(reason: String)
    /// Not begun, or interrupted: comes back at once, in its old place, and the attempt does not count.
    case release
}
