/// Judges what the workers of a cell have claimed by what was done to them.
///
/// It is strict: what was accepted must have been handled by every group; a second handling, and a message behind a later one of its
/// key, need a fault that explains them.
struct Oracle {
    /// In whose hands the transport keeps the order of a key.
    enum OrderScope: String {
        /// Across all members of a group.
        case group
        /// Among the deliveries of each member by itself.
        case member
    }

    let scope: OrderScope
    let groups: [String]
    let windows: [FaultWindow]
    /// How many foreign messages each group has to have been given.
    var foreign = 0
    /// How long it may take until all is handled that waited for the end of a fault.
    var recoveryLimit = Duration.seconds(3_600)

    func judge(_ history: History) -> Verdict {
        var verdict = Verdict()
        verdict.accepted = history.accepted.count
        verdict.unknown = history.attempted.subtracting(history.accepted.keys).count
        let phantoms = history.handled.values.reduce(into: Set()) { $0.formUnion($1) }.subtracting(history.attempted)
        verdict.phantoms = phantoms.count
        complain(&verdict, "messages that nobody has published were handled", phantoms.sorted().map(\.description))
        complain(&verdict, "lines of logs can't be read", history.unreadable)
        if history.accepted.isEmpty { verdict.complaints.append("nothing was accepted") }
        for name in groups { judge(name, history, &verdict) }
        if !windows.isEmpty {
            let recovery = recovery(history)
            verdict.recoveryMilliseconds = recovery
            if recovery > recoveryLimit.wholeMilliseconds {
                verdict.complaints.append("recovery took \(recovery) ms, and may take \(recoveryLimit.wholeMilliseconds)")
            }
        }
        return verdict
    }

    private func judge(_ name: String, _ history: History, _ verdict: inout Verdict) {
        var group = Verdict.Group()
        let handled = history.handled[name] ?? []
        group.handled = handled.count
        let lost = history.accepted.keys.filter { !handled.contains($0) }.sorted()
        group.lost = lost.count
        complain(&verdict, "\(name): accepted messages were lost", lost.map(\.description))
        let handlings = history.handlings.filter { $0.group == name }.sorted { ($0.start, $0.end) < ($1.start, $1.end) }
        findDuplicates(handlings, history, &group, &verdict, name)
        findInversions(handlings, history, &group, &verdict, name)
        findOverlaps(handlings, &group, &verdict, name)
        group.foreign = history.foreign[name] ?? 0
        if group.foreign < foreign {
            verdict.complaints.append("\(name): \(foreign) foreign messages were published, \(group.foreign) were delivered")
        }
        verdict.groups[name] = group
    }

    // MARK: Duplicates

    private func findDuplicates(
        _ handlings: [Handling], _ history: History, _ group: inout Verdict.Group, _ verdict: inout Verdict, _ name: String
    ) {
        var earlier: [RecordID: [Handling]] = [:]
        var unexplained: [String] = []
        for handling in handlings {
            let before = earlier[handling.record] ?? []
            earlier[handling.record] = before + [handling]
            guard !before.isEmpty else { continue }
            if history.republished.contains(handling.record) || before.contains(where: mayBeUnacknowledged) || isStale(handling) {
                group.explainedDuplicates += 1
            } else {
                unexplained.append(describe(handling) + ", after " + before.map(describe).joined(separator: " and "))
            }
        }
        group.unexplainedDuplicates = unexplained.count
        complain(&verdict, "\(name): messages were handled again, and no fault explains it", unexplained)
    }

    private func mayBeUnacknowledged(_ handling: Handling) -> Bool { windows.contains { $0.disturbs(handling) } }

    private func isStale(_ handling: Handling) -> Bool { windows.contains { $0.makesStale(handling) } }

    // MARK: Order

    /// Among handlings that are to be in order: those of a key, for a member or a whole group.
    private struct Lane: Hashable {
        let key: Int
        let member: String?
    }

    private func lane(of handling: Handling) -> Lane {
        Lane(key: handling.record.key, member: scope == .member ? handling.member : nil)
    }

    /// Whether what came behind a later one may have been in the hands of a member that a fault took it from. Where a transport keeps
    /// the order across members, no fault is an excuse.
    private func isExcused(_ handling: Handling) -> Bool {
        scope == .member && windows.contains { $0.explains.contains(.disorder) && $0.isUnderWay(handling.start) }
    }

    private func findInversions(
        _ handlings: [Handling], _ history: History, _ group: inout Verdict.Group, _ verdict: inout Verdict, _ name: String
    ) {
        var latest: [Lane: Handling] = [:]
        var seen: Set<RecordID> = []
        var unexplained: [String] = []
        for handling in handlings where seen.insert(handling.record).inserted {
            let lane = lane(of: handling)
            guard let later = latest[lane], handling.record < later.record else {
                latest[lane] = handling
                continue
            }
            if history.republished.contains(handling.record) || isExcused(handling) {
                group.explainedInversions += 1
            } else {
                unexplained.append("\(describe(handling)), after \(describe(later))")
            }
        }
        group.unexplainedInversions = unexplained.count
        complain(&verdict, "\(name): messages came behind later ones of their key, and no fault explains it", unexplained)
    }

    private func findOverlaps(
        _ handlings: [Handling], _ group: inout Verdict.Group, _ verdict: inout Verdict, _ name: String
    ) {
        var latest: [Lane: Handling] = [:]
        var found: [String] = []
        for handling in handlings {
            let lane = lane(of: handling)
            if let before = latest[lane], handling.start < before.end,
                !(mayBeUnacknowledged(before) || isStale(handling) || isExcused(handling))
            {
                found.append("\(describe(handling)), while \(describe(before))")
            }
            if handling.end > latest[lane]?.end ?? .min { latest[lane] = handling }
        }
        group.overlaps = found.count
        complain(&verdict, "\(name): two messages of a key were in work at once", found)
    }

    // MARK: Recovery

    private func recovery(_ history: History) -> Int {
        var first: [String: [RecordID: Int64]] = [:]
        for handling in history.handlings {
            let known = first[handling.group]?[handling.record] ?? .max
            first[handling.group, default: [:]][handling.record] = min(known, handling.end)
        }
        let longest = windows.map { window -> Int64 in
            let waiting = history.accepted.filter { $0.value <= window.end }.keys
            let done = groups.flatMap { name in waiting.compactMap { first[name]?[$0] } }.max() ?? window.end
            return max(0, done - window.end)
        }.max()
        return Int((longest ?? 0) / 1_000)
    }

    // MARK: Words

    private func describe(_ handling: Handling) -> String {
        "\(handling.record) by \(handling.member), attempt \(handling.attempt), at \(handling.start / 1_000)-\(handling.end / 1_000) ms"
    }

    private func complain(_ verdict: inout Verdict, _ what: String, _ examples: [String]) {
        guard !examples.isEmpty else { return }
        let more = examples.count > 5 ? "; and \(examples.count - 5) more" : ""
        verdict.complaints.append("\(what) (\(examples.count)): \(examples.prefix(5).joined(separator: "; "))\(more)")
    }
}
