// swift-tools-version: 6.1
import PackageDescription

// Built by the script beside it, in a folder that has Millrace as its neighbour.
let package = Package(
    name: "ecosystem",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(path: "../millrace", traits: ["SwiftLog", "SwiftMetrics", "SwiftDistributedTracing", "ServiceLifecycle"]),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-metrics.git", from: "2.7.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing.git", from: "1.3.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.6.3"),
    ],
    targets: [
        .executableTarget(
            name: "service",
            dependencies: [
                .product(name: "Millrace", package: "millrace"),
                .product(name: "MillraceMemory", package: "millrace"),
                .product(name: "MillraceSwiftLog", package: "millrace"),
                .product(name: "MillraceSwiftMetrics", package: "millrace"),
                .product(name: "MillraceSwiftTracing", package: "millrace"),
                .product(name: "MillraceServiceLifecycle", package: "millrace"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "InMemoryLogging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        .testTarget(
            name: "EcosystemTests",
            dependencies: [
                .product(name: "Millrace", package: "millrace"),
                .product(name: "MillraceMemory", package: "millrace"),
                .product(name: "MillraceTesting", package: "millrace"),
                .product(name: "MillraceSwiftLog", package: "millrace"),
                .product(name: "MillraceSwiftMetrics", package: "millrace"),
                .product(name: "MillraceSwiftTracing", package: "millrace"),
                .product(name: "MillraceServiceLifecycle", package: "millrace"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "InMemoryLogging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            path: "Tests"),
    ]
)
