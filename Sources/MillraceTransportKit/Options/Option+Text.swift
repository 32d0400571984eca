import Millrace

extension Option {
    /// What the tool's help shows.
    func help(_ defaults: Options) -> [TransportFactory.Option] {
        if isSecret {
            return [
                .init("\(name)-file", "A file with \(meaning)."),
                .init("\(name)-env", "A variable of the environment with \(meaning)."),
            ]
        }
        var text = meaning
        if text.last == "." { text.removeLast() }
        if statesBound, let bound { text += "; \(bound)" }
        let defaultValue = shownDefault(defaults)
        if defaultValue == nil, let ifNone { text += "; \(ifNone) otherwise" }
        return [.init(name, text + ".", default: defaultValue)]
    }

    /// The line of the table in the documentation.
    func row(_ defaults: Options) -> String {
        let cells =
            isSecret
            ? ["`\(name)-file`, `\(name)-env`", "`\(field)`", "a file, a variable", "none", "Where to find \(meaning)."]
            : [
                "`\(name)`", "`\(field)`", bound ?? "text", shownDefault(defaults).map { "`\($0)`" } ?? ifNone ?? "none", meaning,
            ]
        return "| "
            + cells.map { $0.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|") }
            .joined(separator: " | ") + " |"
    }

    /// No empty text: nobody could see it.
    private func shownDefault(_ defaults: Options) -> String? {
        guard let text = defaultText(defaults), !text.isEmpty else { return nil }
        return text
    }
}

/// What properties are called.
enum OptionField {
    /// The name of the property that a path leads to, behind those on the way: `retention.maximumAge`. Nil in programs without the names of
    /// their properties (`-disable-reflection-metadata`).
    static func name(of path: AnyKeyPath) -> String? {
        let text = "\(path)"
        guard let dot = text.firstIndex(of: "."), !text.contains("<") else { return nil }
        return String(text[dot...].dropFirst().filter { $0 != "?" && $0 != "!" })
    }

    /// The name that a property would have by that of its option: `connectTimeout` for `connect-timeout`.
    static func name(of option: String) -> String {
        let words = option.split(separator: "-")
        return words.enumerated().map {
            $0.offset == 0 ? "\($0.element)" : $0.element.prefix(1).uppercased() + $0.element.dropFirst()
        }
        .joined()
    }
}
