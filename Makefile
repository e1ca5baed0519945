# The front door of libteleport.
#
#   make              build/lib/libteleport.so and build/include/teleport.h
#   make demo         trains on a folder of PNG digits, with and without a teleport
#   make test         every test; the last line is "N passed, N failed"
#   make bench        every benchmark beside its peers, in .venv-bench; QUICK=1 without them; DATA=folder of MNIST PNGs;
#                     ONLY=steps,decode; the tables land in build/bench (see bench/README.md)
#   make install      PREFIX=/usr/local DESTDIR=
#   make uninstall
#   make fuzz         SECONDS=n of libFuzzer on each target of fuzz/
#   make sanitize     Swift and C tests under AddressSanitizer and ThreadSanitizer
#   make kill-test    COUNT=200 checkpoints of processes that are killed while they save
#   make abi-record   writes the ABI as it is now into Tests/data/abi.txt; see docs/abi.md
#   make python-abi   writes the header as the Python package reads it into python/teleport/_abi.py
#   make format       rewrites the Swift sources in the project's format
#   make lint         checks format and warnings
#   make clean        removes build/ and .build*/; `make distclean` also removes .venv/ and .venv-bench/
#
# Missing system packages are installed with apt where that is allowed; otherwise make stops with the command to run.
#
#   OPENBLAS=/path/libopenblas.a    a serial OpenBLAS archive in another place than Debian's
#   PYTHON=python3                  makes .venv for the tests
#   SWIFT=swift  CC=cc  CXX=c++

SWIFT ?= swift
PYTHON ?= python3
INSTALL ?= install
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DOCDIR ?= $(PREFIX)/share/doc/teleport
CFLAGS ?= -O2

.DEFAULT_GOAL := lib
.DELETE_ON_ERROR:
.PHONY: build/stamps/always fuzz sanitize fuzz-corpus kill-test abi-record python-abi lib demo bench bench-programs test test-programs install uninstall clean distclean format lint

version_part = $(shell sed -n 's/^\#define TP_VERSION_$(1) //p' include/teleport.h)
MAJOR := $(call version_part,MAJOR)
VERSION := $(MAJOR).$(call version_part,MINOR).$(call version_part,PATCH)

LIBRARY := build/lib/libteleport.so.$(VERSION)
ARCHIVE := build/openblas/libopenblas.a
STRICT := -pedantic -Wall -Wextra -Werror

# ---- set-up ------------------------------------------------------------------------------------------------------

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
DEMO := build/examples/03-image-folder --compare --widths 32,32 --epochs 20

demo: build/examples/03-image-folder build/digits-png
	@echo "== rate 0.01: 64-32-32-10 on 8x8 digits, with and without one teleport before the first epoch"
	@$(DEMO) --rate 0.01 build/digits-png
	@echo
	@echo "== the same nets at the rate that is best without teleports"
	@$(DEMO) --rates 0.01,0.03,0.1,0.3,1 build/digits-png

# ---- tests -------------------------------------------------------------------------------------------------------

FUZZ_TARGETS := png idx safetensors folders abi
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
build/tests/c/products: Tests/c/products.c $(wildcard Sources/CShims/products* Sources/CShims/include/products.h) Tests/c/check.h
	@mkdir -p $(@D)
	@$(dir $(shell readlink -f $$(command -v $(SWIFT))))clang -std=gnu11 $(subst -pedantic,-Wno-psabi,$(STRICT)) $(CFLAGS) \
		-ISources/CShims/include $< -o $@ -lm

# Without the wrap the comparison must fail: this shows that it can.
build/tests/c/blas_threads_unwrapped: Tests/c/blas_threads.c Tests/c/check.h | $(ARCHIVE)
	@mkdir -p $(@D)
	@$(CC) -std=c11 $(STRICT) $(CFLAGS) -DUNWRAPPED -ISources/CShims/include $< -o $@ $(ARCHIVE) -lpthread -lm

test-programs: lib $(C_TESTS) $(BLAS_TESTS) $(EXAMPLES) \
	$(addprefix build/tests/fuzz/,$(FUZZ_TARGETS)) $(addprefix build/fuzz/corpus/,$(FUZZ_TARGETS))

test: build/stamps/system-test .venv/stamp $(ARCHIVE)
	@$(PYTHON) Tests/run

# ---- benchmarks --------------------------------------------------------------------------------------------------

BENCH_PROGRAMS := $(patsubst %,build/bench/%,steps calls folder teleports sharing libpng-loop malloc_count.so)
BENCH_C := $(CC) -std=gnu11 -Wall -Wextra -Werror $(CFLAGS) -Ibuild/include
BENCH_LINK := -Lbuild/lib -lteleport -Wl,-rpath,'$$ORIGIN/../lib' -lpthread -ldl -lm

