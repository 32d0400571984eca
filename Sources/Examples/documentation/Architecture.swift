import Millrace

struct CountingPublisher: Publisher {
    let base: any Publisher
    let count: @Sendable (String, Int) -> Void

    func publish(_ messages: [Message], to topic: String) async throws {
        try await base.publish(messages, to: topic)
        count(topic, messages.count)
    }
}

func countOutputs(of router: Router) {
    router.decoratePublishers { publisher in
        CountingPublisher(base: publisher) { topic, count in print("\(count) messages for \(topic)") }
    }
}

struct Heartbeat: RouterPlugin {
    func start(_ router: Router) async throws { print("starting") }
    func stop(_ router: Router) async { print("stopped") }
}

func routerWithPlugin() -> Router {
    Router(.init(plugins: [Heartbeat()]))
}
