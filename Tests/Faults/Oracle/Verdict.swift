/// What the oracle says of a cell.
struct Verdict: Codable, Equatable {
    /// A group's side of it.
    struct Group: Codable, Equatable {
        /// Different messages that were handled.
        var handled = 0
        /// Accepted messages that were not handled.
        var lost = 0
        /// Times that a message was handled again, because of a fault.
        var explainedDuplicates = 0
        /// Times that a message was handled again, and no fault says why.
        var unexplainedDuplicates = 0
        /// Messages that came for the first time after a later one of their key, because of a fault.
        var explainedInversions = 0
        /// The same, and no fault says why.
        var unexplainedInversions = 0
        /// Times that two messages of a key were in work at once, and no fault says why.
        var overlaps = 0
        /// Deliveries of what the producer has not made.
        var foreign = 0
    }

    var accepted = 0
    /// Messages of which nobody knows whether they were accepted: in flight when the producer was killed.
    var unknown = 0
    /// Handled messages that nobody has published, or that were changed on their way.
    var phantoms = 0
    var groups: [String: Group] = [:]
    /// From the end of a fault, or the death of a process, until all that had been accepted by then was handled by all groups: the
    /// longest of the cell, in milliseconds. Nil without faults.
    var recoveryMilliseconds: Int?
    /// What is wrong, one line each, with examples. Empty for a cell that has passed.
    var complaints: [String] = []

    var hasPassed: Bool { complaints.isEmpty }
}
