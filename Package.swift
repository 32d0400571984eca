// swift-tools-version: 6.1
import PackageDescription

/// Every target is built under the same strict settings; a warning is a defect.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// What a missing C library is answered with. The one file of each includes the headers of what a product needs, and is compiled
/// before any Swift: the build ends within seconds, and says what to install once. Without it, the same is said again and again, for
/// each Swift file that imports the library, when the core has been compiled.
let libraryChecks: [Target] = ["AMQP", "Brokers", "Compression", "HTTP", "Kafka", "NATS", "Redis", "SQLite"].map { name in
    .target(name: "Check\(name)", path: "Sources/CLibraries/Checks/\(name)", publicHeadersPath: ".")
}

/// An adapter to a package of Swift's ecosystem. It is behind the trait of its name, and empty without it: see Docs/integrations.md.
func adapter(_ name: String, to products: [(product: String, package: String)], trait: String) -> Target {
    .target(
        name: name,
        dependencies: ["Millrace"]
            + products.map { .product(name: $0.product, package: $0.package, condition: .when(traits: [trait])) },
        swiftSettings: strict)
}

let adapters: [Target] = [
    adapter("MillraceSwiftLog", to: [("Logging", "swift-log")], trait: "SwiftLog"),
    adapter("MillraceSwiftMetrics", to: [("Metrics", "swift-metrics")], trait: "SwiftMetrics"),
    adapter("MillraceSwiftTracing", to: [("Tracing", "swift-distributed-tracing")], trait: "SwiftDistributedTracing"),
    adapter("MillraceServiceLifecycle", to: [("ServiceLifecycle", "swift-service-lifecycle")], trait: "ServiceLifecycle"),
]

