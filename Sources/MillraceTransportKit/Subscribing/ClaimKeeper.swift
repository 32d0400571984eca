import Millrace

/// Makes the claims to what a subscription holds last anew, three times in a lease.
final class ClaimKeeper: Sendable {
    private let bell = Bell()
    private let timer: Repetition
    private let task: Task<Void, Never>

    init(
        _ source: any DeliverySource, _ buffer: DeliveryBuffer, _ settlements: SettlementQueue, lease: Duration,
        clock: any SchedulingClock
    ) {
        let bell = bell
        timer = Repetition(every: lease / 3, of: clock) { bell.ring() }
        task = Task {
            while !Task.isCancelled {
                await bell.wait(clock: clock)
                let positions = buffer.allPositions + settlements.positions
                // One that fails is made up for by the next.
                if !positions.isEmpty, !Task.isCancelled { try? await source.renew(positions) }
            }
        }
    }

    func cancel() {
        timer.cancel()
        task.cancel()
    }

    func stop() async {
        cancel()
        await task.value
    }
}
