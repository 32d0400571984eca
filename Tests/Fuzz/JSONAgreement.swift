import Foundation

@testable import Millrace

/// What `JSONReader` takes for JSON, Foundation does as well, and the other way round, but for what the reader refuses on purpose.
enum JSONAgreement {
    /// What only the reader refuses: keys that are given twice, half surrogate pairs, numbers without a finite value, and depth.
    private static let strict = ["is given twice", "surrogate pair", "is no number", "deep"]

    static func complaint(about text: String) -> String? {
        var bytes = Data(text.utf8)
        // Foundation takes it for the mark of an encoding in places.
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
        let isJSON = (try? JSONSerialization.jsonObject(with: bytes, options: .fragmentsAllowed)) != nil
        do {
            _ = try JSONReader.read(text, source: "fuzz")
            return isJSON ? nil : "only the reader takes it for JSON"
        } catch let error as MillraceError {
            // Foundation passes over a comma behind the last of several values, and over zeros, which it takes for UTF-16.
            guard isJSON, !text.utf8.contains(0), text.firstMatch(of: /,[ \t\r\n]*[}\]]/) == nil else { return nil }
            guard !strict.contains(where: { error.message.contains($0) }) else { return nil }
            return "only Foundation takes it for JSON: \(error.message)"
        } catch {
            return "an error of another kind: \(error)"
        }
    }
}
