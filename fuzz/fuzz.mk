# Fuzzing: part of the Makefile.

.PHONY: fuzz fuzz-corpus

FUZZ_TARGETS := png idx safetensors folders abi architecture
## SECONDS=60: of fuzz, for each target
SECONDS ?= 60
FUZZ_FLAGS := -sanitize=fuzzer,address
FUZZ_OPTIONS := allocator_may_return_null=1:max_allocation_size_mb=256:detect_leaks=0
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
		$$(scripts/objects .build-fuzz $(MODULES)) \
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

## fuzz: libFuzzer on each target of fuzz/
fuzz: $(addprefix fuzz-,$(FUZZ_TARGETS))

merge-%: build/fuzz/% build/fuzz/corpus/%
	@mkdir -p build/fuzz/found/$*
	@ASAN_OPTIONS=$(FUZZ_OPTIONS) build/fuzz/$* -set_cover_merge=1 -max_len=4096 build/fuzz/corpus/$* build/fuzz/found/$* \
		>build/fuzz/$*-merge.log 2>&1
	@tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=2026-01-01 -C build/fuzz/corpus -cf - $* | gzip -9n \
		>fuzz/corpus/$*.tar.gz

## fuzz-corpus: puts the inputs found that matter into fuzz/corpus
fuzz-corpus: $(addprefix merge-,$(FUZZ_TARGETS))

# The same targets on the library itself.
build/tests/fuzz/%: fuzz/%.c fuzz/replay.c fuzz/fuzz.h build/include/teleport.h $(LIBRARY)
	@mkdir -p $(@D)
	@$(CC) -std=gnu11 $(subst -pedantic,,$(STRICT)) $(CFLAGS) -Ibuild/include $< fuzz/replay.c -o $@ \
		-Lbuild/lib -lteleport -Wl,-rpath,'$$ORIGIN/../../lib'
