/// What is sent back.
struct HTTPAnswer: Sendable {
    let status: Int
    let type: String
    let body: String

    static let plainText = "text/plain; charset=utf-8"
    static let notFound = HTTPAnswer(
        status: 404, type: plainText, body: "Not found. There are /metrics, /live and /ready.\n")
    static let notAllowed = HTTPAnswer(status: 405, type: plainText, body: "Only GET and HEAD are allowed.\n")
}
