internal import Millrace

/// A line on standard error that says how far it is, if a person looks at it.
final class Progress: Sendable {
    private let isVisible: Bool
    private let shown = Lock<(line: String, at: ClockInstant)>(("", ClockInstant(nanoseconds: 0)))

    init(_ session: Session) { isVisible = session.showsProgress }

    /// Shows a line in place of the last one.
    func show(_ line: String) {
        guard isVisible else { return }
        shown.withLock { shown in
            write("\r" + line.padded(to: shown.line.count))
            shown = (line, SystemClock.shared.now)
        }
    }

    /// The same, at most five times a second.
    func showNowAndThen(_ line: @autoclosure () -> String) {
        guard isVisible else { return }
        let isDue = shown.withLock { $0.at.duration(to: SystemClock.shared.coarseNow) >= .milliseconds(200) }
        if isDue { show(line()) }
    }

    /// Takes the line away.
    func clear() {
        guard isVisible else { return }
        shown.withLock { shown in
            write("\r" + "".padded(to: shown.line.count) + "\r")
            shown.line = ""
        }
    }

    private func write(_ text: String) {
        let errors = Output(2)
        errors.append { $0 += text.utf8 }
        try? errors.flush()
    }
}
