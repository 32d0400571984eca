/// What a chart shows, before it is drawn: horizontal bars in groups, each bar of a group from another series.
struct Chart {
    struct Bar {
        /// The number of its series.
        let series: Int
        /// Messages a second.
        let rate: BenchRow.Spread
        /// What the raw client has made in its place, if that is known.
        let limit: BenchRow.Spread?
        /// Everything about it in words.
        let description: String
    }

    struct Group {
        let name: String
        var bars: [Bar]
    }

    let title: String
    let caption: String
    /// Their names, in the order of the bars in a group.
    let series: [String]
    let groups: [Group]
    /// What stands below the bars.
    let notes: [String]

    var hasLimits: Bool { groups.contains { $0.bars.contains { $0.limit != nil } } }

    /// The highest of everything that is drawn.
    var highest: Double {
        groups.flatMap(\.bars).map { max($0.rate.highest, $0.limit?.median ?? 0) }.max() ?? 0
    }
}
