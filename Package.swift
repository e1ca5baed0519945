// swift-tools-version:6.0
import PackageDescription

// The Makefile lays a copy of OpenBLAS's serial static archive here (scripts/private-openblas):
// `make` knows where the system keeps it.
let openBLAS = Context.packageDirectory + "/build/openblas/libopenblas.a"

// OpenBLAS's buffer table is shared without a lock in the serial build; CShims replaces it, one
// buffer a thread.
let openBLASLink: [LinkerSetting] = [
    .unsafeFlags([
        "-Xlinker", "--wrap=blas_memory_alloc", "-Xlinker", "--wrap=blas_memory_free",
        "-Xlinker", openBLAS,
    ]),
    .linkedLibrary("m"),
]

let strict: [SwiftSetting] = [.unsafeFlags(["-warnings-as-errors"])]

func module(_ name: String, _ dependencies: [Target.Dependency], link: [LinkerSetting] = [])
    -> Target
{
    .target(
        name: name, dependencies: dependencies, exclude: ["README.md"], swiftSettings: strict,
        linkerSettings: link)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: [.byName(name: name)] + dependencies,
        exclude: ["README.md"], swiftSettings: strict)
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
            name: "CShims", dependencies: ["CPNG"], exclude: ["README.md"],
            cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror", "-fno-math-errno"])],
            // A module map's link line reaches Swift importers only.
            linkerSettings: [.linkedLibrary("png16")]),

        // A module names every module below it: SwiftPM compiles it again only when one that it
        // names has changed, and an allocation inlined from two modules down would keep the old
        // size.
        module("Runtime", ["CShims"]),
        module("Files", ["Runtime", "CShims"]),
        module("LinearAlgebra", ["Runtime", "COpenBLAS", "CShims"], link: openBLASLink),
        module("Layers", ["CShims", "Runtime", "LinearAlgebra"]),
        module("Networks", ["CShims", "Runtime", "LinearAlgebra", "Layers"]),
        module("Optimization", ["CShims", "Runtime", "LinearAlgebra", "Layers", "Networks"]),
        module("Symmetry", ["Runtime", "LinearAlgebra", "Layers", "Networks", "Optimization"]),
        module("Datasets", ["Runtime", "Files", "CPNG", "CZlib", "CShims"]),
        module(
            "Training",
            [
                "CShims", "Runtime", "Files", "LinearAlgebra", "Layers", "Networks", "Optimization",
                "Symmetry", "Datasets",
            ]),
        module(
            "TeleportABI",
            [
                "CTeleport", "CShims", "Runtime", "Files", "LinearAlgebra", "Layers", "Networks",
                "Optimization", "Symmetry", "Datasets", "Training",
            ]),
        .target(
            name: "Teleport", dependencies: ["TeleportABI"], exclude: ["README.md", "exports.map"],
            linkerSettings: [
                .unsafeFlags([
                    "-static-stdlib",
                    // gold leaves two of Swift's protected symbols among the dynamic ones; lld
                    // comes with Swift.
                    "-use-ld=lld",
                    "-Xlinker",
                    "--version-script=" + Context.packageDirectory
                        + "/Sources/Teleport/exports.map",
                    "-Xlinker", "-z", "-Xlinker", "nodelete",
                ])
            ]),

        // Golden vectors, samples and a reference network in double: no part of any product.
        .target(name: "TestAllocations", path: "Tests/Support/Allocations"),
        .target(
            name: "TestSupport",
            dependencies: [
                "TestAllocations", "CShims", "Runtime", "LinearAlgebra", "Layers", "Networks",
            ],
            path: "Tests/Support", exclude: ["Allocations", "README.md"], swiftSettings: strict),
        tests("Runtime", []),
        tests("Files", ["Runtime"]),
        tests("LinearAlgebra", ["Runtime", "TestSupport"]),
        tests("Layers", ["CShims", "Runtime", "LinearAlgebra", "Networks", "TestSupport"]),
        tests("Networks", ["CShims", "Runtime", "LinearAlgebra", "Layers", "TestSupport"]),
        tests("Optimization", ["Runtime", "LinearAlgebra", "Layers", "Networks", "TestSupport"]),
        tests(
            "Symmetry",
            ["Runtime", "LinearAlgebra", "Layers", "Networks", "Optimization", "TestSupport"]),
        tests(
            "Training",
            [
                "Runtime", "Files", "LinearAlgebra", "Layers", "Networks", "Optimization",
                "Symmetry", "Datasets", "TestSupport",
            ]),
        tests("Datasets", ["Runtime", "Files"]),
    ],
    swiftLanguageModes: [.v6]
)
