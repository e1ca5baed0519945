# The front door of libteleport; `make help` lists the targets.
#
# Missing system packages are installed with apt where that is allowed; otherwise make stops with the command to run.

## SWIFT=swift CC=cc CXX=c++: the compilers
SWIFT ?= swift
## PYTHON=python3: makes .venv for the tests
PYTHON ?= python3
INSTALL ?= install
## PREFIX=/usr/local DESTDIR=: where install copies to
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DOCDIR ?= $(PREFIX)/share/doc/teleport
CFLAGS ?= -O2

.DEFAULT_GOAL := lib
.DELETE_ON_ERROR:
.PHONY: help modules build/stamps/always lib demo test test-programs kill-test abi-record python-abi sanitize install uninstall \
	format lint clean distclean

version_part = $(shell sed -n 's/^\#define TP_VERSION_$(1) //p' include/teleport.h)
MAJOR := $(call version_part,MAJOR)
VERSION := $(MAJOR).$(call version_part,MINOR).$(call version_part,PATCH)

LIBRARY := build/lib/libteleport.so.$(VERSION)
ARCHIVE := build/openblas/libopenblas.a
STRICT := -pedantic -Wall -Wextra -Werror
# What the library is linked from, for programs that are linked from its objects.
MODULES := Runtime Files LinearAlgebra Layers Networks Optimization Symmetry Datasets Training TeleportABI CShims

# From the lines that begin with two hashes.
## help: this list
help:
	@awk -F ': ' 'sub(/^## /, "") { line = sprintf("  %-28s  %s\n", $$1, substr($$0, length($$1) + 3)); \
		if ($$1 ~ /=/) settings = settings line; else printf "%s", line } END { printf "\n%s", settings }' $(MAKEFILE_LIST)

modules:
	@echo $(MODULES)

# ---- set-up ------------------------------------------------------------------------------------------------------

## OPENBLAS=/path/libopenblas.a: a serial OpenBLAS archive in another place than Debian's
export PYTHON OPENBLAS

build/stamps/system-%: scripts/system-packages
	@mkdir -p $(@D)
	@CC="$(CC)" CXX="$(CXX)" scripts/system-packages $*
	@touch $@

# A copy of the archive whose malloc and free are ours: see Sources/CShims/blas_buffers.c. The script looks each time, and
# makes it again only where it must.
$(ARCHIVE): build/stamps/always | build/stamps/system-lib
	@CC="$(CC)" scripts/private-openblas $@

build/stamps/always: ;

.venv/stamp: python/requirements-test.txt | build/stamps/system-test
	@echo "setting up .venv"
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check -r python/requirements-test.txt
	@touch $@

# ---- the library -------------------------------------------------------------------------------------------------

# SwiftPM compiles C with $CC when it is set, but with clang's options.
SWIFT_BUILD := env -u CC -u CXX $(SWIFT) build

SWIFT_SOURCES := Package.swift $(shell find Sources -type f) include/teleport.h

## lib: build/lib/libteleport.so and build/include/teleport.h; what make does without a target
lib: $(LIBRARY) build/include/teleport.h

build/include/teleport.h: include/teleport.h
	@mkdir -p $(@D)
	@cp $< $@

