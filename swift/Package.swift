// swift-tools-version:5.9
import PackageDescription

// libteleport as it is installed: teleport.pc is looked for in PKG_CONFIG_PATH and pkg-config's
// own places.
let package = Package(
    name: "teleport-swift",
    products: [.library(name: "CTeleport", targets: ["CTeleport"])],
    targets: [
        .systemLibrary(
            name: "CTeleport", pkgConfig: "teleport", providers: [.apt(["libteleport-dev"])])
    ]
)
