import Dispatch
import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

// The main thread only waits: everything that is measured runs on the default executor.
let finished = DispatchSemaphore(value: 0)
nonisolated(unsafe) var status: Int32 = 0
Task.detached {
    do {
        try await BenchCommand(arguments: Array(CommandLine.arguments.dropFirst())).run()
    } catch {
        ConsoleLog.writeToStandardError("millrace-bench: \(error)")
        status = 1
    }
    finished.signal()
}
finished.wait()
exit(status)
