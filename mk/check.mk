# Lint, specs, coverage, sanitizers, analyzers, fuzzing and soaks.

# For tools in Lua that Debian brings: what the shell says for one Lua (luarocks path) is nothing for theirs.
OWN_LUA := env -u LUA_PATH -u LUA_CPATH
RUN_LUA = LUA_PATH="$(MODULES)/?.lua;$(MODULES)/?/init.lua;;" LUA_CPATH="$(dir $(CORE))../?.so;;" $(LUA)
RUN_SPECS = LUA_VERSION=$(LUA_VERSION) LUA_ABI=$(LUA_ABI) BUSTED=$(BUSTED)

FUZZED := queue frames events node_lists arguments values

# What only the specs need. VARIANTS=no: without those that compile the core once more, in another way.
SPEC_PROGRAMS := $(BUILD)/spec/spec_process.so $(BUILD)/spec/threads $(BUILD)/spec/hostile $(BUILD)/spec/impostor $(BUILD)/spec/allocate \
	$(BUILD)/spec/sandbox $(BUILD)/spec/packed_member $(if $(filter no,$(VARIANTS)),,$(BUILD)/spec/sandbox-c++ $(BUILD)/spec/threads-tsan) \
	$(FUZZED:%=$(BUILD)/spec/fuzz-%)

.PHONY: lint format check-bindings specs spec-programs coverage valgrind sanitize tsan analyze fuzz soak soak-locks \
	simulate show-frames show-freed show-leavers show-storm show-unreported

## lint: luacheck, clang's warnings, includes, long lines, Corosync's calls, doc comments and editor types
lint: docs
	@$(call WRITE_TYPES,build/types)
	@diff -r types build/types || { echo "types/ is not what the doc comments say: run make types" >&2; exit 1; }
	$(OWN_LUA) luacheck -q .
	@! command -v clang >/dev/null || clang -fsyntax-only -Werror $(WARNINGS) $(ANALYZE_FLAGS) $(ANALYZED)
	@$(LUA) tools/check-calls.lua $(COROSYNC_HEADERS) $(CORE_SOURCES)
	@tools/check-includes src
	@awk '{ line = $$0; gsub(/\t/, "    ", line) } length(line) > 120 { print FILENAME ":" FNR ": over 120 columns"; bad = 1 } \
		END { exit bad }' $(shell find bench examples fuzz soak spec src -name '*.[ch]')

## format: lay out the C sources with clang-format
format:
	clang-format -i $(shell git ls-files '*.c' '*.h')

# A function that a new Corosync adds must not stay unnoticed.
## check-bindings: check that each function of Corosync's headers is bound, or docs/unbound.md says why not
check-bindings: $(CORE)
	@$(LUA) tools/check-bindings.lua $(CORE) $(COROSYNC_HEADERS) docs/unbound.md

$(BUILD)/spec/spec_process.so: spec/helpers/process.c spec/helpers/refuse.c
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(COMPILE) -fvisibility=default -shared -o $@ $^

$(BUILD)/spec/allocate: spec/helpers/embedded/allocate.c $(ARCHIVE)
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(COMPILE) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free -o $@ $^ $(LDFLAGS) $(COROSYNC_LIBS) $(LUA_LIBS) -lm -pthread

$(BUILD)/spec/threads: spec/helpers/embedded/threads.c $(ARCHIVE)
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(COMPILE) -o $@ $^ $(LDFLAGS) $(COROSYNC_LIBS) $(LUA_LIBS) -lm -pthread

$(BUILD)/spec/sandbox: spec/helpers/embedded/sandbox.c $(ARCHIVE)
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(COMPILE) -o $@ $^ $(LDFLAGS) $(COROSYNC_LIBS) $(LUA_LIBS) -lm -pthread

