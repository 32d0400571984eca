import Dispatch
import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// What Tests/Benchmarks/count counts:
///
///     counted SCENARIO COUNT [URL]
///
/// Sends and receives so many messages, and ends at once. Prints nothing but what goes wrong.
@main struct Counted {
    // Not asynchronous: that would hand the main thread over to dispatch, which ends it by a system call that valgrind does not
    // survive.
    static func main() {
        let arguments = CommandLine.arguments
        let names = CountedScenario.allCases.map(\.rawValue)
        guard arguments.count > 2, let scenario = CountedScenario(rawValue: arguments[1]), let count = Int(arguments[2]),
            count > 0
        else { fail("SCENARIO is one of \(names.joined(separator: ", ")), COUNT is at least 1") }
        let url = arguments.count > 3 ? arguments[3] : "redis://127.0.0.1:6379"
        // Detached: a task of the main actor would wait for the main thread, which waits for it.
        Task.detached {
            do {
                let broker = try await scenario.run(count, url: url)
                // Nothing is taken down, which would count as well.
                withExtendedLifetime(broker) { _exit(0) }
            } catch {
                fail("\(error)")
            }
        }
        DispatchSemaphore(value: 0).wait()
    }
}

func fail(_ text: String) -> Never {
    print("counted: \(text)")
    exit(1)
}
