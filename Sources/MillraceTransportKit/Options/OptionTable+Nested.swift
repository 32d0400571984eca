extension OptionTable {
    /// These options as those of a larger structure that has this one.
    ///
    /// - Parameters:
    ///   - path: Where the larger structure has this one. It goes before the names in code: `retention.maximumAge`.
    ///   - condition: Whether a URL has these options, by what was read before. They are checked in any case. Defaults to always.
    public func nested<Outer: Sendable>(
        in path: OptionPath<Outer, Options>, when condition: @escaping @Sendable (Outer) -> Bool = { _ in true }
    ) -> [Option<Outer>] {
        let outerName = OptionField.name(of: path) ?? ""
        return options.map { option in
            option.nested(
                in: outerName, default: option.defaultText(defaults),
                take: { url, outer in condition(outer) ? try option.take(&url, &outer[keyPath: path]) : false },
                check: { option.check($0[keyPath: path]) })
        }
    }

    /// These options as those of a larger structure that may have this one: nil has nothing to check, and a URL none of these options,
    /// so that `TransportURL.finish()` refuses them.
    ///
    /// - Parameters:
    ///   - path: Where the larger structure has this one. It goes before the names in code: `tls.caFile`.
    ///   - new: What takes the place of nil when a URL has one of the options. Defaults to nil: nothing does.
    public func nested<Outer: Sendable>(
        in path: OptionPath<Outer, Options?>, orMake new: Options? = nil
    ) -> [Option<Outer>] {
        let outerName = OptionField.name(of: path) ?? ""
        return options.map { option in
            option.nested(
                in: outerName, default: option.defaultText(defaults),
                take: { url, outer in
                    guard var inner = outer[keyPath: path] ?? new, try option.take(&url, &inner) else { return false }
                    outer[keyPath: path] = inner
                    return true
                },
                check: { $0[keyPath: path].flatMap(option.check) })
        }
    }
}