# With a Lua that was built as C++, as Debian's liblua5.4-c++; nothing where there is none, as for LuaJIT. The core has only
# the tables for unwinding that it asks for itself: on some machines C has no others.
$(BUILD)/spec/sandbox-c++: spec/helpers/embedded/sandbox.c $(CORE_SOURCES)
	@mkdir -p $(@D)
	@echo "LD $@"
	@if command -v $(CXX) >/dev/null && $(PKG_CONFIG) --exists lua$(LUA_VERSION)-c++; then \
		$(COMPILE) -O0 -fno-asynchronous-unwind-tables -r -nostdlib -o $@.o $(CORE_SOURCES) && \
		$(CXX) -Wall -Wextra $(CFLAGS) -Isrc `$(PKG_CONFIG) --cflags lua$(LUA_VERSION)-c++` -o $@ -x c++ $< -x none $@.o \
			$(LDFLAGS) $(COROSYNC_LIBS) `$(PKG_CONFIG) --libs lua$(LUA_VERSION)-c++` -lm -pthread; \
	else rm -f $@; fi

$(BUILD)/spec/hostile: spec/helpers/clients/hostile.c
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(COMPILE) -o $@ $^ $(LDFLAGS) $(COROSYNC_LIBS)

$(BUILD)/spec/impostor: spec/helpers/clients/impostor.c
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(COMPILE) -o $@ $^ $(LDFLAGS)

$(BUILD)/spec/packed_member: examples/packed_member.c
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) $(COROSYNC_CFLAGS) $(LDFLAGS) -o $@ $< $(COROSYNC_LIBS)

# The same with the core's sources under ThreadSanitizer; nothing where the compiler or the machine has none.
$(BUILD)/spec/threads-tsan: spec/helpers/embedded/threads.c $(CORE_SOURCES)
	@mkdir -p $(@D)
	@echo "LD $@"
	@if tools/has-tsan $(CC); then \
		$(COMPILE) -O1 -fsanitize=thread -Isrc -o $@ $(filter %.c,$^) $(LDFLAGS) $(COROSYNC_LIBS) $(LUA_LIBS) -lm; \
	else rm -f $@; fi

# The specs run inside a private cluster of one node; those that need more make their own.
SPECS ?= spec
## specs: run the specs in SPECS (all by default) with one Lua
specs: spec-programs
	@$(RUN_SPECS) LUA="$(LUA)" tools/run-specs $(SPECS)

# What specs use: built before several of them run at the same time.
spec-programs: all nginx-binding $(SPEC_PROGRAMS)

# The folders that mirror src/, without the specs that take long.
CORE_SPECS := --exclude-tags=slow $(addprefix spec/,cfg cmap cpg handle nginx quorum support votequorum)

## valgrind: run the core's specs under valgrind
valgrind: all $(BUILD)/spec/spec_process.so $(BUILD)/spec/hostile
	@$(RUN_SPECS) LUA="valgrind -q --leak-check=full --keep-debuginfo=yes --error-exitcode=9 --suppressions=spec/helpers/valgrind.supp $(LUA)" \
		tools/run-specs $(CORE_SPECS)

SECONDS ?= 600
SCRIPT ?= soak/member.lua
## soak: five nodes, all sending, random faults, for SECONDS (600); SEED repeats one; SCRIPT=soak/replica.lua for replicas, STORAGE=FOLDER with storage
soak: all
	@$(CPGRUN) check --kill-all --nodes 5 --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) $(SCRIPT)

ROUNDS ?= 1000
## soak-locks: holders of a lock are cut off, paused and killed for ROUNDS (1000); SEED repeats one
soak-locks: all
	@$(RUN_LUA) soak/locks.lua $(LUA) $(ROUNDS) $(SEED)

SCHEDULES ?= 20000
STEPS ?= 120
FIRST_SEED ?= 1
SIMULATOR ?= $(firstword $(shell command -v luajit) $(LUA))
## simulate: random schedules of the replica protocol on a model of Corosync, SCHEDULES (20000) of them
simulate:
	@$(SIMULATOR) sim/simulate.lua $(SCHEDULES) $(FIRST_SEED) $(STEPS)

# The faults of Corosync that the checker allows, shown by plain C programs.
$(BUILD)/soak/%: soak/%.c
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) $(COROSYNC_CFLAGS) -o $@ $< $(COROSYNC_LIBS)

show-frames show-leavers: show-%: all $(BUILD)/soak/%
	@$(RUN_LUA) soak/$*.lua $(BUILD)/soak/$*

show-freed show-unreported: show-%: all $(BUILD)/soak/frames
	@$(RUN_LUA) soak/$*.lua $(BUILD)/soak/frames

