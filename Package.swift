// swift-tools-version:6.0
import PackageDescription

// The Makefile links OpenBLAS's serial static archive to this place: `make` knows where the system keeps it.
let openBLAS = Context.packageDirectory + "/build/openblas/libopenblas.a"

// OpenBLAS's buffer table is shared without a lock in the serial build; CShims replaces it, one buffer a thread.
let openBLASLink: [LinkerSetting] = [
    .unsafeFlags([
        "-Xlinker", "--wrap=blas_memory_alloc", "-Xlinker", "--wrap=blas_memory_free",
        "-Xlinker", openBLAS,
    ]),
    .linkedLibrary("m"),
]

let strict: [SwiftSetting] = [.unsafeFlags(["-warnings-as-errors"])]

func module(_ name: String, _ dependencies: [Target.Dependency], link: [LinkerSetting] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict, linkerSettings: link)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: [.byName(name: name)] + dependencies,
        swiftSettings: strict)
}

let package = Package(
    name: "teleport",
    products: [.library(name: "teleport", type: .dynamic, targets: ["Teleport"])],
    targets: [
        .target(name: "CTeleport", path: "include", publicHeadersPath: "."),
        .systemLibrary(name: "CPNG"),
        .systemLibrary(name: "CZlib"),
        .systemLibrary(name: "COpenBLAS"),
        .target(
            name: "CShims", dependencies: ["CPNG"],
            cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])],
            // A module map's link line reaches Swift importers only.
            linkerSettings: [.linkedLibrary("png16")]),

        module("Runtime", ["CShims"]),
        module("Files", ["Runtime", "CShims"]),
        module("LinearAlgebra", ["Runtime", "COpenBLAS", "CShims"], link: openBLASLink),
        module("Networks", ["LinearAlgebra"]),
        module("Optimization", ["Networks"]),
        module("Symmetry", ["Optimization"]),
        module("Datasets", ["Files", "CPNG", "CZlib", "CShims"]),
        module("Training", ["Symmetry", "Datasets", "Files"]),
        module("TeleportABI", ["CTeleport", "Training"]),
        .target(
            name: "Teleport", dependencies: ["TeleportABI"], exclude: ["exports.map"],
            linkerSettings: [
                .unsafeFlags([
                    "-static-stdlib",
                    // gold leaves two of Swift's protected symbols among the dynamic ones; lld comes with Swift.
                    "-use-ld=lld",
                    "-Xlinker", "-soname", "-Xlinker", "libteleport.so.0",
                    "-Xlinker", "--version-script=" + Context.packageDirectory + "/Sources/Teleport/exports.map",
                    "-Xlinker", "-z", "-Xlinker", "nodelete",
                ])
            ]),

        tests("Runtime", []),
        tests("Files", ["Runtime"]),
        tests("Datasets", ["Runtime"]),
    ],
    swiftLanguageModes: [.v6]
)
