/// Is told of what a registry counts and measures, as it happens: for a metrics system that keeps figures of its own.
///
/// Each method is called once for each series, when that is made, and returns what takes its updates. That is called on the path of
/// messages, from many threads at once: it must return quickly and not block.
///
/// A series is made under the registry's lock. None of the methods may ask the registry for anything.
public protocol MetricsForwarder: Sendable {
    /// What takes the amounts, each above 0, that a counter is raised by.
    func counter(_ name: String, labels: MetricLabels) -> @Sendable (_ amount: Int) -> Void

    /// What takes each new value of a gauge.
    func gauge(_ name: String, labels: MetricLabels) -> @Sendable (_ value: Double) -> Void

    /// What takes durations, in nanoseconds and at least 0, and how often each is to be recorded, at least once.
    func histogram(_ name: String, labels: MetricLabels) -> @Sendable (_ nanoseconds: Int64, _ count: Int) -> Void
}
