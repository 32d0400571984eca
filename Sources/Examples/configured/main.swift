import Foundation
import Millrace
import MillraceMemory
import MillraceRedis

// configured               three orders through the transport that Sources/Examples/configured/service.json names
// configured service.json  the same with another file
// configured --help        the transports that there are, and the options of their URLs

let argument = CommandLine.arguments.dropFirst().first
if argument == "--help" {
    print(TransportRegistry(.memory, .redis).help)
} else {
    do {
        let file = argument ?? "Sources/Examples/configured/service.json"
        try await runService(Configuration(file: file), orders: 3)
    } catch {
        ConsoleLog.writeToStandardError("configured: \(error)")
        exit(1)
    }
}
