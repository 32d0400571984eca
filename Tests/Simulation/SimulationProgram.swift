#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif
import Millrace

/// Runs simulations, one after the other, and stops at the first that breaks an invariant.
///
///     simulation                     the seeds that every change has to pass
///     simulation --seeds 100000      more of them; also by MILLRACE_SIMULATION_SEEDS
///     simulation --seed 17 --trace   one, with everything that happened in it
@main
struct SimulationProgram {
    private var first: UInt64 = 0
    private var count: UInt64 = 3_000
    private var isTraced = false

    static func main() {
        // Hashing must not differ from run to run: the order of a dictionary decides who is woken first.
        if getenv("SWIFT_DETERMINISTIC_HASHING") == nil {
            setenv("SWIFT_DETERMINISTIC_HASHING", "1", 1)
            execv("/proc/self/exe", CommandLine.unsafeArgv)
            end("the program can't start itself anew")
        }
        var program = SimulationProgram()
        program.readArguments()
        guard Scheduler.shared.install() else { end("this Swift runtime has no hook for its jobs") }
        exit(program.run() ? 0 : 1)
    }

    private mutating func readArguments() {
        var arguments = CommandLine.arguments.dropFirst()
        if let text = getenv("MILLRACE_SIMULATION_SEEDS") {
            count = Self.number(String(cString: text), "MILLRACE_SIMULATION_SEEDS")
        }
        while let name = arguments.popFirst() {
            switch name {
            case "--trace": isTraced = true
            case "--seeds": count = Self.number(arguments.popFirst(), name)
            case "--from": first = Self.number(arguments.popFirst(), name)
            case "--seed": (first, count) = (Self.number(arguments.popFirst(), name), 1)
            default: Self.end("'\(name)' is not an option: --seeds COUNT, --from SEED, --seed SEED, --trace")
            }
        }
    }

    private static func number(_ text: String?, _ name: String) -> UInt64 {
        guard let number = text.flatMap({ UInt64($0) }) else { end("\(name) is '\(text ?? "")', it must be a number") }
        return number
    }

    private static func end(_ reason: String) -> Never {
        print("simulation: \(reason)")
        exit(2)
    }

    private func run() -> Bool {
        let clock = SystemClock.shared
        let start = clock.now
        var steps = 0
        var messages = 0
        var weathers: [Scenario.Weather: Int] = [:]
        for seed in first..<first + count {
            let scenario = Scenario(seed: seed)
            guard let verdict = simulate(scenario) else { return false }
            steps += verdict.steps
            messages += verdict.messages
            weathers[scenario.weather, default: 0] += 1
            if let violation = verdict.violation {
                print("seed \(seed) fails after \(verdict.steps) steps: \(violation)\n  \(scenario)")
                print("  again, with everything that happened: simulation --seed \(seed) --trace")
                return false
            }
            // Now and then, and where somebody looks: the same seed has to go the same way.
            if seed % 50 == 0 || count == 1 {
                Scheduler.shared.isTraced = false
                let again = simulate(scenario)
                guard again?.fingerprint == verdict.fingerprint, again?.steps == verdict.steps else {
                    print("seed \(seed) does not repeat itself: \(verdict) and \(again.map { "\($0)" } ?? "none")")
                    return false
                }
            }
        }
        let kinds = Scenario.Weather.allCases.map { "\(weathers[$0] ?? 0) \($0)" }.joined(separator: ", ")
        print("\(count) simulations from seed \(first) (\(kinds)): \(steps) steps, \(messages) messages, no invariant broken")
        print("took \(start.duration(to: clock.now)); of every 50th seed it was checked that it repeats itself")
        return true
    }

    private func simulate(_ scenario: Scenario) -> Simulation.Verdict? {
        Scheduler.shared.isTraced = isTraced
        do {
            return try Simulation(scenario).run()
        } catch {
            print("seed \(scenario.seed) can't be run: \(error)")
            return nil
        }
    }
}
