import Foundation
import Millrace
import TestSupport

/// Another client of the broker: Debian's package `python3-pika`, driven by a script.
enum ForeignClient {
    /// Runs a script in Python with a `channel`; returns what it prints.
    static func run(_ url: String, _ script: String) async throws -> String {
        try await BlockingCall.run {
            let folder = try TemporaryFolder()
            let prelude = """
                import datetime, decimal, json, pika, sys
                connection = pika.BlockingConnection(pika.URLParameters(sys.argv[1]))
                channel = connection.channel()

                """
            try folder.write(prelude + script + "\nconnection.close()\n", to: "script.py")
            // The system's own, which has the package.
            let program = ["/usr/bin/python3", folder.file("script.py"), url + "/%2F"]
            let process = try ChildProcess(program, log: folder.file("output"))
            let status = process.end()
            guard status == 0 else {
                throw MillraceError(.invalidState, "python3: \(status): \(folder.read("output"))", isRetriable: false)
            }
            return folder.read("output")
        }
    }
}
