import Foundation
import PackagePlugin

/// `swift package brokers`: brokers for development and tests, on free ports of the loopback.
@main struct BrokersPlugin: CommandPlugin {
    static let usage = """
        OVERVIEW: Starts and stops brokers for development, on free ports of 127.0.0.1.

        USAGE: swift package brokers up|down|status|urls [BROKER ...]

          up       starts brokers, waits until they answer, and prints their URLs; one that runs is left as it is
          down     stops what 'up' has started, and removes its data
          status   lists what 'up' has started; fails when one of them does not run any more
          urls     prints the URLs of 'up' once more

        URLs are printed as lines for a shell: eval "$(swift package brokers urls)"

        BROKERS: \(Broker.all.map(\.name).joined(separator: ", ")) (default: all that are installed, or that were started)
        """

    func performCommand(context: PluginContext, arguments: [String]) async throws {
        guard let verb = arguments.first, verb != "--help", verb != "-h", verb != "help" else { return print(Self.usage) }
        let names = Array(arguments.dropFirst())
        for name in names where !Broker.all.contains(where: { $0.name == name }) {
            throw Failure("there is no broker '\(name)'; there are: \(Broker.all.map(\.name).joined(separator: ", "))")
        }
        let brokers = Brokers(folder: context.pluginWorkDirectoryURL)
        switch verb {
        case "up": try brokers.up(names)
        case "down": try brokers.down(names)
        case "status": try brokers.status(names)
        case "urls": try brokers.urls(names)
        default: throw Failure("there is no command '\(verb)'\n\n\(Self.usage)")
        }
    }
}

/// What went wrong, in words for whoever typed the command.
struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
