import Millrace

/// The property that an option sets: a key path, such as `\.connectTimeout`.
public typealias OptionPath<Options, Value> = any WritableKeyPath<Options, Value> & Sendable

/// An option of a transport: see ``OptionTable``.
public struct Option<Options: Sendable>: Sendable {
    /// Its name in a URL, in lower case with `-`.
    public let name: String
    /// What it is in code: the name of the property, behind those of the structures around it.
    public let field: String
    /// Which values it may have, for people; nil for any text.
    public let bound: String?
    /// What it means: a sentence.
    public let meaning: String

    /// Whether help repeats the bound: not where the sentence says enough.
    let statesBound: Bool
    let isSecret: Bool
    /// What stands for an absent value in help and documentation.
    let ifNone: String?
    /// The default as it would stand in a URL; nil when there is none.
    let defaultText: @Sendable (Options) -> String?
    /// Takes the option out of a URL. Returns whether it was there.
    let take: @Sendable (inout TransportURL, inout Options) throws -> Bool
    /// What is wrong with the value; nil when nothing is.
    let check: @Sendable (Options) -> (value: String, bound: String)?

    /// An option that has a value.
    ///
    /// - Parameters:
    ///   - name: Its name in a URL, in lower case with `-`.
    ///   - path: The property.
    ///   - value: How it is read, and which values are allowed.
    ///   - meaning: What it means: a sentence. Neither bound nor default belongs there.
    public init<Value: Sendable>(
        _ name: String, _ path: OptionPath<Options, Value>, _ value: OptionValue<Value>, _ meaning: String
    ) {
        self.init(
            name: name, field: OptionField.name(of: path) ?? OptionField.name(of: name), bound: value.bound, meaning: meaning,
            statesBound: value.statesBound, defaultText: { value.text($0[keyPath: path]) },
            take: { url, options in
                guard let taken = try value.take(name, from: &url) else { return false }
                options[keyPath: path] = taken
                return true
            },
            check: { value.problem($0[keyPath: path]) })
    }

    /// An option that may have a value: nil is allowed as well.
    ///
    /// - Parameters:
    ///   - name: Its name in a URL, in lower case with `-`.
    ///   - path: The property.
    ///   - value: How it is read, and which values are allowed.
    ///   - meaning: What it means: a sentence.
    ///   - ifNone: What nil means, such as `any number`. Defaults to nil: there is none.
    public init<Value: Sendable>(
        _ name: String, _ path: OptionPath<Options, Value?>, _ value: OptionValue<Value>, _ meaning: String,
        ifNone: String? = nil
    ) {
        self.init(
            name: name, field: OptionField.name(of: path) ?? OptionField.name(of: name), bound: value.bound, meaning: meaning,
            statesBound: value.statesBound, ifNone: ifNone, defaultText: { $0[keyPath: path].map(value.text) },
            take: { url, options in
                guard let taken = try value.take(name, from: &url) else { return false }
                options[keyPath: path] = taken
                return true
            },
            check: { options in options[keyPath: path].flatMap(value.problem).map { ($0.value, $0.bound + ", or nil") } })
    }

    init(
        name: String, field: String, bound: String?, meaning: String, statesBound: Bool = true, isSecret: Bool = false,
        ifNone: String? = nil, defaultText: @escaping @Sendable (Options) -> String?,
        take: @escaping @Sendable (inout TransportURL, inout Options) throws -> Bool,
        check: @escaping @Sendable (Options) -> (value: String, bound: String)?
    ) {
        self.name = name
        self.field = field
        self.bound = bound
        self.meaning = meaning
        self.statesBound = statesBound
        self.isSecret = isSecret
        self.ifNone = ifNone
        self.defaultText = defaultText
        self.take = take
        self.check = check
    }

    /// The same option, of a larger structure.
    func nested<Outer: Sendable>(
        in outerName: String, default defaultText: String?,
        take: @escaping @Sendable (inout TransportURL, inout Outer) throws -> Bool,
        check: @escaping @Sendable (Outer) -> (value: String, bound: String)?
    ) -> Option<Outer> {
        Option<Outer>(
            name: name, field: outerName.isEmpty ? field : "\(outerName).\(field)", bound: bound, meaning: meaning,
            statesBound: statesBound, isSecret: isSecret, ifNone: ifNone, defaultText: { _ in defaultText }, take: take,
            check: check)
    }
}
