import MillraceTransportKit
import Testing

@Suite("Lanes") struct LanesTests {
    @Test func lanesLetOneOutAtATime() {
        var lanes = Lanes<Int>()
        let entered = [lanes.enter("a", 1), lanes.enter("a", 2), lanes.enter(nil, 3), lanes.enter("a", 4)]
        #expect(entered == [true, false, true, false])
        #expect(lanes.waitingCount == 2)
        let left = (0..<4).map { _ in lanes.leave("a") }
        #expect(left == [2, 4, nil, nil])
        let again = lanes.enter("a", 5)
        #expect(again)
    }
}