build/bench/%: bench/%.c bench/bench.h build/include/teleport.h $(LIBRARY)
	@mkdir -p $(@D)
	@$(BENCH_C) $< -o $@ $(BENCH_LINK)

# The bare products run on the same archive that the library contains.
build/bench/steps: bench/steps.c bench/bench.h build/include/teleport.h $(LIBRARY) $(ARCHIVE)
	@mkdir -p $(@D)
	@$(BENCH_C) $< -o $@ $(ARCHIVE) $(BENCH_LINK)

build/bench/libpng-loop: bench/libpng-loop.c
	@mkdir -p $(@D)
	@$(CC) -Wall -Wextra -Werror $(CFLAGS) $< -o $@ -lpng

build/bench/malloc_count.so: bench/malloc_count.c
	@mkdir -p $(@D)
	@$(CC) -std=c11 -Wall -Wextra -Werror $(CFLAGS) -shared -fPIC $< -o $@

.venv-bench/stamp: bench/requirements.txt bench/environment.py
	@$(PYTHON) bench/environment.py .venv-bench
	@touch $@

bench-programs: lib $(BENCH_PROGRAMS)

BENCH_ENVIRONMENT := $(if $(QUICK),,.venv-bench/stamp)

bench: bench-programs $(BENCH_ENVIRONMENT)
	@$(PYTHON) bench/run.py $(if $(QUICK),--quick) $(if $(DATA),--data "$(DATA)") $(if $(ONLY),--only $(ONLY)) \
		$(if $(wildcard .venv-bench/bin/python),--python .venv-bench/bin/python) --flags "swift build -c release; $(CC) $(CFLAGS)"

COUNT ?= 200

kill-test: build/tests/c/kill
	@build/tests/c/kill $(COUNT)

abi-record: lib
	@CC="$(CC)" scripts/abi-record --write

python-abi:
	@$(PYTHON) scripts/python-abi --write

# ---- fuzzing -----------------------------------------------------------------------------------------------------

SECONDS ?= 60
FUZZ_FLAGS := -sanitize=fuzzer,address
FUZZ_OPTIONS := allocator_may_return_null=1:max_allocation_size_mb=256:detect_leaks=0
FUZZ_MODULES := Runtime Files LinearAlgebra Layers Networks Optimization Symmetry Datasets Training TeleportABI CShims
FUZZ_CORPUS = build/fuzz/corpus/$* $(if $(filter png,$*),Tests/data/png Tests/data/bad) $(if $(filter safetensors,$*),Tests/data/bad Tests/data/checkpoints)

build/stamps/fuzz: $(SWIFT_SOURCES) | $(ARCHIVE)
	@mkdir -p $(@D)
	@$(SWIFT_BUILD) --configuration release --scratch-path .build-fuzz --target TeleportABI \
		-Xswiftc $(FUZZ_FLAGS) -Xcc -f$(subst -sanitize=fuzzer,sanitize=fuzzer-no-link,$(FUZZ_FLAGS)) \
		>build/fuzz-build.log 2>&1 || { cat build/fuzz-build.log; exit 1; }
	@touch $@

build/fuzz/%: fuzz/%.c fuzz/fuzz.h build/stamps/fuzz
	@mkdir -p $(@D)
	@$(dir $(shell readlink -f $$(command -v $(SWIFT))))clang -std=gnu11 -O1 -g $(subst -pedantic,,$(STRICT)) -Iinclude \
		-fsanitize=fuzzer-no-link,address -c $< -o $@.o
	@env -u CC $(SWIFT)c -static-stdlib $(FUZZ_FLAGS) -use-ld=lld $@.o \
		$(foreach module,$(FUZZ_MODULES),$$(find .build-fuzz/release/$(module).build -name '*.o')) \
		-Xlinker --wrap=blas_memory_alloc -Xlinker --wrap=blas_memory_free -Xlinker $(ARCHIVE) -lpng16 -lz -lm -o $@

build/fuzz/corpus/%: fuzz/corpus/%.tar.gz
	@mkdir -p $(@D) && rm -rf $@ && tar -xzf $< -C $(@D) && touch $@