let package = Package(
    name: "millrace",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "Millrace", targets: ["Millrace"]),
        .library(name: "MillraceTransportKit", targets: ["MillraceTransportKit"]),
        .library(name: "MillraceMemory", targets: ["MillraceMemory"]),
        .library(name: "MillraceSQLite", targets: ["MillraceSQLite", "CheckSQLite"]),
        .library(name: "MillraceRedis", targets: ["MillraceRedis", "CheckRedis"]),
        .library(name: "MillraceKafka", targets: ["MillraceKafka", "CheckKafka"]),
        .library(name: "MillraceNATS", targets: ["MillraceNATS", "CheckNATS"]),
        .library(name: "MillraceAMQP", targets: ["MillraceAMQP", "CheckAMQP"]),
        .library(name: "MillraceCQRS", targets: ["MillraceCQRS"]),
        .library(name: "MillraceCompression", targets: ["MillraceCompression", "CheckCompression"]),
        .library(name: "MillraceHTTP", targets: ["MillraceHTTP", "CheckHTTP"]),
        .library(name: "MillraceOTLP", targets: ["MillraceOTLP"]),
        .library(name: "MillraceTesting", targets: ["MillraceTesting"]),
        .library(name: "MillraceSwiftLog", targets: ["MillraceSwiftLog"]),
        .library(name: "MillraceSwiftMetrics", targets: ["MillraceSwiftMetrics"]),
        .library(name: "MillraceSwiftTracing", targets: ["MillraceSwiftTracing"]),
        .library(name: "MillraceServiceLifecycle", targets: ["MillraceServiceLifecycle"]),
        .executable(name: "quickstart", targets: ["quickstart"]),
        .executable(name: "pipeline", targets: ["pipeline"]),
        .executable(name: "observed", targets: ["observed"]),
        .executable(name: "configured", targets: ["configured"]),
        .executable(name: "storefront", targets: ["storefront"]),
        .executable(name: "millrace", targets: ["MillraceTool"]),
    ],
    // None is enabled unless somebody asks for it.
    traits: [
        .trait(name: "SwiftLog", description: "Events as lines of swift-log: the product MillraceSwiftLog."),
        .trait(name: "SwiftMetrics", description: "Metrics by way of swift-metrics: the product MillraceSwiftMetrics."),
        .trait(
            name: "SwiftDistributedTracing",
            description: "Spans by way of swift-distributed-tracing: the product MillraceSwiftTracing."),
        .trait(
            name: "ServiceLifecycle",
            description: "A router as a service of swift-service-lifecycle: the product MillraceServiceLifecycle."),
    ],
    // Each for its trait alone: without that it is not even looked up, so that the package is built without a network.
    dependencies: [
        .package(url: "https://github.com/apple/swift-log.git", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-metrics.git", from: "2.7.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing.git", from: "1.3.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.6.3"),
    ],
    targets: [
        // C libraries. Without `pkgConfig`: SwiftPM would warn everybody who does not have the library, needed or not.
        .systemLibrary(
            name: "CHiredis", path: "Sources/CLibraries/CHiredis",
            providers: [.apt(["libhiredis-dev"]), .brew(["hiredis"])]),
        .systemLibrary(
            name: "COpenSSL", path: "Sources/CLibraries/COpenSSL", providers: [.apt(["libssl-dev"]), .brew(["openssl"])]),
        .systemLibrary(
            name: "CRdKafka", path: "Sources/CLibraries/CRdKafka",
            providers: [.apt(["librdkafka-dev"]), .brew(["librdkafka"])]),
        .systemLibrary(
            name: "CRabbitMQ", path: "Sources/CLibraries/CRabbitMQ",
            providers: [.apt(["librabbitmq-dev"]), .brew(["rabbitmq-c"])]),
        .systemLibrary(
            name: "CMicroHTTPD", path: "Sources/CLibraries/CMicroHTTPD",
            providers: [.apt(["libmicrohttpd-dev"]), .brew(["libmicrohttpd"])]),
        .systemLibrary(
            name: "CNATS", path: "Sources/CLibraries/CNATS", providers: [.apt(["libnats-dev"]), .brew(["cnats"])]),
        .systemLibrary(
            name: "CSQLite", path: "Sources/CLibraries/CSQLite",
            providers: [.apt(["libsqlite3-dev"]), .brew(["sqlite"])]),
        .systemLibrary(name: "CZlib", path: "Sources/CLibraries/CZlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),

        // The core, the transports, and what is built on the core.
        .target(name: "Millrace", swiftSettings: strict),
        .target(name: "MillraceTransportKit", dependencies: ["Millrace"], swiftSettings: strict),
        .target(name: "MillraceMemory", dependencies: ["Millrace", "MillraceTransportKit"], swiftSettings: strict),
        .target(name: "MillraceSQLite", dependencies: ["Millrace", "MillraceTransportKit", "CSQLite"], swiftSettings: strict),
        .target(
            name: "MillraceRedis", dependencies: ["Millrace", "MillraceTransportKit", "CHiredis", "COpenSSL"],
            swiftSettings: strict),
        .target(name: "MillraceKafka", dependencies: ["Millrace", "MillraceTransportKit", "CRdKafka"], swiftSettings: strict),
        .target(name: "MillraceNATS", dependencies: ["Millrace", "MillraceTransportKit", "CNATS"], swiftSettings: strict),
        .target(name: "MillraceAMQP", dependencies: ["Millrace", "MillraceTransportKit", "CRabbitMQ"], swiftSettings: strict),
        .target(name: "MillraceCQRS", dependencies: ["Millrace", "MillraceTransportKit"], swiftSettings: strict),
        .target(name: "MillraceCompression", dependencies: ["Millrace", "CZlib"], swiftSettings: strict),
        .target(name: "MillraceHTTP", dependencies: ["Millrace", "CMicroHTTPD"], swiftSettings: strict),
        .target(name: "MillraceOTLP", dependencies: ["Millrace"], swiftSettings: strict),
        .target(name: "MillraceTesting", dependencies: ["Millrace"], swiftSettings: strict),

        // Programs.
        .executableTarget(
            name: "quickstart", dependencies: ["Millrace", "MillraceMemory"], path: "Sources/Examples/quickstart",
            swiftSettings: strict),
        .executableTarget(
            name: "pipeline",
            dependencies: [
                "Millrace", "MillraceMemory", "MillraceSQLite", "MillraceRedis", "MillraceKafka", "MillraceNATS", "MillraceAMQP",
                "CheckBrokers",
            ],
            path: "Sources/Examples/pipeline", swiftSettings: strict),
        .executableTarget(
            name: "observed", dependencies: ["Millrace", "MillraceMemory", "MillraceHTTP", "CheckHTTP"],
            path: "Sources/Examples/observed", swiftSettings: strict),
        .executableTarget(
            name: "configured", dependencies: ["Millrace", "MillraceMemory", "MillraceRedis", "CheckRedis"],
            path: "Sources/Examples/configured", exclude: ["service.json"], swiftSettings: strict),
        .executableTarget(
            name: "storefront",
            dependencies: [
                "Millrace", "MillraceMemory", "MillraceSQLite", "MillraceRedis", "MillraceKafka", "MillraceNATS", "MillraceAMQP",
                "MillraceCQRS", "CheckBrokers",
            ],
            path: "Sources/Examples/storefront", swiftSettings: strict),
        .executableTarget(
            name: "MillraceTool",
            dependencies: [
                "Millrace", "MillraceMemory", "MillraceSQLite", "MillraceRedis", "MillraceKafka", "MillraceNATS", "MillraceAMQP",
                "MillraceCQRS", "MillraceTesting", "CheckBrokers",
            ],
            swiftSettings: strict),

        // Commands of SwiftPM.
        .plugin(
            name: "Brokers",
            capability: .command(intent: .custom(verb: "brokers", description: "Starts and stops brokers for development"))),

        // Tests, and the code that the documents show.
        .target(
            name: "DocumentationExamples",
            dependencies: [
                "Millrace", "MillraceMemory", "MillraceSQLite", "MillraceRedis", "MillraceKafka", "MillraceNATS", "MillraceAMQP",
                "MillraceCQRS",
                "MillraceCompression", "MillraceHTTP", "MillraceOTLP", "MillraceTesting", "CSQLite",
            ],
            // Without any setting, as the reader's own package has it.
            path: "Sources/Examples/documentation"),
        .testTarget(
            name: "MillraceTransportKitTests",
            dependencies: ["Millrace", "MillraceTransportKit", "MillraceTesting", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "MillraceTests", dependencies: ["Millrace", "MillraceMemory", "MillraceTesting", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "MillraceMemoryTests", dependencies: ["Millrace", "MillraceMemory", "MillraceTesting"],
            swiftSettings: strict),
        .target(name: "TestSupport", dependencies: ["Millrace"], path: "Tests/Support", swiftSettings: strict),
        .executableTarget(
            name: "sqlite-member", dependencies: ["Millrace", "MillraceSQLite", "MillraceTesting"],
            path: "Tests/Programs/sqlite-member", swiftSettings: strict),
        .executableTarget(
            name: "sqlite-loop", dependencies: ["Millrace", "MillraceSQLite", "CSQLite"],
            path: "Tests/Programs/sqlite-loop", swiftSettings: strict),
        .testTarget(
            name: "MillraceSQLiteTests",
            dependencies: [
                "Millrace", "MillraceSQLite", "MillraceTesting", "CSQLite", "TestSupport", "sqlite-member", "pipeline",
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "group-member", dependencies: ["Millrace", "MillraceRedis"], path: "Tests/Programs/group-member",
            swiftSettings: strict),
        .testTarget(
            name: "MillraceRedisTests",
            dependencies: [
                "Millrace", "MillraceTransportKit", "MillraceRedis", "MillraceTesting", "TestSupport", "group-member",
                "configured",
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "kafka-mock", dependencies: ["CRdKafka"], path: "Tests/Programs/kafka-mock", swiftSettings: strict),
        .testTarget(
            name: "MillraceKafkaTests",
            dependencies: ["Millrace", "MillraceTransportKit", "MillraceKafka", "MillraceTesting", "CRdKafka", "TestSupport"],
            swiftSettings: strict),
        .executableTarget(
            name: "nats-member", dependencies: ["Millrace", "MillraceNATS"], path: "Tests/Programs/nats-member",
            swiftSettings: strict),
        .testTarget(
            name: "MillraceNATSTests",
            dependencies: ["Millrace", "MillraceNATS", "MillraceTesting", "TestSupport", "nats-member"],
            swiftSettings: strict),
        .testTarget(
            name: "MillraceAMQPTests", dependencies: ["Millrace", "MillraceAMQP", "MillraceTesting", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "InteroperabilityTests",
            dependencies: [
                "Millrace", "MillraceSQLite", "MillraceRedis", "MillraceKafka", "MillraceNATS", "MillraceAMQP",
                "MillraceTesting", "TestSupport", "kafka-mock",
            ],
            path: "Tests/Interoperability", exclude: ["Clients"], swiftSettings: strict),
        .executableTarget(
            name: "counted", dependencies: ["Millrace", "MillraceMemory", "MillraceRedis"], path: "Tests/Programs/counted",
            swiftSettings: strict),
        .executableTarget(
            name: "component-member", dependencies: ["Millrace", "MillraceSQLite", "MillraceCQRS"],
            path: "Tests/Programs/component-member", swiftSettings: strict),
        .testTarget(
            name: "ExampleProgramTests", dependencies: ["Millrace", "TestSupport", "quickstart", "storefront", "kafka-mock"],
            swiftSettings: strict),
        .testTarget(
            name: "MillraceCQRSTests",
            dependencies: [
                "Millrace", "MillraceMemory", "MillraceSQLite", "MillraceRedis", "MillraceCQRS", "MillraceTesting",
                "TestSupport", "CSQLite", "component-member",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "MillraceCompressionTests",
            dependencies: ["Millrace", "MillraceMemory", "MillraceCompression", "MillraceTesting"], swiftSettings: strict),
        .testTarget(
            name: "MillraceHTTPTests", dependencies: ["Millrace", "MillraceMemory", "MillraceTesting", "MillraceHTTP"],
            swiftSettings: strict),
        .testTarget(
            name: "MillraceOTLPTests", dependencies: ["Millrace", "MillraceMemory", "MillraceTesting", "MillraceOTLP"],
            swiftSettings: strict),
        .testTarget(
            name: "MillraceToolTests",
            dependencies: ["Millrace", "MillraceMemory", "MillraceRedis", "MillraceTesting", "MillraceTool", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "DocumentationTests",
            dependencies: [
                "Millrace", "MillraceTransportKit", "MillraceMemory", "MillraceSQLite", "MillraceRedis", "MillraceKafka",
                "MillraceNATS", "MillraceAMQP",
            ],
            swiftSettings: strict),

        // The code of Docs/testing.md, with the settings of a package that asks for no upcoming feature.
        .testTarget(
            name: "RecipeTests", dependencies: ["Millrace", "MillraceMemory", "MillraceTesting"], path: "Tests/Recipes",
            swiftSettings: [.swiftLanguageMode(.v6)]),

        // Each transport under each fault: see Docs/reliability.md.
        .executableTarget(
            name: "faults",
            dependencies: [
                "Millrace", "MillraceMemory", "MillraceSQLite", "MillraceRedis", "MillraceKafka", "MillraceNATS", "MillraceAMQP",
                "MillraceTesting", "TestSupport",
            ],
            path: "Tests/Faults", exclude: ["run"], swiftSettings: strict),
        .testTarget(name: "FaultSuiteTests", dependencies: ["faults", "Millrace"], swiftSettings: strict),
        .testTarget(
            name: "FuzzTests",
            dependencies: [
                "Millrace", "MillraceTransportKit", "MillraceMemory", "MillraceSQLite", "MillraceRedis", "MillraceKafka",
                "MillraceNATS", "MillraceAMQP",
                "MillraceCQRS", "CRabbitMQ", "CRdKafka",
            ],
            path: "Tests/Fuzz", exclude: ["Corpus"], swiftSettings: strict),
        .executableTarget(
            name: "simulation", dependencies: ["Millrace", "MillraceMemory", "MillraceTesting"], path: "Tests/Simulation",
            swiftSettings: strict),
    ] + adapters + libraryChecks
)
