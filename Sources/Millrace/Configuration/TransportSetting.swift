/// A transport of a configuration: its URL, with the options that stand beside it.
struct TransportSetting: Sendable {
    let name: String
    let place: ConfigurationPlace
    let url: TransportURL

    init(_ name: String, _ node: ConfigurationNode, at place: ConfigurationPlace, environment: [String: String]) throws {
        self.name = name
        self.place = place
        guard let members = node.members else {
            url = try Self.url(node, at: place, environment)
            return
        }
        guard let urlNode = members.first(where: { $0.key == "url" })?.node else {
            throw place.error(" has no 'url', it must have one: the URL of a transport")
        }
        var url = try Self.url(urlNode, at: Self.place("url", urlNode, in: place), environment)
        for (key, option) in members where key != "url" {
            let optionPlace = Self.place(key, option, in: place)
            if option.variable == nil, SecretName.isSecret(key) { throw Self.secret(key, at: optionPlace) }
            do {
                switch option.content {
                case .text(let text), .number(let text): try url.add(key, text)
                case .flag(let flag): try url.add(key, "\(flag)")
                default: throw optionPlace.error(option.description, bound: "text, a number, true or false")
                }
            } catch {
                throw optionPlace.locating(error)
            }
        }
        self.url = url
    }

    private static func place(_ key: String, _ node: ConfigurationNode, in place: ConfigurationPlace) -> ConfigurationPlace {
        ConfigurationPlace(source: place.source, path: place.path.appending(key), variable: node.variable)
    }

    private static func url(
        _ node: ConfigurationNode, at place: ConfigurationPlace, _ environment: [String: String]
    ) throws -> TransportURL {
        guard case .text(let text) = node.content else {
            throw place.error(node.description, bound: "the URL of a transport, or an object with one as 'url'")
        }
        do {
            let url = try TransportURL(text, environment: environment)
            // What the environment says stands in no file.
            if node.variable == nil, let secret = url.inlineSecret { throw Self.secret(secret, at: place) }
            return url
        } catch {
            throw place.locating(error)
        }
    }

    private static func secret(_ what: String, at place: ConfigurationPlace) -> MillraceError {
        place.error(
            ": a secret in a configuration file (\(what)); give the name of a file or of a variable that holds it: "
                + "password-file=/run/secrets/x or password-env=NAME")
    }
}