# Inputs that find new edges are kept in build/fuzz/found; `make fuzz-corpus` puts those that matter into fuzz/corpus.
fuzz-%: build/fuzz/% build/fuzz/corpus/%
	@mkdir -p build/fuzz/found/$*
	@echo "fuzzing $* for $(SECONDS) s"
	@ASAN_OPTIONS=$(FUZZ_OPTIONS) nice build/fuzz/$* -max_total_time=$(SECONDS) -timeout=5 -rss_limit_mb=1024 -max_len=4096 \
		-print_final_stats=1 -artifact_prefix=build/fuzz/$*- build/fuzz/found/$* $(FUZZ_CORPUS) >build/fuzz/$*.log 2>&1 \
		|| { tail -40 build/fuzz/$*.log; exit 1; }
	@sed -n 's/^#[0-9]*[\t ]*DONE */  $*: /p' build/fuzz/$*.log

fuzz: $(addprefix fuzz-,$(FUZZ_TARGETS))

merge-%: build/fuzz/% build/fuzz/corpus/%
	@mkdir -p build/fuzz/found/$*
	@ASAN_OPTIONS=$(FUZZ_OPTIONS) build/fuzz/$* -set_cover_merge=1 -max_len=4096 build/fuzz/corpus/$* build/fuzz/found/$* \
		>build/fuzz/$*-merge.log 2>&1
	@tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=2026-01-01 -C build/fuzz/corpus -cf - $* | gzip -9n \
		>fuzz/corpus/$*.tar.gz

fuzz-corpus: $(addprefix merge-,$(FUZZ_TARGETS))

# The same targets on the library itself.
build/tests/fuzz/%: fuzz/%.c fuzz/replay.c fuzz/fuzz.h build/include/teleport.h $(LIBRARY)
	@mkdir -p $(@D)
	@$(CC) -std=gnu11 $(subst -pedantic,,$(STRICT)) $(CFLAGS) -Ibuild/include $< fuzz/replay.c -o $@ \
		-Lbuild/lib -lteleport -Wl,-rpath,'$$ORIGIN/../../lib'

# ---- sanitizers --------------------------------------------------------------------------------------------------

sanitize: build/stamps/system-test build/include/teleport.h $(ARCHIVE)
	@SWIFT="$(SWIFT)" Tests/sanitize

# ---- install -----------------------------------------------------------------------------------------------------

PC_DIR = $(DESTDIR)$(LIBDIR)/pkgconfig
CMAKE_DIR = $(DESTDIR)$(LIBDIR)/cmake/teleport
FILL = sed -e 's|@VERSION@|$(VERSION)|g' -e 's|@MAJOR@|$(MAJOR)|g' -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@LIBDIR@|$(LIBDIR)|g' \
	-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|g' \
	-e "s|@LIBDIR_FROM_CONFIG@|../..|g" \
	-e "s|@INCLUDEDIR_FROM_CONFIG@|$$(realpath -m --relative-to='$(LIBDIR)/cmake/teleport' '$(INCLUDEDIR)')|g"

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

uninstall:
	@rm -f "$(DESTDIR)$(INCLUDEDIR)/teleport.h" "$(DESTDIR)$(LIBDIR)"/libteleport.so "$(DESTDIR)$(LIBDIR)"/libteleport.so.$(MAJOR) \
		"$(DESTDIR)$(LIBDIR)/libteleport.so.$(VERSION)" "$(PC_DIR)/teleport.pc" \
		"$(CMAKE_DIR)/teleport-config.cmake" "$(CMAKE_DIR)/teleport-config-version.cmake" \
		"$(DESTDIR)$(DOCDIR)/LICENSE" "$(DESTDIR)$(DOCDIR)/NOTICE"
	@rmdir "$(CMAKE_DIR)" "$(DESTDIR)$(DOCDIR)" 2>/dev/null || true
	@echo "removed libteleport from $(DESTDIR)$(PREFIX)"

# ---- housekeeping ------------------------------------------------------------------------------------------------

SWIFT_FOLDERS := $(wildcard Sources Tests bench fuzz)

format:
	@$(SWIFT) format --in-place --recursive Package.swift $(SWIFT_FOLDERS)

lint: | build/stamps/system-lib
	@$(SWIFT) format lint --strict --recursive Package.swift $(SWIFT_FOLDERS)
	@for compiler in $(CC) clang; do \
		for file in examples/c/*.c $(filter-out Tests/c/blas_%.c Tests/c/products.c,$(wildcard Tests/c/*.c)); do \
			$$compiler -std=c99 $(STRICT) -Iinclude -fsyntax-only $$file || exit 1; done; \
		for file in Sources/CShims/*.c Tests/c/blas_*.c; do \
			$$compiler -std=c11 $(STRICT) -Wno-pedantic -ISources/CShims/include -fsyntax-only $$file || exit 1; done; \
	done

clean:
	@rm -rf build .build .build-*

distclean: clean
	@rm -rf .venv .venv-bench
