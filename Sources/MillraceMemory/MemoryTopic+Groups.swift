import Millrace

extension MemoryTopic {
    func prepare(group name: String) throws {
        try locked { state in
            guard !state.isClosed else { throw TopicRegistry.closedError() }
            let (group, isNew) = state.group(named: name, capacity: options.capacity)
            if isNew { state.fill(group, options: options) }
        }
    }

    func subscribe(_ wanted: SubscriptionOptions) throws -> MemorySubscription {
        while true {
            let group = try locked { state -> MemoryGroup in
                guard !state.isClosed else { throw TopicRegistry.closedError() }
                let (group, isNew) = state.group(named: wanted.group, capacity: options.capacity)
                if isNew, group.name != nil, wanted.start != .now { state.fill(group, options: options) }
                return group
            }
            let member = group.locked { $0.join(wanted) }
            // Closed or forgotten in between: nobody has told this member that its group is no more.
            guard locked({ state in state.groups.contains { $0 === group } }) else { continue }
            return MemorySubscription(topic: self, group: group, member: member)
        }
    }

    /// Removes a member; a group without a name goes with it.
    func remove(_ member: UInt32, of group: MemoryGroup) {
        group.locked { inside in
            inside.leave(member)
            inside.removeSpent()
        }
        change(group) { inbox, wakeups in
            inbox.spent.removeAll()
            inbox.wakeAll(of: member, into: &wakeups)
        }
        if group.name == nil { forget(group) }
        registry.noteStop()
    }

    func removeGroup(named name: String) -> Bool {
        guard let group = locked({ state in state.groups.first { $0.name == name } }) else { return false }
        forget(group)
        return true
    }

    /// Takes a group out of the topic, ends its subscriptions and returns its messages.
    private func dissolve(_ group: MemoryGroup) -> [MemoryEntry] {
        var wakeups = Wakeups()
        let orphans = group.locked { inside -> [MemoryEntry] in
            let members = inside.memberIDs
            for member in members {
                _ = inside.member(member) { $0.isStopped = true }
                inside.leave(member)
            }
            return inside.removeAll()
                + locked { state in
                    state.remove(group)
                    for member in members { group.inbox.pointee.wakeAll(of: member, into: &wakeups) }
                    state.wakePublishers(into: &wakeups)
                    var arrived: [MemoryEntry] = []
                    while let entry = group.inbox.pointee.arrived.popFirst() { arrived.append(entry) }
                    return arrived
                }
        }
        wakeups.resume()
        return orphans
    }

    /// Forgets a group with its messages. Nobody waits for a group that is no more.
    private func forget(_ group: MemoryGroup) {
        for orphan in dissolve(group) { orphan.receipt?.countDown() }
    }

    func close() {
        let (groups, blocked) = locked { state in
            state.isClosed = true
            return (state.groups, state.blocked.removeAll())
        }
        for publisher in blocked { publisher.resume() }
        for group in groups {
            for orphan in dissolve(group) { orphan.receipt?.lose() }
        }
    }

    /// Something has changed in a group: lets as many idle readers look as there are messages, and publishers if there is room.
    func change(_ group: MemoryGroup, inbox update: (inout Inbox, inout Wakeups) -> Void = { _, _ in }) {
        var wakeups = Wakeups()
        group.locked { inside in
            let ready = inside.readyCount
            locked { state in
                update(&group.inbox.pointee, &wakeups)
                group.inbox.pointee.wakeIdle(ready + group.inbox.pointee.arrived.count, into: &wakeups)
                state.wakePublishers(into: &wakeups)
            }
        }
        wakeups.resume()
    }
}

// MARK: - Time

extension MemoryTopic {
    func endDelay(_ id: UInt64, in group: MemoryGroup) {
        group.locked { $0.endDelay(id) }
        change(group)
    }

    /// Looks after a group's leases at `instant`, in the clock's nanoseconds, and as long as there are any.
    func watchLeases(of group: MemoryGroup, from instant: Int64) {
        _ = clock.schedule(at: ClockInstant(nanoseconds: instant)) { [self] in
            let now = clock.now.nanoseconds
            let (expired, next) = group.locked { $0.expireLeases(at: now, timer: instant) }
            change(group) { inbox, wakeups in
                if !expired.isEmpty { inbox.wakeHeld(into: &wakeups) }
            }
            for entry in expired {
                observers.report(
                    .warning,
                    .leaseExpired(
                        topic: name, group: group.name, position: Position(low: entry.sequence),
                        attempt: Int(entry.attempt)))
            }
            if let next { watchLeases(of: group, from: next) }
        }
    }
}
