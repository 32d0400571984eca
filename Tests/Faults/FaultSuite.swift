import Foundation
import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The fault suite: each transport under each fault, judged by an oracle that knows every accepted message.
@main enum FaultSuite {
    static func main() async {
        let words = Array(CommandLine.arguments.dropFirst())
        do {
            if let (job, url) = try WorkerJob.parse(words) { return try await WorkerProgram.run(job, url: url) }
            if words == ["--help"] { return print(SuiteOptions.usage) }
            let suite = Suite(try SuiteOptions(words))
            exit(try await suite.run() ? 0 : 1)
        } catch {
            FileHandle.standardError.write(Data("faults: \(error)\n".utf8))
            exit(2)
        }
    }
}
