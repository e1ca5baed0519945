# Benchmarks: part of the Makefile; README.md says what each measures. The tables land in build/bench.

.PHONY: bench bench-programs

BENCH_PROGRAMS := $(patsubst %,build/bench/%,steps calls networks convolution folder teleports sharing routes libpng-loop malloc_count.so)
BENCH_C := $(CC) -std=gnu11 -Wall -Wextra -Werror $(CFLAGS) -Ibuild/include
BENCH_LINK := -Lbuild/lib -lteleport -Wl,-rpath,'$$ORIGIN/../lib' -lpthread -ldl -lm

build/bench/%: bench/%.c bench/bench.h build/include/teleport.h $(LIBRARY)
	@mkdir -p $(@D)
	@$(BENCH_C) $< -o $@ $(BENCH_LINK)

# The bare products run on the same archive that the library contains.
build/bench/steps: bench/steps.c bench/bench.h build/include/teleport.h $(LIBRARY) $(ARCHIVE)
	@mkdir -p $(@D)
	@$(BENCH_C) $< -o $@ $(ARCHIVE) $(BENCH_LINK)

# Linked with the kernels' own objects, which the library does not export.
build/bench/routes: bench/routes.c bench/bench.h build/include/teleport.h $(LIBRARY) $(ARCHIVE)
	@mkdir -p $(@D)
	@$(BENCH_C) -ISources/CShims/include $< .build/release/CShims.build/products.c.o -o $@ $(ARCHIVE) $(BENCH_LINK)
# The library exports no kernels: they are compiled here as there.
build/bench/convolution: bench/convolution.c bench/bench.h $(wildcard Sources/CShims/convolution*) build/include/teleport.h $(ARCHIVE)
	@mkdir -p $(@D)
	@$(dir $(shell readlink -f $$(command -v $(SWIFT))))clang -std=gnu11 -Wall -Wextra -Werror $(CFLAGS) -Ibuild/include \
		-ISources/CShims/include $< $(wildcard Sources/CShims/convolution*.c) -o $@ $(ARCHIVE) -lpthread -lm

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

## bench: every benchmark beside its peers, in .venv-bench
## QUICK=1: bench without the peers
## DATA=folder: of MNIST PNGs, for bench
## ONLY=steps,decode: these tables of bench alone
bench: bench-programs $(BENCH_ENVIRONMENT)
	@$(PYTHON) bench/run.py $(if $(QUICK),--quick) $(if $(DATA),--data "$(DATA)") $(if $(ONLY),--only $(ONLY)) \
		$(if $(wildcard .venv-bench/bin/python),--python .venv-bench/bin/python) --flags "swift build -c release; $(CC) $(CFLAGS)"
