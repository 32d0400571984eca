import Millrace

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The health of all routers of an endpoint, as it is sent.
struct HealthReport: Encodable {
    let isLive: Bool
    let isReady: Bool
    /// What keeps it from being live or ready, with the names of the handlers concerned.
    let problems: [String]
    let routers: [RouterHealth]

    init(routers: [RouterHealth]) {
        isLive = routers.allSatisfy(\.isLive)
        isReady = routers.allSatisfy(\.isReady)
        problems = routers.flatMap(\.problems)
        self.routers = routers
    }

    func answer(isGood: Bool) -> HTTPAnswer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        guard let body = try? encoder.encode(self) else {
            return HTTPAnswer(status: 500, type: HTTPAnswer.plainText, body: "The health can't be written.\n")
        }
        return HTTPAnswer(
            status: isGood ? 200 : 503, type: "application/json", body: String(decoding: body, as: UTF8.self) + "\n")
    }
}
