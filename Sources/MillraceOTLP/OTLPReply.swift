import Foundation
import Millrace

/// What a collector answers.
struct OTLPReply: Sendable {
    let status: Int
    /// The header of that name.
    var retryAfter: String?
    var body = Data()

    /// What it means, by the specification of OTLP.
    enum Verdict: Equatable {
        /// All spans were taken, but for some that were not.
        case accepted(rejected: Int, reason: String)
        /// The same may work later.
        case later
        /// It never will.
        case refused
    }

    var verdict: Verdict {
        switch status {
        case 200..<300:
            let partial = try? JSONDecoder().decode(Response.self, from: body).partialSuccess
            return .accepted(rejected: partial?.rejected ?? 0, reason: partial?.errorMessage ?? "")
        case 429, 502, 503, 504: return .later
        default: return .refused
        }
    }

    /// What a person may want to read of it.
    var summary: String {
        let text = String(decoding: body.prefix(200), as: UTF8.self)
        return "the collector answered \(status)" + (text.isEmpty ? "" : ": \(text)")
    }

    /// How long the collector wants to be left alone: seconds, or a date of HTTP (RFC 9110, section 10.2.3).
    func delay(at unixMilliseconds: Int64) -> Duration? {
        guard let text = retryAfter?.trimmingCharacters(in: .whitespaces) else { return nil }
        if let seconds = Int(text) { return seconds >= 0 ? .seconds(min(seconds, 86_400)) : nil }
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(secondsFromGMT: 0)
        format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        guard let date = format.date(from: text) else { return nil }
        let milliseconds = date.timeIntervalSince1970 * 1_000 - Double(unixMilliseconds)
        return .milliseconds(Int(min(max(0, milliseconds), 86_400_000)))
    }

    private struct Response: Decodable {
        let partialSuccess: PartialSuccess?
    }

    private struct PartialSuccess: Decodable {
        let rejected: Int
        let errorMessage: String?

        enum CodingKeys: String, CodingKey {
            case rejectedSpans, errorMessage
        }

        /// Numbers of 64 bits come as text, or as numbers.
        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            let number = try? values.decodeIfPresent(Int.self, forKey: .rejectedSpans)
            let text = try? values.decodeIfPresent(String.self, forKey: .rejectedSpans)
            rejected = max(0, number ?? text.flatMap { Int($0) } ?? 0)
            errorMessage = try? values.decodeIfPresent(String.self, forKey: .errorMessage)
        }
    }
}
