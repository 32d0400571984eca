import Millrace
import MillraceTesting
import Testing

/// Everything about NATS, against real servers.
@Suite(.timeLimit(.minutes(5))) enum NATSTests {
    /// How long to wait for what has to come, on a machine that does other things as well.
    static let patience = Duration.seconds(60)
}
