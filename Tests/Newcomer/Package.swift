// swift-tools-version: 6.1
import PackageDescription

// A package as a user has it on the first day: no upcoming feature, no setting, nothing but what the documents show.
let package = Package(
    name: "newcomer",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "millrace", path: "../millrace")
    ],
    targets: [
        .target(
            name: "Orders",
            dependencies: [
                .product(name: "Millrace", package: "millrace"),
                .product(name: "MillraceMemory", package: "millrace"),
                .product(name: "MillraceCQRS", package: "millrace"),
            ]),
        .testTarget(
            name: "OrdersTests", dependencies: ["Orders", .product(name: "MillraceTesting", package: "millrace")]),
    ]
)
