# make V=1 shows commands; make CC=clang and make SAN=address,undefined build
# into folders of their own, so no tree ever holds objects of two kinds.
ARCH  := $(shell uname -m)
CC     = gcc
CXX    = $(if $(findstring clang,$(CC)),clang++,g++)
PREFIX = /usr/local
CFLAGS = -O2 -g
BUILD := build/$(ARCH)$(if $(findstring clang,$(CC)),-clang)$(if $(SAN),-san)

WARN   = -Wall -Wextra -Werror -Wshadow -Wmissing-prototypes -Wstrict-prototypes
ALL    = -std=c11 -D_GNU_SOURCE $(CFLAGS) $(SANFLAGS) $(WARN) -Iinclude -Iarch/$(ARCH)
DEPS   = -MMD -MP -MF $@.d -MT $@
comma := ,
LIBS   = -lcapstone -ldw -lelf -lunwind-ptrace -lunwind-$(ARCH) -lunwind -lyajl -liberty -lz -lzstd \
	-lmicrohttpd -lsqlite3
ifdef SAN
SANFLAGS = -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif

sources := $(wildcard src/*.c src/base/*.c src/tracer/*.c src/analysis/*.c src/trace/*.c \
		src/output/*.c src/control/*.c src/sql/*.c \
		arch/$(ARCH)/*.c)
objects := $(sources:%.c=$(BUILD)/%.o)
units   := $(patsubst tests/%.c,$(BUILD)/%,$(wildcard tests/unit/test_*.c))
benches := $(patsubst tests/%,$(BUILD)/%,$(basename $(wildcard tests/bench/*.c tests/bench/*.cc)))

fuzzers := $(patsubst tests/%.c,$(BUILD)/%,$(filter-out %/replay.c %/seed.c,$(wildcard tests/fuzz/*.c)))

plugins := $(patsubst tests/%.c,$(BUILD)/%.so,$(wildcard tests/targets/plugin*.c))
targets := $(patsubst tests/%.c,$(BUILD)/%, \
		$(filter-out tests/targets/plugin%,$(wildcard tests/targets/*.c))) \
	$(patsubst tests/%.cc,$(BUILD)/%,$(wildcard tests/targets/*.cc))
preload := $(patsubst tests/preload/%.c,$(BUILD)/lib%.so,$(wildcard tests/preload/*.c))

# Targets are ordinary programs: no sanitizer, no frame pointer, no lint.
TARGET = -D_GNU_SOURCE -O2 -g -fomit-frame-pointer -pthread -Itests/targets -Iinclude

say = $(if $(V),,@printf '  %-6s%s\n' $(1) $@;)
MAKEFLAGS += --no-print-directory

all: $(BUILD)/alloctrace

$(BUILD)/alloctrace: $(objects)
	$(call say,LINK)$(CC) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
	$(if $(filter build/$(ARCH),$(BUILD)),@ln -sfn $(ARCH)/alloctrace build/alloctrace)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL) $(DEPS) -c -o $@ $<

# For the tests. failing: allocations fail when the environment says so; comparing: every
# stack is unwound twice.
wrapped := failing comparing
WRAPS_failing   = __libc_malloc __libc_calloc __libc_realloc __libc_memalign
WRAPS_comparing = unwinder_new unwinder_free unwinder_set_pid unwinder_flush unwind

$(wrapped:%=$(BUILD)/%/alloctrace): $(BUILD)/%/alloctrace: $(objects) tests/wrapped/%.c
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) $(ALL) -Isrc $(LDFLAGS) -o $@ $^ $(LIBS) \
		$(addprefix -Wl$(comma)--wrap=,$(WRAPS_$*))

# Everything but main: a unit test that defines a function of its own wins
# over the archive as long as nothing else from that object is needed.
$(BUILD)/liball.a: $(filter-out $(BUILD)/src/main.o,$(objects))
	$(call say,AR)rm -f $@ && ar qcs $@ $^

$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/liball.a
	@mkdir -p $(@D)
	$(call say,UNIT)$(CC) $(ALL) -Isrc $(DEPS) -o $@ $< $(BUILD)/liball.a $(LIBS) -lcmocka

# With clang's libFuzzer (make fuzz) a fuzz target makes its inputs, else it is given kept
# ones. What is wrapped, the target stands in for.
$(BUILD)/fuzz/%: tests/fuzz/%.c tests/fuzz/replay.c tests/fuzz/fuzz.h $(BUILD)/liball.a
	@mkdir -p $(@D)
	$(call say,FUZZ)$(CC) $(ALL) -Isrc -o $@ $< \
		$(if $(findstring fuzzer,$(SAN)),-fsanitize=fuzzer,tests/fuzz/replay.c) \
		$(BUILD)/liball.a $(addprefix -Wl$(comma)--wrap=,$(WRAP_$*)) $(LIBS)
WRAP_maps    = fopen open
WRAP_program = fopen

# What the analysis takes by itself.
$(BUILD)/bench/analysis: tests/bench/analysis.c $(BUILD)/liball.a
	@mkdir -p $(@D)
	$(call say,BENCH)$(CC) $(ALL) -Isrc $(DEPS) -o $@ $< $(BUILD)/liball.a $(LIBS)

# What is measured is an ordinary program, too.
$(BUILD)/bench/%: tests/bench/%.c tests/targets.mk
	@mkdir -p $(@D)
	$(call say,BENCH)$(CC) $(TARGET) $(WARN) $(DEPS) -o $@ $<

$(BUILD)/bench/%: tests/bench/%.cc tests/targets.mk
	@mkdir -p $(@D)
	$(call say,BENCH)$(CXX) $(TARGET) $(filter-out %-prototypes,$(WARN)) $(DEPS) -o $@ $<

$(BUILD)/targets/%.so: tests/targets/%.c tests/targets.mk
	@mkdir -p $(@D)
	$(call say,SO)$(CC) $(TARGET) $(CFLAGS_$*) $(DEPS) -shared -fPIC -o $@ $< $(LDLIBS_$*)

$(BUILD)/targets/%: tests/targets/%.c tests/targets.mk
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(TARGET) $(CFLAGS_$*) $(DEPS) -o $@ $< $(LDLIBS_$*) -ldl

$(BUILD)/targets/%: tests/targets/%.cc tests/targets.mk
	@mkdir -p $(@D)
	$(call say,CXX)$(CXX) $(TARGET) $(CFLAGS_$*) $(DEPS) -o $@ $< $(LDLIBS_$*) -ldl

$(BUILD)/lib%.so: tests/preload/%.c
	@mkdir -p $(@D)
	$(call say,SO)$(CC) $(TARGET) $(DEPS) -shared -fPIC -o $@ $< -ldl

-include tests/targets.mk

unit: $(units)
fuzzers: $(fuzzers)
tests: all unit fuzzers $(benches) $(plugins) $(targets) $(preload) \
	$(wrapped:%=$(BUILD)/%/alloctrace)

check:
	@$(MAKE) CC=gcc SAN= tests
	@$(MAKE) CC=clang SAN= all unit fuzzers
	@$(MAKE) CC=gcc SAN=address,undefined all unit fuzzers
	@tests/run

# Attaching and letting go again and again, ten minutes of it; ten million events in a recording,
# and in databases; the figures are printed.
CYCLES = 500
soak: tests
	@CYCLES=$(CYCLES) HANG=3600 tests/run $(wildcard tests/test_attach*.py) tests/test_sql.py
	@RECORDED=5000000 tests/run tests/test_record.py -k million

RUNS = 10000000
fuzz:
	@$(MAKE) CC=clang SAN=fuzzer-no-link,address,undefined BUILD=build/$(ARCH)-fuzz fuzzers || \
		{ echo "fuzz: needs clang's runtime (Debian: libclang-rt-14-dev)"; exit 1; }
	@scripts/fuzz build/$(ARCH)-fuzz/fuzz $(RUNS)

bench: all $(benches)
	@scripts/bench $(BUILD)

demo: all
	@scripts/demo

install: all
	install -D -m 755 $(BUILD)/alloctrace $(DESTDIR)$(PREFIX)/bin/alloctrace
	install -d $(DESTDIR)$(PREFIX)/share/man/man1 \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions
	$(BUILD)/alloctrace --man > $(DESTDIR)$(PREFIX)/share/man/man1/alloctrace.1
	$(BUILD)/alloctrace --bash-completion > \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/alloctrace

clean:
	rm -rf build

.PHONY: all unit fuzzers tests check soak fuzz bench demo install clean
.DELETE_ON_ERROR:
-include $(objects:=.d) $(addsuffix .d,$(units) $(benches) $(plugins) $(targets) $(preload))
