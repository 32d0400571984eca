// Needs the C libraries of all transports: apt-get install libhiredis-dev libnats-dev librabbitmq-dev librdkafka-dev libsqlite3-dev
// libssl-dev (Debian). What runs without any is the example `quickstart`.
//
// pipeline                          runs a pipeline of forty orders in memory and ends by itself
// pipeline --forever                goes on until Ctrl-C, then drains
// pipeline --url sqlite:demo.db     keeps everything in a file: stopped, however that happens, and started again, it goes on
//                                   where it was; started twice, both share the work
// pipeline --url redis://HOST:PORT  the same through a broker: redis://, kafka://, nats://, amqp://

import Foundation
import Millrace
import MillraceAMQP
import MillraceKafka
import MillraceMemory
import MillraceNATS
import MillraceRedis
import MillraceSQLite

do {
    let arguments = CommandLine.arguments
    let forever = arguments.contains("--forever")
    let url = arguments.firstIndex(of: "--url").flatMap { arguments.dropFirst($0 + 1).first } ?? "memory:"
    let broker = try await TransportRegistry(.memory, .sqlite, .redis, .kafka, .nats, .amqp).connect(url)
    try await Pipeline(broker: broker, tally: Tally()).run(forever: forever)
    await broker.close()
} catch {
    ConsoleLog.writeToStandardError("pipeline: \(error)")
    exit(1)
}
