// swift-tools-version: 6.1
import PackageDescription

// A transport as somebody else writes it: a package of its own, which sees what is public and nothing else.
let package = Package(
    name: "folder-transport",
    platforms: [.macOS(.v15)],
    products: [.library(name: "FolderTransport", targets: ["FolderTransport"])],
    dependencies: [
        .package(name: "millrace", path: "../millrace")
    ],
    targets: [
        .target(
            name: "FolderTransport",
            dependencies: [
                .product(name: "Millrace", package: "millrace"), .product(name: "MillraceTransportKit", package: "millrace"),
            ]),
        .testTarget(
            name: "FolderTransportTests",
            dependencies: [
                "FolderTransport", .product(name: "Millrace", package: "millrace"),
                .product(name: "MillraceTesting", package: "millrace"),
            ]),
    ]
)