# The same, of the daemons alone.
show-storm: all
	@$(RUN_LUA) soak/no_ring.lua $(TRANSPORT)

## tsan: many threads with a Lua state each under ThreadSanitizer
tsan: all $(SPEC_PROGRAMS)
	@tools/has-tsan $(CC) || { echo "ThreadSanitizer does not work here" >&2; exit 1; }
	@$(RUN_SPECS) LUA=$(LUA) THREAD_ROUNDS=100 tools/run-specs spec/embedding/threads_spec.lua

# AddressSanitizer and UndefinedBehaviorSanitizer under the core's specs, the groups' and the host's; lost memory is
# valgrind's. Then ThreadSanitizer, where it works, and what the analyzers say.
SANITIZE := -fsanitize=address,undefined
SANITIZED := build/sanitize-$(LUA_VERSION)
SANITIZED_SPECS ?= $(CORE_SPECS) $(addprefix spec/corosync/,group loop service_spec.lua history/recorder_spec.lua) \
	$(filter-out %/shortage_spec.lua %/systemd_spec.lua,$(wildcard spec/cpgrun/*_spec.lua))
## sanitize: analyzers, then specs under AddressSanitizer and UndefinedBehaviorSanitizer, and tsan
sanitize: analyze $(BUILD)/spec/hostile
	@$(MAKE) --no-print-directory -s BUILD=$(SANITIZED) CFLAGS="-O1 -g $(SANITIZE) -fno-omit-frame-pointer" LDFLAGS="$(SANITIZE)" \
		all $(SANITIZED)/spec/spec_process.so
	@$(COMPILE) -fvisibility=default -shared -o $(SANITIZED)/spec/sanitizer.so spec/helpers/sanitizer.c
	@TREE=$(SANITIZED) $(RUN_SPECS) LUA="env \
		LD_PRELOAD=$(CURDIR)/$(SANITIZED)/spec/sanitizer.so:$$($(CC) -print-file-name=libasan.so) UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 $(LUA)" tools/run-specs $(SANITIZED_SPECS)
	@if tools/has-tsan $(CC); then $(MAKE) --no-print-directory -s tsan; else echo "ThreadSanitizer does not work here"; fi

# Lines of the core, of cpgrun and of lua/ that specs run, by file and in all. Without specs that are for another build, that
# leave no stack for a hook, or that take long. cpgrun reads no LUA_INIT, so its main.lua is one that loads the hook first.
UNCOVERED := tools/check_bindings fuzz/fuzz embedding/threads handle/regressions corosync/version corosync/service corosync/group/reconnect \
	corosync/lab/wait cpgrun/faults cpgrun/handler_timeout cpgrun/signals cpgrun/slow_handlers cpgrun/user cpgrun/watchdog
COVERED_SPECS ?= --exclude-tags=slow $(filter-out $(UNCOVERED:%=spec/%_spec.lua),$(shell find spec -name '*_spec.lua'))
COVERAGE := build/coverage
## coverage: lines of C and Lua that specs run, by file and in all
coverage:
	@rm -rf $(COVERAGE)/share $(COVERAGE)/covered && mkdir -p $(COVERAGE)/share/lua/5.4/cpgrun
	@find $(COVERAGE) -name '*.gcda' -delete
	@ln -s $(CURDIR)/lua/corosync $(COVERAGE)/share/lua/5.4 && ln -s $(CURDIR)/lua/cpgrun/* $(COVERAGE)/share/lua/5.4/cpgrun
	@rm $(COVERAGE)/share/lua/5.4/cpgrun/main.lua
	@echo 'dofile "$(CURDIR)/tools/cover.lua" return dofile "$(CURDIR)/lua/cpgrun/main.lua"' >$(COVERAGE)/share/lua/5.4/cpgrun/main.lua
	@$(MAKE) --no-print-directory -s LUA_VERSION=5.4 BUILD=$(COVERAGE) CFLAGS="-O0 -g --coverage" LDFLAGS=--coverage \
		all $(COVERAGE)/spec/spec_process.so $(COVERAGE)/spec/hostile
	@umask 0; TREE=$(COVERAGE) LUA_VERSION=5.4 LUA_ABI=5.4 LUA=lua5.4 BUSTED=$(BUSTED) COVERED=$(CURDIR)/$(COVERAGE)/covered \
		LUA_INIT=@$(CURDIR)/tools/cover.lua tools/run-specs $(COVERED_SPECS) >$(COVERAGE)/specs.log 2>&1 || tail -n 40 $(COVERAGE)/specs.log
	@lua5.4 tools/report-coverage.lua $(COVERAGE)/covered $(COVERAGE)/obj luac5.4

# cppcheck 2.10 takes designated initializers of types that it has not seen for uses, and 0x1p63 for 0.
CPPCHECK_FAULTS := --suppress=legacyUninitvar --suppress=incorrectLogicOperator:src/cmap/value.c
# gcc 12 takes memory that realloc has made, through a pointer in a struct, for lost; clang's analyzer finds leaks, too. And
# it assumes that a queue may have fewer events than were just counted in it.
GCC_FAULTS = $(if $(filter $(1),src/cpg/assembly.c src/cpg/pack.c),-Wno-analyzer-malloc-leak) \
	$(if $(filter $(1),src/cpg/run.c),-Wno-analyzer-null-dereference)
ANALYZED := $(CORE_SOURCES) $(CPGRUN_SOURCES)
ANALYZE_FLAGS = -std=c11 -D_GNU_SOURCE -Isrc $(DEFINES) $(LUA_CFLAGS) $(LUV_CFLAGS) $(COROSYNC_CFLAGS)
## analyze: gcc's, clang's and cppcheck's static analysis
analyze:
	@for tool in gcc clang cppcheck; do command -v $$tool >/dev/null || { echo "$$tool is missing; on Debian: apt-get install $$tool" >&2; exit 1; }; done
	@$(foreach f,$(ANALYZED),gcc -O2 -fanalyzer -Werror $(call GCC_FAULTS,$(f)) $(ANALYZE_FLAGS) -c -o /dev/null $(f) && ):
	@for f in $(ANALYZED); do clang --analyze --analyzer-output text -Xclang -analyzer-werror $(ANALYZE_FLAGS) -o /dev/null $$f || exit 1; done
	@cppcheck -q --std=c11 --enable=warning,performance,portability --error-exitcode=1 -D_GNU_SOURCE -DLUA_VERSION_NUM=504 \
		$(CPPCHECK_FAULTS) -Isrc src

# Each target of fuzz/ with clang's libFuzzer for a part of SECONDS, 1 s at least, and the checker with random mistakes in
# histories; and by `make check` all with random inputs.
FUZZ_SOURCES := $(filter-out src/module.c,$(CORE_SOURCES))
FUZZ_SECONDS = $$((($(SECONDS) + $(words $(FUZZED))) / ($(words $(FUZZED)) + 1)))
## fuzz: feed random input to the parts in fuzz/ for SECONDS, with libFuzzer
fuzz: binding
	@command -v clang >/dev/null || { echo "clang is missing; on Debian: apt-get install clang libclang-rt-14-dev" >&2; exit 1; }
	@mkdir -p build/fuzz
	@for target in $(FUZZED); do \
		clang -g -O1 -fsanitize=fuzzer,address,undefined -std=c11 -D_GNU_SOURCE -Isrc $(DEFINES) $(LUA_CFLAGS) $(COROSYNC_CFLAGS) -o build/fuzz/$$target \
			fuzz/$$target.c $(FUZZ_SOURCES) $(COROSYNC_LIBS) $(LUA_LIBS) -lm -pthread || exit 1; \
		(cd build/fuzz && ./$$target -max_total_time=$(FUZZ_SECONDS) \
			-print_final_stats=1 >$$target.log 2>&1) || { tail -n 40 build/fuzz/$$target.log; exit 1; }; \
		tail -n 8 build/fuzz/$$target.log; \
	done
	@$(RUN_LUA) fuzz/history.lua $(FUZZ_SECONDS)s

$(BUILD)/spec/fuzz-%: fuzz/%.c fuzz/driver.c $(CORE_OBJECTS)
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(COMPILE) -o $@ $^ $(LDFLAGS) $(COROSYNC_LIBS) $(LUA_LIBS) -lm -pthread
