// swift-tools-version:5.9
import PackageDescription

// libteleport as it is installed: pkg-config finds teleport.pc by PKG_CONFIG_PATH and its own places.
let package = Package(
    name: "teleport-swift",
    products: [.library(name: "CTeleport", targets: ["CTeleport"])],
    targets: [.systemLibrary(name: "CTeleport", pkgConfig: "teleport", providers: [.apt(["libteleport-dev"])])]
)
