/// Variables of the environment that stand for values of the configuration.
///
/// `MILLRACE_HANDLERS__AUDIT__CONCURRENCY` is `handlers.audit.concurrency`: `MILLRACE_`, and the names on the way with `__`
/// between them, in upper case, with `_` for every character that is no letter or digit. Variables without `__` are none of them.
struct EnvironmentOverrides {
    private let source: String

    static let prefix = "MILLRACE_"
    /// As deep as JSON may be.
    private static let maximumDepth = 64

    /// The configuration with what the environment says.
    static func apply(_ environment: [String: String], to root: ConfigurationNode, source: String) throws -> ConfigurationNode {
        var root = root
        let overrides = EnvironmentOverrides(source: source)
        // In order, so that errors do not depend on chance, and what is further out comes first.
        for (name, value) in environment.sorted(by: { $0.key < $1.key }) where name.hasPrefix(prefix) {
            let rest = name.dropFirst(prefix.count)
            let parts = rest.split(separator: "__")
            guard rest.contains("__") else { continue }
            guard parts.count <= Self.maximumDepth else {
                throw MillraceError(
                    .invalidConfiguration,
                    "\(name.prefix(80))…: it has \(parts.count) names with '__' between them, it may have \(Self.maximumDepth)",
                    isRetriable: false)
            }
            guard parts.map(\.utf8.count).reduce(0, +) + 2 * (parts.count - 1) == rest.utf8.count, parts.count > 1 else {
                throw MillraceError(
                    .invalidConfiguration, "\(name): there is a '__' with nothing in front of it or behind it", isRetriable: false
                )
            }
            try overrides.set(parts[...], to: ConfigurationNode(.text(value), variable: name), in: &root, ConfigurationPath())
        }
        return root
    }

    /// A name as it stands in a variable.
    static func normalized(_ name: String) -> String {
        String(name.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    }

    private func set(
        _ parts: ArraySlice<Substring>, to value: ConfigurationNode, in node: inout ConfigurationNode, _ path: ConfigurationPath
    ) throws {
        guard let part = parts.first, let variable = value.variable else {
            if let other = node.firstVariable {
                throw place(value, path).error(": \(other) says so already, or a part of it; one of the two has to go")
            }
            node = value
            return
        }
        // A transport may be just its URL; an option of it has to find its place all the same.
        if case .text = node.content, path.isTransport { node = ConfigurationNode(.object([("url", node)])) }
        guard var members = node.members else {
            throw place(value, path).error(
                " has a value of its own\(node.variable.map { ", by \($0)" } ?? ""), so that there can be nothing in it")
        }
        let matches = members.indices.filter { Self.normalized(members[$0].key) == part }
        guard matches.count < 2 else {
            let names = matches.map { "'\(path.appending(members[$0].key))'" }.joined(separator: " and ")
            throw MillraceError(
                .invalidConfiguration, "\(variable): means \(names) of \(source); rename one of them", isRetriable: false)
        }
        if matches.isEmpty {
            let key = part.lowercased().map { $0 == "_" ? "-" : String($0) }.joined()
            let isLast = parts.count == 1
            members.append((key, isLast ? value : ConfigurationNode(.object([]))))
            if !isLast {
                members[members.count - 1].node.maker = variable
                try set(parts.dropFirst(), to: value, in: &members[members.count - 1].node, path.appending(key))
            }
        } else {
            let index = matches[0]
            try set(parts.dropFirst(), to: value, in: &members[index].node, path.appending(members[index].key))
        }
        node.content = .object(members)
    }

    private func place(_ value: ConfigurationNode, _ path: ConfigurationPath) -> ConfigurationPlace {
        ConfigurationPlace(source: source, path: path, variable: value.variable)
    }
}

extension ConfigurationNode {
    /// The variable that this or something in it comes from.
    fileprivate var firstVariable: String? { variable ?? members?.lazy.compactMap(\.node.firstVariable).first }
}

extension ConfigurationPath {
    /// Whether this is a transport of the configuration.
    fileprivate var isTransport: Bool { steps.count == 2 && steps[0] == "transports" }
}
