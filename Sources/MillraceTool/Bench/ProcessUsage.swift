#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// What a process has used so far.
enum ProcessUsage {
    /// Processor time of this process, in seconds.
    static var ownSeconds: Double {
        let usage = own
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    /// The most memory that this process had since ``forgetPeak()``, or ever where that is not possible, in MiB.
    static var ownPeakMiB: Double {
        #if os(Linux)
        peakMiB(of: "self") ?? Double(own.ru_maxrss) / 1_024
        #else
        Double(own.ru_maxrss) / 1_048_576
        #endif
    }

    /// Lets the peak begin anew at what is in use now. Does nothing where the system can't.
    static func forgetPeak() {
        guard let file = fopen("/proc/self/clear_refs", "w") else { return }
        fputs("5", file)
        fclose(file)
    }

    /// Processor time of a process, in seconds; nil when there is none, or the system does not tell.
    static func seconds(of process: Int) -> Double? {
        // The name, which may hold anything, is in parentheses. Of what follows, the 12th and 13th are user and system time.
        guard let line = text("/proc/\(process)/stat"), let end = line.lastIndex(of: ")") else { return nil }
        let fields = line[end...].split(separator: " ")
        guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) else { return nil }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// The most memory that a process has had, in MiB; nil as above.
    static func peakMiB(of process: String) -> Double? {
        let line = text("/proc/\(process)/status")?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        let kilobytes = line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Double($0) }
        return kilobytes.map { $0 / 1_024 }
    }

    private static var own: rusage {
        var usage = rusage()
        #if canImport(Glibc)
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        #else
        getrusage(RUSAGE_SELF, &usage)
        #endif
        return usage
    }

    private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }

    private static func text(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 8_192)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}
