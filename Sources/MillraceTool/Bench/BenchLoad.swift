internal import Millrace

/// How much a run sends, and how.
struct BenchLoad: Sendable {
    /// Messages in a run.
    var count: Int
    /// Bytes of a payload; at least ``BenchMessage/minimumSize``.
    var size: Int
    /// Tasks that publish.
    var tasks: Int
    /// Messages in a call, where they are published in batches.
    var batch: Int
    /// Messages a second, where latency is measured.
    var rate: Int
    /// The longest that latency is measured for, in seconds.
    var seconds: Int
    /// Whether each task's messages have a key.
    var hasKeys: Bool

    /// How many of the messages a task sends.
    func share(of task: Int) -> Int { count / tasks + (task < count % tasks ? 1 : 0) }

    /// Where latency is measured: as many as the rate gives in that time.
    var paced: BenchLoad {
        var load = self
        load.count = min(count, rate * seconds)
        load.tasks = 1
        return load
    }
}
