import Millrace

/// How a reader governs what it gets.
extension ConformanceTest {
    static let flow: [ConformanceTest] = [
        ConformanceTest("prefetchBounds", "No more deliveries are out at once than the prefetch allows.") { run in
            let topic = run.topic()
            let reader = try await run.subscribe(to: topic, SubscriptionOptions(prefetch: 3))
            try await run.publishing(run.messages(10), to: topic) {
                var out = try await reader.take(3)
                for _ in 0..<7 {
                    try await reader.expectNothing("while the prefetch of 3 is out")
                    reader.acknowledge([out.removeFirst()])
                    let more = try await reader.pull(upTo: 10, "the place that became free")
                    try expectEqual(more.count, 1, "the deliveries for one free place")
                    out += more
                }
                reader.acknowledge(out)
            }
        }.with(room: 4),
        ConformanceTest("pauseHoldsBack", "A paused reader gets nothing until it is resumed; what it has, it can settle.") {
            run in
            let topic = run.topic()
            let reader = try await run.subscribe(to: topic, SubscriptionOptions(prefetch: 1))
            try await run.publishing(run.messages(2), to: topic) {
                let first = try await reader.next()
                reader.subscription.pause()
                reader.acknowledge([first])
                try await reader.expectNothing("while it is paused")
                let waiting = Task { try await reader.drain(1) }
                await run.letRun(3)
                reader.subscription.resume()
                let other = first.text == "message 0" ? "message 1" : "message 0"
                try expectEqual(try await waiting.value.map(\.text), [other], "the delivery after the pause")
            }
        },
        ConformanceTest(
            "stopFetchingEndsPulls", "After stopFetching pulls return false, waiting ones too; settlements still count.",
            requires: .groups
        ) { run in
            let (topic, group) = (run.topic(), run.group())
            let reader = try await run.subscribe(to: topic, group: group)
            let subscription = reader.subscription
            try await run.publishing(run.messages(2), to: topic) {
                let out = try await reader.take(2)
                let waiting = (0..<3).map { _ in
                    Task {
                        var batch = DeliveryBatch()
                        return try await subscription.pull(into: &batch, upTo: 1)
                    }
                }
                await run.letRun(5)
                subscription.stopFetching()
                for task in waiting {
                    let more = try await run.limited("a pull that waits at stopFetching") { try await task.value }
                    try expectEqual(more, false, "a pull that waits at stopFetching")
                }
                var batch = DeliveryBatch()
                let more = try await subscription.pull(into: &batch, upTo: 1)
                try expectEqual(more, false, "a pull after stopFetching")
                reader.acknowledge(out)
                try await reader.flush()
                try await reader.close()
                let next = try await run.subscribe(to: topic, group: group)
                try await next.expectNothing("that was acknowledged after stopFetching")
            }
        }.with(room: 2),
        ConformanceTest(
            "pullWithDeadline", "A pull returns false when its deadline passes, and takes what is there.", isTimed: true
        ) {
            run in
            let topic = run.topic()
            let reader = try await run.subscribe(to: topic, group: nil)
            let (subscription, clock) = (reader.subscription, run.clock)
            let deadline = clock.now.advanced(by: .milliseconds(50))
            let waiting = Task {
                var batch = DeliveryBatch()
                let more = try await subscription.pull(into: &batch, upTo: 1, until: deadline)
                return (more, batch.count)
            }
            if let manual = run.subject.manualClock {
                try await run.limited("a timer for the deadline") { try await manual.waitForTimers() }
                run.elapse(.milliseconds(50))
            }
            let (more, count) = try await run.limited("a pull with a deadline") { try await waiting.value }
            try expectEqual(more, false, "a pull whose deadline passed")
            try expectEqual(count, 0, "the deliveries of a pull whose deadline passed")
            try expect(clock.now >= deadline, "a pull with a deadline returned before it")
            try await run.publishing(run.messages(1), to: topic) { _ = try await reader.drain(1) }
        },
        ConformanceTest("cancelledPull", "A cancelled pull throws CancellationError and loses nothing.") { run in
            let topic = run.topic()
            let reader = try await run.subscribe(to: topic, group: nil)
            let subscription = reader.subscription
            let waiting = Task {
                var batch = DeliveryBatch()
                return try await subscription.pull(into: &batch, upTo: 1)
            }
            await run.letRun(5)
            waiting.cancel()
            let result = try await run.limited("the end of a cancelled pull") { await waiting.result }
            if case .failure(let error) = result {
                try expect(error is CancellationError, "a cancelled pull: expected CancellationError, got \(error)")
            } else {
                throw ConformanceFailure("a cancelled pull: expected CancellationError, got \(result)")
            }
            let sent = run.messages(3)
            try await run.publishing(sent, to: topic) { try expectSame(try await reader.drain(3), sent) }
        },
        ConformanceTest("cancellationLosesNothing", "Pulls that are cancelled at any moment lose nothing.") { run in
            let topic = run.topic()
            let reader = try await run.subscribe(to: topic, group: nil)
            let sent = run.messages(200)
            let received = DeliveryLog()
            try await run.publishing(sent, to: topic) {
                for round in 0..<50 {
                    let pulling = Task {
                        var batch = DeliveryBatch()
                        while try await reader.subscription.pull(into: &batch, upTo: 3) {
                            reader.acknowledge(Array(batch.records))
                            received.append(batch.records)
                            batch.removeAll()
                            await Task.yield()
                        }
                    }
                    await run.letRun(round % 5)
                    pulling.cancel()
                    _ = try await run.limited("the end of a cancelled pull") { await pulling.result }
                    if received.count >= sent.count { break }
                }
                let rest = try await reader.drain(sent.count - received.count)
                try expectSame(received.all + rest, sent)
            }
        },
    ]
}
