import Millrace

extension OptionValue where Value == Int {
    /// A whole number: `1...`, `1...65_536`, or of any other range.
    public static func number(_ range: some RangeExpression<Int> & Sendable) -> OptionValue {
        OptionValue(bound(of: range), in: "a whole number", read: { Int($0) }, text: { "\($0)" }, allows: { range.contains($0) })
    }

    private static func bound(of range: some RangeExpression<Int>) -> String {
        let (least, most) = ends(of: range)
        if most == .max { return "at least \(DigitGroups.text(of: least))" }
        if least == .min { return "at most \(DigitGroups.text(of: most))" }
        return "\(DigitGroups.text(of: least)) to \(DigitGroups.text(of: most))"
    }

    /// The least and the greatest number of a range. A range that ends with the greatest number of all has no next one to ask for.
    private static func ends(of range: some RangeExpression<Int>) -> (least: Int, most: Int) {
        switch range {
        case let range as ClosedRange<Int>: return (range.lowerBound, range.upperBound)
        case let range as PartialRangeFrom<Int>: return (range.lowerBound, .max)
        case let range as PartialRangeThrough<Int>: return (.min, range.upperBound)
        default:
            let known = range.relative(to: Int.min..<Int.max)
            return (known.lowerBound, known.upperBound - 1)
        }
    }
}

extension OptionValue where Value == Duration {
    /// A duration, from `least` to `most`, which defaults to no bound. A URL writes `500ms`, `5s`, `1m`, `2h` or `7d`, up to 366 days; a
    /// bare number is seconds.
    public static func duration(atLeast least: Duration, atMost most: Duration? = nil) -> OptionValue {
        OptionValue(
            most.map { "\(DurationWords.text(of: least)) to \(DurationWords.text(of: $0))" }
                ?? "at least \(DurationWords.text(of: least))", in: DurationText.bound, read: { DurationText.parse($0) },
            text: DurationText.text, allows: { value in value >= least && most.map { value <= $0 } ?? true })
    }
}

extension OptionValue where Value == [Duration] {
    /// A list of durations with commas between them, each from `least` to `most` and there once, at most `count` of them.
    public static func durations(atLeast least: Duration, atMost most: Duration, count: Int) -> OptionValue {
        OptionValue(
            "at most \(count), each once, \(DurationWords.text(of: least)) to \(DurationWords.text(of: most))",
            in: DurationText.bound + ", with commas between them",
            read: { text in
                let parts = text.split(separator: ",", omittingEmptySubsequences: false)
                let durations = parts.compactMap { DurationText.parse($0) }
                return durations.count == parts.count ? durations : nil
            },
            text: { $0.map(DurationText.text).joined(separator: ",") },
            allows: { list in
                list.count <= count && Set(list).count == list.count && list.allSatisfy { $0 >= least && $0 <= most }
            })
    }
}

extension OptionValue where Value == Bool {
    /// Yes or no: `true` or `false`, which `1` and `0` stand for as well.
    public static var flag: OptionValue {
        var value = OptionValue(
            "true or false", read: { ["true": true, "1": true, "false": false, "0": false][$0] }, text: { "\($0)" })
        value.statesBound = false
        return value
    }
}

extension OptionValue where Value: Equatable {
    /// One of some words.
    public static func choice(_ choices: KeyValuePairs<String, Value>) -> OptionValue {
        let choices = choices.map { (word: $0.key, value: $0.value) }
        return OptionValue(
            "one of " + choices.map(\.word).joined(separator: ", "),
            read: { text in choices.first { $0.word == text }?.value },
            text: { value in choices.first { $0.value == value }?.word ?? "" })
    }
}

extension OptionValue where Value: Equatable {
    /// Where rejected messages go: to a topic whose name has a suffix, or nowhere, which empty text stands for.
    ///
    /// - Parameters:
    ///   - make: The value for a suffix.
    ///   - drop: The value for nowhere.
    ///   - words: Words that are no suffix. Defaults to none.
    ///   - suffix: The suffix of a value; nil for others.
    public static func suffix(
        _ make: @escaping @Sendable (String) -> Value, orDrop drop: Value, or words: KeyValuePairs<String, Value> = [:],
        of suffix: @escaping @Sendable (Value) -> String?
    ) -> OptionValue {
        let others = words.map { (word: $0.key, value: $0.value) } + [(word: "", value: drop)]
        var value = OptionValue(
            "at least 1 character", read: { text in others.first { $0.word == text }?.value ?? make(text) },
            text: { value in suffix(value) ?? others.first { $0.value == value }?.word ?? "" },
            allows: { suffix($0)?.isEmpty != true })
        value.statesBound = false
        return value
    }
}

extension OptionValue where Value == String {
    /// Any text, the empty one as well.
    public static var text: OptionValue { OptionValue(nil, read: { $0 }, text: { $0 }) }

    /// Text for which a condition holds, which `bound` puts into words.
    public static func text(_ bound: String, where condition: @escaping @Sendable (String) -> Bool) -> OptionValue {
        text.limited(to: bound, where: condition)
    }

    /// At least one character, without spaces and control characters.
    public static var word: OptionValue {
        text("at least 1 character, without spaces") { !$0.isEmpty && $0.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F } }
    }

    /// What topics and consumer groups may be called: 1 to `Naming.maximumTopicLength` bytes without control characters.
    public static var name: OptionValue {
        text("1 to \(Naming.maximumTopicLength) bytes without control characters") { text in
            (1...Naming.maximumTopicLength).contains(text.utf8.count)
                && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
        }
    }

    /// The path of a file, which need not be there.
    public static var path: OptionValue {
        var value = text("the path of a file") { !$0.isEmpty && !$0.utf8.contains(0) }
        value.statesBound = false
        return value
    }
}
