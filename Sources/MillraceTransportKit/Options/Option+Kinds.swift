import Millrace

extension Option {
    /// A whole number: `1...` or `1...65_536`.
    public init(
        _ name: String, _ path: OptionPath<Options, Int>, _ range: some RangeExpression<Int> & Sendable,
        _ meaning: String
    ) {
        self.init(name, path, .number(range), meaning)
    }

    /// A whole number, or nil. `ifNone` is what nil means, such as `any number`.
    public init(
        _ name: String, _ path: OptionPath<Options, Int?>, _ range: some RangeExpression<Int> & Sendable,
        _ meaning: String, ifNone: String? = nil
    ) {
        self.init(name, path, .number(range), meaning, ifNone: ifNone)
    }

    /// A duration, from `least` to `most`, which defaults to no bound; in a URL no more than 366 days.
    public init(
        _ name: String, _ path: OptionPath<Options, Duration>, atLeast least: Duration,
        atMost most: Duration? = nil, _ meaning: String
    ) {
        self.init(name, path, .duration(atLeast: least, atMost: most), meaning)
    }

    /// A duration, or nil.
    public init(
        _ name: String, _ path: OptionPath<Options, Duration?>, atLeast least: Duration,
        atMost most: Duration? = nil, _ meaning: String, ifNone: String? = nil
    ) {
        self.init(name, path, .duration(atLeast: least, atMost: most), meaning, ifNone: ifNone)
    }

    /// Yes or no: `true` or `false`.
    public init(_ name: String, _ path: OptionPath<Options, Bool>, _ meaning: String) {
        self.init(name, path, .flag, meaning)
    }

    /// One of some words: `["file": .file, "memory": .memory]`.
    public init<Value: Equatable & Sendable>(
        _ name: String, _ path: OptionPath<Options, Value>, _ choices: KeyValuePairs<String, Value>,
        _ meaning: String
    ) {
        self.init(name, path, .choice(choices), meaning)
    }

    /// A secret, or nil: option `name` itself, or from the place that `name-file` or `name-env` says. Help and documentation list those
    /// two alone, and no error shows the secret. One of the name `password` is also read from in front of the host.
    ///
    /// Its bounds, if it has any, belong to code beside the table: an error of the table shows values.
    ///
    /// - Parameters:
    ///   - name: Its name in a URL, in lower case with `-`.
    ///   - path: The property.
    ///   - what: What the secret is, for the middle of a sentence: `the password of the private key`.
    public init(secret name: String, _ path: OptionPath<Options, String?>, _ what: String) {
        self.init(secret: name, OptionField.name(of: path), what) { $0[keyPath: path] = $1 }
    }

    /// A secret that there always is. Otherwise as one that may be nil.
    public init(secret name: String, _ path: OptionPath<Options, String>, _ what: String) {
        self.init(secret: name, OptionField.name(of: path), what) { $0[keyPath: path] = $1 }
    }

    private init(
        secret name: String, _ field: String?, _ what: String, _ set: @escaping @Sendable (inout Options, String) -> Void
    ) {
        self.init(
            name: name, field: field ?? OptionField.name(of: name), bound: nil, meaning: what, isSecret: true,
            defaultText: { _ in nil },
            take: { url, options in
                guard let secret = try name == "password" ? url.takePassword() : url.takeSecret(name) else { return false }
                set(&options, secret)
                return true
            },
            check: { _ in nil })
    }

    /// An option that code beside the table takes out of the URL, and checks: it is here for help and documentation.
    ///
    /// - Parameters:
    ///   - name: Its name in a URL.
    ///   - field: What it is in code.
    ///   - bound: Which values it may have, for people. Defaults to nil: any text.
    ///   - defaultValue: Its default as it would stand in a URL. Defaults to nil: there is none.
    ///   - meaning: What it means: a sentence.
    ///   - ifNone: What it means that it is not there. Defaults to nil.
    public init(
        described name: String, field: String, bound: String? = nil, default defaultValue: String? = nil, _ meaning: String,
        ifNone: String? = nil
    ) {
        self.init(
            name: name, field: field, bound: bound, meaning: meaning, ifNone: ifNone, defaultText: { _ in defaultValue },
            take: { _, _ in false }, check: { _ in nil })
    }
}
