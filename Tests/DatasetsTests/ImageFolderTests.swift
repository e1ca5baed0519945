import Datasets
import Foundation
import Runtime
import XCTest

/// What a folder of images becomes: classes, order, links, odd entries, progress.
final class ImageFolderTests: XCTestCase {
    private let image = "grey_8_5x3.png"

    private func folder(_ files: [String]) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for file in files { try folder.add(image, as: file) }
        return folder
    }

    private func skip(_ change: (inout ImageConfig) -> Void = { _ in }) -> ImageConfig {
        var options = ImageConfig()
        options.badImage = .skip
        change(&options)
        return options
    }

    private func load(
        _ folder: TemporaryFolder, classes: [String], allowEmpty: Bool = false
    ) throws -> Dataset {
        try withCStrings(classes) { names in
            var options = ImageConfig()
            try options.setClassNames(names, count: classes.count)
            options.allowsEmptyClasses = allowEmpty
            return try Dataset.images(in: folder.path, options)
        }
    }

    func testClassesAndFilesAreSortedByBytes() throws {
        let folder = try folder([
            "a/2.png", "a/10.png", "a/1/x.png", "a/1.png", "a/1-/x.png", "a-b/1.png", "Z/1.png",
            "é/1.png",
        ])
        let set = try Dataset.images(in: folder.path)
        XCTAssertEqual(set.names, ["Z", "a", "a-b", "é"])
        XCTAssertEqual(
            set.paths(below: folder.path),
            [
                "Z/1.png", "a/1-/x.png", "a/1.png", "a/1/x.png", "a/10.png", "a/2.png", "a-b/1.png",
                "é/1.png",
            ])
        XCTAssertEqual(set.labels, [0, 1, 1, 1, 1, 1, 2, 3])
        XCTAssertNil(set.className(4))
        XCTAssertNil(set.className(-1))
        XCTAssertNil(set.samplePath(8))
        XCTAssertNil(set.samplePath(-1))
        XCTAssertNil(set.skipped(0))
    }

    func testAThousandFilesComeInOrder() throws {
        let folder = try TemporaryFolder()
        let names = (0..<1000).map { "a/image_with_a_long_name_\($0 * 7919 % 1000).png" }
        for name in names { try folder.add(image, as: name) }
        let set = try Dataset.images(in: folder.path)
        XCTAssertEqual(
            set.paths(below: folder.path),
            names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
    }

    func testOnlyPNGNamesCountAndDotNamesDoNot() throws {
        let folder = try folder([
            "a/1.PNG", "a/2.pNg", "a/3.jpg", "a/png", "a/.png", "a/.4.png", "a/.hidden/5.png",
            ".b/6.png",
        ])
        let set = try Dataset.images(in: folder.path)
        XCTAssertEqual(set.names, ["a"])
        XCTAssertEqual(set.paths(below: folder.path), ["a/1.PNG", "a/2.pNg"])
    }

    func testAFolderNamedPNGIsAFolder() throws {
        let folder = try folder(["a/b.png/c.png"])
        let set = try Dataset.images(in: folder.path, skip { $0.takesNestedClasses = true })
        XCTAssertEqual(set.paths(below: folder.path), ["a/b.png/c.png"])
    }

    func testASlashAtTheEndOfThePathIsNotDoubled() throws {
        let folder = try folder(["a/1.png"])
        let set = try Dataset.images(in: folder.path + "/")
        XCTAssertEqual(set.samplePath(0).map { String(cString: $0) }, folder.path("a/1.png"))
    }

    func testLinksAreFollowedAndLoopsEnd() throws {
        let folder = try folder(["a/1.png", "pool/p.png", "pool/sub/q.png"])
        try folder.link("a/file.png", to: "../pool/p.png")
        try folder.link("a/sub", to: "../pool/sub")
        try folder.link("a/again", to: "../pool/sub")
        try folder.link("a/up", to: "..")
        try folder.link("a/self", to: ".")
        try folder.link("a/round", to: "round")
        var options = ImageConfig()
        options.allowsEmptyClasses = true
        let set = try Dataset.images(in: folder.path, options)
        XCTAssertEqual(
            set.paths(below: folder.path), ["a/1.png", "a/again/q.png", "a/file.png", "pool/p.png"])
    }

    func testALinkIntoAnotherClassAddsNothing() throws {
        let folder = try folder(["a/1.png", "b/2.png"])
        try folder.link("a/other", to: "../b")
        let set = try Dataset.images(in: folder.path)
        XCTAssertEqual(set.paths(below: folder.path), ["a/1.png", "b/2.png"])
    }

    func testTwoClassesMustNotBeOneFolder() throws {
        let folder = try folder(["a/1.png"])
        try folder.link("b", to: "a")
        let error = failure { try Dataset.images(in: folder.path) }
        XCTAssertEqual(error.status, .notFound)
        XCTAssertEqual(
            error.message,
            "class 'b' is the same folder as another class of '\(folder.path)'; "
                + "allow_empty_classes = 1 keeps such a class")
    }

    func testSpecialFilesAreBadImagesAndNeverBlock() throws {
        let folder = try folder(["a/1.png"])
        XCTAssertEqual(mkfifo(folder.path("a/2_fifo.png"), 0o600), 0)
        try folder.link("a/3_fifo.png", to: "2_fifo.png")
        try folder.link("a/4_device.png", to: "/dev/null")
        try folder.link("a/5_dangling.png", to: "nowhere")
        try folder.link("a/6_loop.png", to: "6_loop.png")
        try bindSocket(folder.path("a/7_socket.png"))
        XCTAssertEqual(mkfifo(folder.path("a/ignored"), 0o600), 0)
        let set = try Dataset.images(in: folder.path, skip())
        XCTAssertEqual(set.paths(below: folder.path), ["a/1.png"])
        XCTAssertEqual(
            set.skippedFiles.map { $0.reason },
            [
                "it is a FIFO, not a file", "it is a FIFO, not a file",
                "it is a device, not a file",
                "No such file or directory", "Too many levels of symbolic links",
                "it is a socket, not a file",
            ])
        let error = failure { try Dataset.images(in: folder.path) }
        XCTAssertEqual(error.status, .format)
        XCTAssertEqual(
            error.message, "image '\(folder.path("a/2_fifo.png"))': it is a FIFO, not a file")
    }

    private func bindSocket(_ path: String) throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let status = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        XCTAssertEqual(status, 0)
    }

    func testAnUnreadableFolderIsNamed() throws {
        let folder = try folder(["a/1.png", "a/b/2.png"])
        chmod(folder.path("a/b"), 0)
        defer { chmod(folder.path("a/b"), 0o700) }
        // Root reads every folder.
        let user = geteuid()
        if user == 0 { XCTAssertEqual(seteuid(65534), 0) }
        defer { _ = seteuid(user) }
        let error = failure { try Dataset.images(in: folder.path, skip()) }
        XCTAssertEqual(error.status, .io)
        XCTAssertEqual(
            error.message, "folder '\(folder.path("a/b"))' cannot be opened: Permission denied")
    }

    func testAPathThatIsNoFolderIsNamed() throws {
        let folder = try folder(["a/1.png"])
        let missing = failure { try Dataset.images(in: folder.path("x")) }
        XCTAssertEqual(missing.status, .notFound)
        XCTAssertEqual(
            missing.message,
            "folder '\(folder.path("x"))' cannot be opened: No such file or directory")
        let file = failure { try Dataset.images(in: folder.path("a/1.png")) }
        XCTAssertEqual(file.status, .io)
        XCTAssertEqual(
            file.message, "folder '\(folder.path("a/1.png"))' cannot be opened: Not a directory")
        XCTAssertEqual(failure { try Dataset.images(in: "") }.status, .invalidArgument)
    }

    func testAPathBelowThatIsTooLongIsAnErrorAndALongRootToo() throws {
        let folder = try folder(["a/1.png"])
        let name = String(repeating: "x", count: 200)
        var descriptor = open(folder.path("a"), O_RDONLY)
        for _ in 0..<30 {
            XCTAssertEqual(mkdirat(descriptor, name, 0o700), 0)
            let next = openat(descriptor, name, O_RDONLY)
            close(descriptor)
            descriptor = next
        }
        close(descriptor)
        let error = failure { try Dataset.images(in: folder.path) }
        XCTAssertEqual(error.status, .io)
        XCTAssert(error.message.hasPrefix("a path below '...xxx"), error.message)
        XCTAssert(error.message.hasSuffix("x' is longer than 4095 bytes"), error.message)
        let root = failure { try Dataset.images(in: String(repeating: "y", count: 5000)) }
        XCTAssertEqual(root.status, .io)
    }

    func testDeepFoldersAreWalked() throws {
        let folder = try folder(["a/1.png"])
        var deep = "a"
        for _ in 0..<1500 {
            deep += "/d"
            XCTAssertEqual(mkdir(folder.path(deep), 0o700), 0)
        }
        deep += "/1.png"
        XCTAssertEqual(rename(folder.path("a/1.png"), folder.path(deep)), 0)
        let set = try Dataset.images(in: folder.path, skip { $0.takesNestedClasses = true })
        XCTAssertEqual(set.paths(below: folder.path), [deep])
    }

    func testAnEmptyClassIsAnErrorUnlessAllowed() throws {
        let folder = try folder(["a/1.png", "c/1.png"])
        try folder.folder("b")
        let error = failure { try Dataset.images(in: folder.path) }
        XCTAssertEqual(error.status, .notFound)
        XCTAssertEqual(
            error.message,
            "class 'b' has no .png file in '\(folder.path)'; allow_empty_classes = 1 keeps such a class"
        )
        var options = ImageConfig()
        options.allowsEmptyClasses = true
        let set = try Dataset.images(in: folder.path, options)
        XCTAssertEqual(set.names, ["a", "b", "c"])
        XCTAssertEqual(set.labels, [0, 2])
    }

    func testClassNamesFixTheOrder() throws {
        let folder = try folder(["a/1.png", "b/1.png", "c/1.png"])
        let set = try load(folder, classes: ["c", "a", "b"])
        XCTAssertEqual(set.names, ["c", "a", "b"])
        XCTAssertEqual(set.labels, [0, 1, 2])
        XCTAssertEqual(set.paths(below: folder.path), ["c/1.png", "a/1.png", "b/1.png"])
    }

    func testAClassWithoutItsFolderIsEmpty() throws {
        let folder = try folder(["a/1.png", "c/1.png"])
        let error = failure { try load(folder, classes: ["a", "b", "c"]) }
        XCTAssertEqual(error.status, .notFound)
        XCTAssertEqual(
            error.message,
            "class 'b' has no folder in '\(folder.path)'; allow_empty_classes = 1 keeps such a class"
        )
        let set = try load(folder, classes: ["a", "b", "c"], allowEmpty: true)
        XCTAssertEqual(set.labels, [0, 2])
        XCTAssertEqual(set.classCount, 3)
    }

    func testAFolderThatIsNoneOfTheNamesIsAnError() throws {
        let folder = try folder(["a/1.png", "b/1.png"])
        let error = failure { try load(folder, classes: ["a"]) }
        XCTAssertEqual(error.status, .notFound)
        XCTAssertEqual(
            error.message, "folder 'b' in '\(folder.path)' is none of the 1 class names given")
    }

    func testBadClassNamesAreNamed() throws {
        let folder = try folder(["a/1.png"])
        XCTAssertEqual(
            failure { try load(folder, classes: ["a", "a"]) }.message,
            "class_names[0] and class_names[1] are both 'a'")
        XCTAssertEqual(
            failure { try load(folder, classes: ["a", "../a"]) }.message,
            "class_names[1] is '../a'; a class is one folder, without '/'")
        XCTAssertEqual(
            failure { try load(folder, classes: [".."]) }.message,
            "class_names[0] is '..'; folders that begin with '.' are skipped")
        XCTAssertEqual(
            failure { try load(folder, classes: [""]) }.message, "class_names[0] is empty")
    }

    func testAFolderWithoutClassesSaysWhatIsNeeded() throws {
        let folder = try folder(["1.png"])
        let error = failure { try Dataset.images(in: folder.path) }
        XCTAssertEqual(error.status, .notFound)
        XCTAssertEqual(
            error.message,
            "folder '\(folder.path)' has no class: each needs a sub-directory of .png files "
                + "(it has .png files itself: read it with flat = 1)")
    }

    func testFlatReadsEverythingWithoutLabels() throws {
        let folder = try folder(["2.png", "1.png", "b/3.png"])
        var options = ImageConfig()
        options.isFlat = true
        let set = try Dataset.images(in: folder.path, options)
        XCTAssertEqual(set.paths(below: folder.path), ["1.png", "2.png", "b/3.png"])
        XCTAssertFalse(set.hasLabels)
        XCTAssertEqual(set.classCount, 0)
        XCTAssertNil(set.className(0))
        let empty = try TemporaryFolder()
        XCTAssertEqual(
            failure { try Dataset.images(in: empty.path, options) }.message,
            "folder '\(empty.path)' has no .png file")
    }

    func testFilesAreReadInTheOrderGiven() throws {
        let folder = try folder(["b.png", "a.png"])
        let paths = [folder.path("b.png"), folder.path("a.png"), folder.path("b.png")]
        let set = try withCStrings(paths) {
            try Dataset.fromImageFiles(paths: $0, count: 3, options: ImageConfig())
        }
        XCTAssertEqual(set?.paths(below: folder.path), ["b.png", "a.png", "b.png"])
        XCTAssertEqual(set?.hasLabels, false)
    }

    func testBadPathListsAreRefused() {
        var path: UnsafePointer<CChar>?
        XCTAssertEqual(
            failure {
                try Dataset.fromImageFiles(paths: &path, count: 1, options: ImageConfig())
            }.message, "paths[0] is NULL")
        XCTAssertEqual(
            failure {
                try Dataset.fromImageFiles(paths: &path, count: 0, options: ImageConfig())
            }.message, "count is 0; at least 1 file is needed")
    }

    func testPathsKeepTheirBytes() throws {
        let folder = try TemporaryFolder()
        try folder.add(image, as: "a/x.png")
        let odd: [UInt8] = Array((folder.path + "/a/").utf8) + [0xFF, 0x0A] + Array(".png\0".utf8)
        odd.withUnsafeBytes { bytes in
            _ = rename(folder.path("a/x.png"), bytes.bindMemory(to: CChar.self).baseAddress)
        }
        let set = try Dataset.images(in: folder.path)
        let path = try XCTUnwrap(set.samplePath(0))
        XCTAssertEqual(UnsafeBufferPointer(start: path, count: odd.count).map(UInt8.init), odd)
    }

    func testProgressCountsToTheEndOnTheCallingThread() throws {
        let folder = try folder((0..<300).map { "a/\($0).png" })
        let caller = pthread_self()
        var calls: [(Int64, Int64)] = []
        _ = try Dataset.images(in: folder.path) { done, total in
            XCTAssertEqual(pthread_self(), caller)
            calls.append((done, total))
            return true
        }
        XCTAssertEqual(calls.last?.0, 300)
        XCTAssertEqual(calls.last?.1, 300)
        for (before, after) in zip(calls, calls.dropFirst()) {
            XCTAssertLessThanOrEqual(before.0, after.0)
            XCTAssertLessThanOrEqual(before.1, after.1)
        }
    }

    func testProgressCanStopAtEveryCall() throws {
        let folder = try folder((0..<300).map { "a/\($0).png" })
        var allowed = 0
        while allowed < 1000 {
            var calls = 0
            let set = try Dataset.fromImageFolder(path: folder.path, options: ImageConfig()) {
                _, _ in
                calls += 1
                return calls <= allowed
            }
            if set != nil { break }
            allowed += 1
        }
        XCTAssertGreaterThanOrEqual(allowed, 2)
        XCTAssertLessThan(allowed, 1000)
    }
}
