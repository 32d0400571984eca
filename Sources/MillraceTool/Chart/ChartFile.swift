import Foundation
internal import Millrace

/// A file of figures: what was read, and the path, which every complaint begins with.
struct ChartFile<Content: Decodable> {
    let path: String
    let content: Content

    /// Throws `invalidConfiguration` when there is no such file, or it holds something else.
    init(_ path: String) throws {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Self.complaint(path, "there is no such file, or it can't be read")
        }
        try self.init(path, data)
    }

    init(_ path: String, _ data: Data) throws {
        self.path = path
        do {
            content = try JSONDecoder().decode(Content.self, from: data)
        } catch let error as DecodingError {
            throw Self.complaint(path, Self.text(error))
        }
    }

    func complaint(_ text: String) -> MillraceError { Self.complaint(path, text) }

    private static func complaint(_ path: String, _ text: String) -> MillraceError {
        MillraceError(.invalidConfiguration, "\(path): \(text)", isRetriable: false)
    }

    /// `rows[2].size is missing`.
    private static func text(_ error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, let context): "\(name(context.codingPath + [key])) is missing"
        case .valueNotFound(_, let context): "\(name(context.codingPath)) is null"
        case .typeMismatch(let type, let context): "\(name(context.codingPath)) is no \(type)"
        case .dataCorrupted(let context) where context.codingPath.isEmpty: "it is no JSON"
        case .dataCorrupted(let context): "\(name(context.codingPath)): \(context.debugDescription)"
        @unknown default: "\(error)"
        }
    }

    private static func name(_ path: [any CodingKey]) -> String {
        guard !path.isEmpty else { return "the whole" }
        return path.reduce(into: "") { text, key in
            if let index = key.intValue {
                text += "[\(index)]"
            } else {
                text += (text.isEmpty ? "" : ".") + key.stringValue
            }
        }
    }
}