# SwiftPM does not compile Swift again when only the header changed: the stamp's rule makes it.
build/stamps/header: include/teleport.h
	@mkdir -p $(@D)
	@if ! cmp -s $< $@; then touch Sources/TeleportABI/*.swift && cp $< $@; fi
	@touch $@

# --no-undefined stands here and not in Package.swift, where it would break `swift test --sanitize`; the soname, because
# its number is the header's.
$(LIBRARY): $(SWIFT_SOURCES) build/stamps/header | $(ARCHIVE)
	@echo "building libteleport $(VERSION)"
	@$(SWIFT_BUILD) --configuration release --product teleport --disable-local-rpath \
		-Xlinker --no-undefined -Xlinker -soname -Xlinker libteleport.so.$(MAJOR) \
		>build/swift-build.log 2>&1 || { cat build/swift-build.log; exit 1; }
	@mkdir -p $(@D)
	@strip -o $@.new .build/release/libteleport.so && mv $@.new $@
	@ln -sf libteleport.so.$(VERSION) build/lib/libteleport.so.$(MAJOR)
	@ln -sf libteleport.so.$(MAJOR) build/lib/libteleport.so
	@echo "built build/lib/libteleport.so"

# Beside what they build.
include bench/bench.mk fuzz/fuzz.mk

# ---- examples and demo -------------------------------------------------------------------------------------------

EXAMPLES := $(patsubst examples/c/%.c,build/examples/%,$(wildcard examples/c/*.c))
LINK := -Lbuild/lib -lteleport -Wl,-rpath,'$$ORIGIN/../lib'

build/examples/%: examples/c/%.c build/include/teleport.h $(LIBRARY)
	@mkdir -p $(@D)
	@$(CC) -std=c99 $(STRICT) $(CFLAGS) -Ibuild/include $< -o $@ $(LINK) -lm

build/digits-png: examples/data/digits-png.tar.gz
	@mkdir -p build
	@rm -rf $@ && tar -xzf $< -C build && touch $@

# The first of the two is what the README's first lines run.
DEMO := build/examples/03-image-folder --widths 32,32 --epochs 20

## demo: trains on a folder of PNG digits, with and without a teleport, and without a learning rate
demo: build/examples/03-image-folder build/digits-png
	@echo "== rate 0.01: 64-32-32-10 on 8x8 digits, with and without one teleport before the first epoch"
	@$(DEMO) --compare --rate 0.01 build/digits-png
	@echo
	@echo "== the same nets at the rate that is best without teleports"
	@$(DEMO) --compare --rates 0.01,0.03,0.1,0.3,1 build/digits-png
	@echo
	@echo "== the same net without a rate to choose"
	@$(DEMO) --quiet build/digits-png

# ---- tests -------------------------------------------------------------------------------------------------------

C_TESTS := $(patsubst Tests/c/%.c,build/tests/c/%,$(filter-out Tests/c/blas_%.c,$(wildcard Tests/c/*.c)))
BLAS_TESTS := build/tests/c/blas_threads build/tests/c/blas_threads_unwrapped build/tests/c/blas_memory
WRAP := -Wl,--wrap=blas_memory_alloc,--wrap=blas_memory_free

build/tests/c/%: Tests/c/%.c $(wildcard Tests/c/*.h) build/include/teleport.h $(LIBRARY)
	@mkdir -p $(@D)
	@$(CC) -std=c99 $(STRICT) $(CFLAGS) -Ibuild/include $< -o $@ \
		-rdynamic -Lbuild/lib -Wl,--as-needed -lteleport -Wl,-rpath,'$$ORIGIN/../../lib' -lpthread -ldl -lm

BLAS_BUFFERS := Sources/CShims/blas_buffers.c

build/tests/c/blas_%: Tests/c/blas_%.c $(BLAS_BUFFERS) Tests/c/check.h | $(ARCHIVE)
	@mkdir -p $(@D)
	@$(CC) -std=c11 $(STRICT) $(CFLAGS) -ISources/CShims/include $< $(BLAS_BUFFERS) -o $@ $(WRAP) $(ARCHIVE) -lpthread -lm

# Every copy of the kernels, by the compiler of the library; they are inlined and so have no calling convention.
KERNEL_TESTS := products convolution

$(KERNEL_TESTS:%=build/tests/c/%): build/tests/c/%: Tests/c/%.c $(wildcard Sources/CShims/*.[ch] Sources/CShims/include/*.h) Tests/c/check.h
	@mkdir -p $(@D)
	@$(dir $(shell readlink -f $$(command -v $(SWIFT))))clang -std=gnu11 $(subst -pedantic,-Wno-psabi,$(STRICT)) $(CFLAGS) \
		-ISources/CShims/include $< -o $@ -lm

# Without the wrap the comparison must fail: this shows that it can.
build/tests/c/blas_threads_unwrapped: Tests/c/blas_threads.c Tests/c/check.h | $(ARCHIVE)
	@mkdir -p $(@D)
	@$(CC) -std=c11 $(STRICT) $(CFLAGS) -DUNWRAPPED -ISources/CShims/include $< -o $@ $(ARCHIVE) -lpthread -lm

test-programs: lib $(C_TESTS) $(BLAS_TESTS) $(EXAMPLES) \
	$(addprefix build/tests/fuzz/,$(FUZZ_TARGETS)) $(addprefix build/fuzz/corpus/,$(FUZZ_TARGETS))

## test: every test; the last line is "N passed, N failed"
test: build/stamps/system-test .venv/stamp $(ARCHIVE)
	@$(PYTHON) Tests/run

## COUNT=200: of kill-test
COUNT ?= 200

## kill-test: checkpoints of processes that are killed while they save
kill-test: build/tests/c/kill
	@build/tests/c/kill $(COUNT)

## abi-record: writes the ABI as it is now into Tests/data/abi.txt; see docs/abi.md
abi-record: lib
	@CC="$(CC)" scripts/abi-record --write

## python-abi: writes the header as the Python package reads it into python/teleport/_abi.py
python-abi:
	@$(PYTHON) scripts/python-abi --write

# ---- sanitizers --------------------------------------------------------------------------------------------------

## sanitize: Swift and C tests under AddressSanitizer and ThreadSanitizer
sanitize: build/stamps/system-test build/include/teleport.h $(ARCHIVE)
	@SWIFT="$(SWIFT)" Tests/sanitize

# ---- install -----------------------------------------------------------------------------------------------------

PC_DIR = $(DESTDIR)$(LIBDIR)/pkgconfig
CMAKE_DIR = $(DESTDIR)$(LIBDIR)/cmake/teleport
FILL = sed -e 's|@VERSION@|$(VERSION)|g' -e 's|@MAJOR@|$(MAJOR)|g' -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@LIBDIR@|$(LIBDIR)|g' \
	-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|g' \
	-e "s|@LIBDIR_FROM_CONFIG@|../..|g" \
	-e "s|@INCLUDEDIR_FROM_CONFIG@|$$(realpath -m --relative-to='$(LIBDIR)/cmake/teleport' '$(INCLUDEDIR)')|g"

## install: library, header, pkg-config and CMake files
install: lib
	@$(INSTALL) -d "$(DESTDIR)$(INCLUDEDIR)" "$(DESTDIR)$(LIBDIR)" "$(PC_DIR)" "$(CMAKE_DIR)" "$(DESTDIR)$(DOCDIR)"
	@$(INSTALL) -m 644 include/teleport.h "$(DESTDIR)$(INCLUDEDIR)/teleport.h"
	@$(INSTALL) -m 755 $(LIBRARY) "$(DESTDIR)$(LIBDIR)/libteleport.so.$(VERSION)"
	@ln -sf libteleport.so.$(VERSION) "$(DESTDIR)$(LIBDIR)/libteleport.so.$(MAJOR)"
	@ln -sf libteleport.so.$(MAJOR) "$(DESTDIR)$(LIBDIR)/libteleport.so"
	@$(FILL) packaging/teleport.pc.in >"$(PC_DIR)/teleport.pc"
	@$(FILL) packaging/teleport-config.cmake.in >"$(CMAKE_DIR)/teleport-config.cmake"
	@$(FILL) packaging/teleport-config-version.cmake.in >"$(CMAKE_DIR)/teleport-config-version.cmake"
	@$(INSTALL) -m 644 LICENSE NOTICE "$(DESTDIR)$(DOCDIR)"
	@echo "installed libteleport $(VERSION) in $(DESTDIR)$(PREFIX)"
	@case "$(DESTDIR)$(LIBDIR)" in /usr/*) ldconfig 2>/dev/null || true ;; esac

## uninstall: removes what install copied
uninstall:
	@rm -f "$(DESTDIR)$(INCLUDEDIR)/teleport.h" "$(DESTDIR)$(LIBDIR)"/libteleport.so "$(DESTDIR)$(LIBDIR)"/libteleport.so.$(MAJOR) \
		"$(DESTDIR)$(LIBDIR)/libteleport.so.$(VERSION)" "$(PC_DIR)/teleport.pc" \
		"$(CMAKE_DIR)/teleport-config.cmake" "$(CMAKE_DIR)/teleport-config-version.cmake" \
		"$(DESTDIR)$(DOCDIR)/LICENSE" "$(DESTDIR)$(DOCDIR)/NOTICE"
	@rmdir "$(CMAKE_DIR)" "$(DESTDIR)$(DOCDIR)" 2>/dev/null || true
	@echo "removed libteleport from $(DESTDIR)$(PREFIX)"

# ---- housekeeping ------------------------------------------------------------------------------------------------

SWIFT_FOLDERS := $(wildcard Sources Tests bench fuzz)

## format: rewrites the Swift sources in the project's format
format:
	@$(SWIFT) format --in-place --recursive Package.swift $(SWIFT_FOLDERS)

## lint: checks format and warnings
lint: | build/stamps/system-lib
	@scripts/line-width
	@$(SWIFT) format lint --strict --recursive Package.swift $(SWIFT_FOLDERS)
	@for compiler in $(CC) clang; do \
		for file in examples/c/*.c $(filter-out Tests/c/blas_%.c $(KERNEL_TESTS:%=Tests/c/%.c),$(wildcard Tests/c/*.c)); do \
			$$compiler -std=c99 $(STRICT) -Iinclude -fsyntax-only $$file || exit 1; done; \
		for file in Sources/CShims/*.c Tests/c/blas_*.c; do \
			$$compiler -std=c11 $(STRICT) -Wno-pedantic -ISources/CShims/include -fsyntax-only $$file || exit 1; done; \
	done

## clean: removes build/ and .build*/
clean:
	@rm -rf build .build .build-*

## distclean: also removes .venv/ and .venv-bench/
distclean: clean
	@rm -rf .venv .venv-bench
