# make demo    installs what is missing, builds, and shows three nodes agreeing
# make check   installs what tests need as well, builds, then luacheck, the check of what is bound, the count of
#              instructions, and all specs against real daemons, for each Lua; for one with LUA_VERSION=5.4 (or 5.3, 5.2,
#              5.1, jit)
# make install PREFIX=/usr/local LUA_VERSION=5.4

VERSION := $(shell sed -n 's/^local VERSION = "\(.*\)".*/\1/p' lua/corosync/binding.lua)
# Every Lua that the sources are for.
LUAS := 5.4 jit 5.3 5.2 5.1
CHECKED_LUAS := $(or $(LUA_VERSION),$(LUAS))

# LuaRocks knows of its Lua only the program.
ifdef LUA
LUA_VERSION ?= $(shell $(LUA) -e 'print(jit and "jit" or _VERSION:match "[%d.]+")')
endif
LUA_VERSION ?= 5.4
ifeq ($(filter $(LUA_VERSION),$(LUAS)),)
$(error LUA_VERSION is '$(LUA_VERSION)', and must be one of $(LUAS))
endif
# Whose modules LuaJIT loads.
LUA_ABI := $(LUA_VERSION:jit=5.1)
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib/lua/$(LUA_ABI)
LUADIR ?= $(PREFIX)/share/lua/$(LUA_ABI)
MANDIR ?= $(PREFIX)/share/man
TYPESDIR ?= $(PREFIX)/share/lua-corosync/types
ARCHIVEDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
PKGCONFIGDIR ?= $(ARCHIVEDIR)/pkgconfig

LUA ?= lua$(LUA_VERSION)
BUSTED ?= /usr/bin/busted
# For tools in Lua that Debian brings: what the shell says for one Lua (luarocks path) is nothing for theirs.
OWN_LUA := env -u LUA_PATH -u LUA_CPATH

PKG_CONFIG ?= pkg-config
LUA_CFLAGS ?= $(shell $(PKG_CONFIG) --cflags lua$(LUA_VERSION))
LUA_LIBS ?= $(shell $(PKG_CONFIG) --libs lua$(LUA_VERSION))
# Debian's luv names the Lua that it is for, and is linked with none: that of Lua 5.1 serves LuaJIT as well.
LUV_CFLAGS ?= $(shell $(PKG_CONFIG) --cflags lua$(LUA_ABI)-luv)
LUV_LIBS ?= $(filter-out -llua$(LUA_ABI),$(shell $(PKG_CONFIG) --libs lua$(LUA_ABI)-luv))
COROSYNC_CFLAGS ?= $(shell $(PKG_CONFIG) --cflags libcpg libcmap libquorum libvotequorum libcfg)
COROSYNC_LIBS ?= $(shell $(PKG_CONFIG) --libs libcpg libcmap libquorum libvotequorum libcfg)
COROSYNC_HEADERS ?= $(shell $(PKG_CONFIG) --variable=includedir libcpg)/corosync
COROSYNC_VERSION ?= $(shell $(PKG_CONFIG) --modversion libcpg)
# Where libqb has its sockets when /etc/libqb/force-filesystem-sockets exists: built into it, and its headers do not tell.
LIBQB_SOCKET_DIR ?= $(if $(wildcard /etc/debian_version),/tmp,/var/run)

OBJCOPY ?= objcopy
CFLAGS ?= -O2 -g
# THREADS=no: without the helper thread of corosync.resty.
THREADS ?= yes
THREADS_CFLAGS := $(if $(filter no,$(THREADS)),-DCOROSYNC_LUA_NO_THREADS,-pthread)
THREADS_SOURCES := src/waker.c src/doorbell.c
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion
# -fexceptions: where Lua was compiled as C++, its errors unwind our functions.
COMPILE = $(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) $(THREADS_CFLAGS) -fPIC -fexceptions -fvisibility=hidden \
	-DCOROSYNC_LUA_VERSION='"$(VERSION)"' -DCOROSYNC_VERSION='"$(COROSYNC_VERSION)"' \
	-DLIBQB_SOCKET_DIR='"$(LIBQB_SOCKET_DIR)"' $(LUA_CFLAGS) $(COROSYNC_CFLAGS)

# The build tree is laid out as an installation, so that cpgrun finds its modules the same way in both.
BUILD := build/$(LUA_VERSION)
CORE := $(BUILD)/lib/lua/$(LUA_ABI)/corosync/core.so
MODULES := $(BUILD)/share/lua/$(LUA_ABI)
CPGRUN := $(BUILD)/bin/cpgrun
# For C programs that embed the binding. Installed for each Lua, under its name.
ARCHIVE := $(BUILD)/lib/libcorosync-lua.a
EMBED := corosync-lua$(LUA_VERSION)

CORE_SOURCES := $(filter-out $(if $(filter no,$(THREADS)),$(THREADS_SOURCES)),$(wildcard src/*.c))
CORE_OBJECTS := $(CORE_SOURCES:src/%.c=$(BUILD)/obj/%.o)
CPGRUN_OBJECTS := $(patsubst src/%.c,$(BUILD)/obj/%.o,$(wildcard src/cpgrun/*.c))

FUZZED := queue events nodes arguments values

# What only the specs need.
SPEC_PROGRAMS := $(BUILD)/spec/spec_process.so $(BUILD)/spec/threads $(BUILD)/spec/threads-tsan $(BUILD)/spec/hostile $(BUILD)/spec/impostor $(BUILD)/spec/allocate \
	$(BUILD)/spec/sandbox $(BUILD)/spec/sandbox-c++ \
	$(FUZZED:%=$(BUILD)/spec/fuzz-%)

LUA_LAB := lua/corosync/lab.lua $(wildcard lua/corosync/lab/*.lua)
LUA_BINDING := $(filter-out $(LUA_LAB),$(wildcard lua/corosync/*.lua lua/corosync/*/*.lua lua/corosync/*/*/*.lua))
TYPES := $(wildcard types/*.lua types/*/*.lua types/*/*/*.lua)
LUA_HOST := $(wildcard lua/cpgrun/*.lua) $(LUA_LAB)

.PHONY: all binding cpgrun nginx-binding demo check lint types format check-bindings coverage specs valgrind tsan sanitize analyze fuzz bench bench-instructions bench-scale bench-resty soak show-frames show-freed show-leavers show-storm show-untold docs install install-binding install-cpgrun uninstall deps clean

all: binding cpgrun

binding: $(CORE) $(ARCHIVE) $(MODULES)

cpgrun: $(CPGRUN) $(MODULES)

# Names what is missing by Debian's package.
.PHONY: requirements requirements-cpgrun
requirements:
	@PKG_CONFIG=$(PKG_CONFIG) tools/check-requirements \
		libcpg:libcpg-dev libcmap:libcmap-dev libquorum:libquorum-dev libvotequorum:libvotequorum-dev libcfg:libcfg-dev

requirements-cpgrun: requirements
	@PKG_CONFIG=$(PKG_CONFIG) tools/check-requirements lua$(LUA_ABI)-luv:lua-luv-dev \
		lua$(LUA_VERSION):$(if $(filter jit,$(LUA_VERSION)),libluajit2-5.1-dev,liblua$(LUA_ABI:5.1=5.1-0)-dev)

$(BUILD)/obj/%.o: src/%.c $(wildcard src/*.h) Makefile | requirements
	@mkdir -p $(@D)
	@echo "CC $<"
	@$(COMPILE) -c -o $@ $<

$(BUILD)/obj/core.o $(BUILD)/obj/cpgrun/main.o: lua/corosync/binding.lua

$(BUILD)/obj/cpgrun/%.o: src/cpgrun/%.c $(wildcard src/*.h) Makefile | requirements-cpgrun
	@mkdir -p $(@D)
	@echo "CC $<"
	@$(COMPILE) $(LUV_CFLAGS) -c -o $@ $<

# -z nodelete: Lua 5.1 unloads its libraries before it has finalized what they made, and threads of ours may still run.
$(CORE): $(CORE_OBJECTS)
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(CC) -shared -Wl,-z,nodelete $(THREADS_CFLAGS) $(LDFLAGS) -o $@ $^ $(COROSYNC_LIBS) -lm

# One object in which only what is public can be seen: our names must not meet those of the program.
$(ARCHIVE): $(CORE_OBJECTS)
	@mkdir -p $(@D)
	@echo "AR $@"
	@$(CC) $(CFLAGS) $(if $(findstring -flto,$(CFLAGS)),-flinker-output=nolto-rel) -r -nostdlib -o $(BUILD)/obj/corosync-lua.o $^
	@$(OBJCOPY) --localize-hidden $(BUILD)/obj/corosync-lua.o
	@rm -f $@
	@$(AR) rcs $@ $(BUILD)/obj/corosync-lua.o

# -Wl,-E: modules that scripts require use the Lua in this program.
$(CPGRUN): $(CPGRUN_OBJECTS) $(CORE_OBJECTS)
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(CC) $(THREADS_CFLAGS) $(LDFLAGS) -Wl,-E -o $@ $^ $(COROSYNC_LIBS) $(LUV_LIBS) $(LUA_LIBS) -lm -ldl

$(MODULES):
	@mkdir -p $(@D)
	ln -sfn ../../../../lua $@

deps:
	@tools/install-deps check

demo:
	@tools/install-deps demo
	@$(MAKE) --no-print-directory -s all
	@$(CPGRUN) --lab 3 --log-level warning --lab-script examples/demo/story.lua examples/demo/member.lua

check: deps
	@$(MAKE) --no-print-directory all
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory check-bindings
	@$(MAKE) --no-print-directory LUA_VERSION=5.4 bench-instructions
	@MAKE="$(MAKE)" tools/run-matrix $(CHECKED_LUAS)

# Annotations for editors (LuaLS), from the doc comments.
WRITE_TYPES = rm -rf $(1) && env -u LUA_CPATH TYPES=$(CURDIR)/$(1) LUA_PATH="$(CURDIR)/tools/?.lua;;" \
	ldoc -q -c docs/config.ld --filter types.write . >/dev/null
types:
	@$(call WRITE_TYPES,types)

lint: docs
	@$(call WRITE_TYPES,build/types)
	@diff -r types build/types || { echo "types/ is not what the doc comments say: run make types" >&2; exit 1; }
	$(OWN_LUA) luacheck -q .
	@$(LUA) tools/check-calls.lua $(COROSYNC_HEADERS) $(wildcard src/*.c)

format:
	clang-format -i $(shell git ls-files '*.c' '*.h')

# A function that a new Corosync adds must not stay unnoticed: it is bound, or docs/unbound.md says why not.
check-bindings: $(CORE)
	@$(LUA) tools/check-bindings.lua $(CORE) $(COROSYNC_HEADERS) docs/unbound.md

$(BUILD)/spec/spec_process.so: spec/support/process.c spec/support/refuse.c
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(COMPILE) -fvisibility=default -shared -o $@ $^

$(BUILD)/spec/allocate: spec/support/allocate.c $(ARCHIVE)
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(COMPILE) -Isrc -Wl,--wrap=calloc,--wrap=realloc,--wrap=free -o $@ $^ $(LDFLAGS) $(COROSYNC_LIBS) $(LUA_LIBS) -lm -pthread

$(BUILD)/spec/threads: spec/support/threads.c $(ARCHIVE)
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(COMPILE) -Isrc -o $@ $^ $(LDFLAGS) $(COROSYNC_LIBS) $(LUA_LIBS) -lm -pthread

$(BUILD)/spec/sandbox: spec/support/sandbox.c $(ARCHIVE)
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(COMPILE) -Isrc -o $@ $^ $(LDFLAGS) $(COROSYNC_LIBS) $(LUA_LIBS) -lm -pthread

# With a Lua that was built as C++, as Debian's liblua5.4-c++; nothing where there is none, as for LuaJIT. The core has only
# the tables for unwinding that it asks for itself: on some machines C has no others.
$(BUILD)/spec/sandbox-c++: spec/support/sandbox.c $(wildcard src/*.c src/*.h) Makefile
	@mkdir -p $(@D)
	@echo "LD $@"
	@if command -v $(CXX) >/dev/null && $(PKG_CONFIG) --exists lua$(LUA_VERSION)-c++; then \
		$(COMPILE) -O0 -fno-asynchronous-unwind-tables -r -nostdlib -o $@.o $(CORE_SOURCES) && \
		$(CXX) -Wall -Wextra $(CFLAGS) -Isrc `$(PKG_CONFIG) --cflags lua$(LUA_VERSION)-c++` -o $@ -x c++ $< -x none $@.o \
			$(LDFLAGS) $(COROSYNC_LIBS) `$(PKG_CONFIG) --libs lua$(LUA_VERSION)-c++` -lm -pthread; \
	else rm -f $@; fi

$(BUILD)/spec/hostile: spec/support/hostile.c
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(COMPILE) -o $@ $^ $(LDFLAGS) $(COROSYNC_LIBS)

$(BUILD)/spec/impostor: spec/support/impostor.c
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(COMPILE) -o $@ $^ $(LDFLAGS)

# The same with the core's sources under ThreadSanitizer; nothing where the compiler or the machine has none.
$(BUILD)/spec/threads-tsan: spec/support/threads.c $(wildcard src/*.c src/*.h)
	@mkdir -p $(@D)
	@echo "LD $@"
	@if tools/has-tsan $(CC); then \
		$(COMPILE) -O1 -fsanitize=thread -Isrc -o $@ $(filter %.c,$^) $(LDFLAGS) $(COROSYNC_LIBS) $(LUA_LIBS) -lm; \
	else rm -f $@; fi

# nginx's Lua is LuaJIT.
nginx-binding:
	@$(MAKE) --no-print-directory binding LUA_VERSION=jit LUA_CFLAGS="$(shell $(PKG_CONFIG) --cflags luajit)" BUILD=build/jit

# The specs run inside a private cluster of one node; those that need more make their own.
SPECS ?= spec
specs: all nginx-binding $(SPEC_PROGRAMS)
	@LUA_VERSION=$(LUA_VERSION) LUA_ABI=$(LUA_ABI) LUA="$(LUA)" BUSTED=$(BUSTED) tools/run-specs $(SPECS)

valgrind: all $(BUILD)/spec/spec_process.so $(BUILD)/spec/hostile
	@LUA_VERSION=$(LUA_VERSION) LUA_ABI=$(LUA_ABI) LUA="valgrind -q --leak-check=full --keep-debuginfo=yes --error-exitcode=9 --suppressions=spec/support/valgrind.supp $(LUA)" BUSTED=$(BUSTED) \
		tools/run-specs spec/core

# Five nodes, all sending, random faults: SECONDS of them.
SECONDS ?= 600
soak: all
	@$(CPGRUN) check --nodes 5 --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) soak/member.lua

RUN_LUA = LUA_PATH="$(MODULES)/?.lua;$(MODULES)/?/init.lua;;" LUA_CPATH="$(dir $(CORE))../?.so;;" $(LUA)

# The faults of Corosync that the checker allows, shown by plain C programs.
$(BUILD)/soak/%: soak/%.c
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) $(COROSYNC_CFLAGS) -o $@ $< $(COROSYNC_LIBS)

show-frames show-leavers: show-%: all $(BUILD)/soak/%
	@$(RUN_LUA) soak/$*.lua $(BUILD)/soak/$*

show-freed show-untold: show-%: all $(BUILD)/soak/frames
	@$(RUN_LUA) soak/$*.lua $(BUILD)/soak/frames

# The same, of the daemons alone.
show-storm: all
	@$(RUN_LUA) soak/storm.lua $(TRANSPORT)

# Many rounds of what `make check` does a few of.
tsan: all $(SPEC_PROGRAMS)
	@tools/has-tsan $(CC) || { echo "ThreadSanitizer does not work here" >&2; exit 1; }
	@LUA_VERSION=$(LUA_VERSION) LUA_ABI=$(LUA_ABI) LUA=$(LUA) BUSTED=$(BUSTED) THREAD_ROUNDS=100 tools/run-specs spec/threads_spec.lua

# AddressSanitizer and UndefinedBehaviorSanitizer under the core's specs, the groups' and the host's; lost memory is
# valgrind's. Then ThreadSanitizer, where it works, and what the analyzers say.
SANITIZE := -fsanitize=address,undefined
SANITIZED_SPECS ?= spec/core spec/group_spec.lua spec/loop_spec.lua spec/reconnect_spec.lua \
	spec/cpgrun_spec.lua spec/cpgrun_limit_spec.lua spec/history/recorder_spec.lua
sanitize: analyze $(BUILD)/spec/hostile
	@$(MAKE) --no-print-directory -s BUILD=build/sanitize CFLAGS="-O1 -g $(SANITIZE) -fno-omit-frame-pointer" LDFLAGS="$(SANITIZE)" \
		all build/sanitize/spec/spec_process.so
	@$(COMPILE) -fvisibility=default -shared -o build/sanitize/spec/sanitizer.so spec/support/sanitizer.c
	@TREE=build/sanitize LUA_VERSION=$(LUA_VERSION) LUA_ABI=$(LUA_ABI) BUSTED=$(BUSTED) LUA="env \
		LD_PRELOAD=$(CURDIR)/build/sanitize/spec/sanitizer.so:$$($(CC) -print-file-name=libasan.so) UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 $(LUA)" tools/run-specs $(SANITIZED_SPECS)
	@if tools/has-tsan $(CC); then $(MAKE) --no-print-directory -s tsan; else echo "ThreadSanitizer does not work here"; fi

# Lines of the core, of cpgrun and of lua/ that specs run, by file and in all. Without specs that are for another build, that
# leave no stack for a hook, or that take long. cpgrun reads no LUA_INIT, so its main.lua is one that loads the hook first.
UNCOVERED := bindings fuzz threads version core/regressions cpgrun_limit reconnect wait
COVERED_SPECS ?= $(filter-out $(UNCOVERED:%=spec/%_spec.lua),$(wildcard spec/core/*_spec.lua spec/*_spec.lua))
COVERAGE := build/coverage
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
CPPCHECK_FAULTS := --suppress=legacyUninitvar --suppress=incorrectLogicOperator:src/cmap_value.c
ANALYZED := $(wildcard src/*.c src/cpgrun/*.c)
ANALYZE_FLAGS = -std=c11 -D_GNU_SOURCE -DCOROSYNC_LUA_VERSION='""' -DCOROSYNC_VERSION='""' -DLIBQB_SOCKET_DIR='""' $(LUA_CFLAGS) $(LUV_CFLAGS) $(COROSYNC_CFLAGS)
analyze:
	@for tool in gcc clang cppcheck; do command -v $$tool >/dev/null || { echo "$$tool is missing; on Debian: apt-get install $$tool" >&2; exit 1; }; done
	@for f in $(ANALYZED); do gcc -O2 -fanalyzer -Werror $(ANALYZE_FLAGS) -c -o /dev/null $$f || exit 1; done
	@for f in $(ANALYZED); do clang --analyze --analyzer-output text -Xclang -analyzer-werror $(ANALYZE_FLAGS) -o /dev/null $$f || exit 1; done
	@cppcheck -q --std=c11 --enable=warning,performance,portability --error-exitcode=1 -D_GNU_SOURCE -DLUA_VERSION_NUM=504 \
		$(CPPCHECK_FAULTS) src

# Each target of fuzz/ with clang's libFuzzer for a part of SECONDS, 1 s at least, and the checker with random mistakes in
# histories; and by `make check` all with random inputs.
FUZZ_SOURCES := $(filter-out src/core.c,$(wildcard src/*.c))
FUZZ_SECONDS = $$((($(SECONDS) + $(words $(FUZZED))) / ($(words $(FUZZED)) + 1)))
fuzz: binding
	@command -v clang >/dev/null || { echo "clang is missing; on Debian: apt-get install clang libclang-rt-14-dev" >&2; exit 1; }
	@mkdir -p build/fuzz
	@for target in $(FUZZED); do \
		clang -g -O1 -fsanitize=fuzzer,address,undefined -std=c11 -D_GNU_SOURCE $(LUA_CFLAGS) $(COROSYNC_CFLAGS) -o build/fuzz/$$target \
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

bench-resty: all nginx-binding
	@BUILD_JIT=build/jit $(RUN_LUA) bench/resty.lua

# The floor: the same work in plain C.
$(BUILD)/bench/plain: bench/plain.c
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) $(COROSYNC_CFLAGS) -o $@ $< $(COROSYNC_LIBS)

# And what no binding can do with less.
$(BUILD)/bench/least.so: bench/least.c
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(COMPILE) -fvisibility=default -shared -o $@ $< $(COROSYNC_LIBS)

# For a quiet machine: some 15 minutes. The table in docs/speed.md is what it prints.
BENCH_ENVIRONMENT = PLAIN=$(BUILD)/bench/plain CPGRUN=$(CPGRUN) LUA_PATH="$(MODULES)/?.lua;$(MODULES)/?/init.lua;;" \
	LUA_CPATH="$(dir $(CORE))../?.so;$(BUILD)/bench/?.so;;" JIT_PATH="build/jit/share/lua/5.1/?.lua;build/jit/share/lua/5.1/?/init.lua;;" \
	JIT_CPATH="build/jit/lib/lua/5.1/?.so;;"
bench: all nginx-binding $(BUILD)/bench/plain $(BUILD)/bench/least.so
	@$(BENCH_ENVIRONMENT) $(LUA) bench/run.lua docs/speed.svg

# 128 members on 8 nodes, 300 handles in a process, messages that wait. The tables in docs/speed.md are what it prints.
bench-scale: binding
	@LUA_PATH="$(MODULES)/?.lua;$(MODULES)/?/init.lua;;" LUA_CPATH="$(dir $(CORE))../?.so;;" LUA="$(LUA)" \
		$(LUA) bench/scale.lua docs/scale.svg

# Instructions a message, against those kept in bench/instructions.
$(BUILD)/bench/callgrind.so: bench/callgrind.c
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(COMPILE) -fvisibility=default -shared -o $@ $<

bench-instructions: binding $(BUILD)/bench/callgrind.so
	@LUA_PATH="$(MODULES)/?.lua;$(MODULES)/?/init.lua;;" LUA_CPATH="$(dir $(CORE))../?.so;$(BUILD)/bench/?.so;;" CC="$(CC)" LUA="$(LUA)" \
		$(LUA) bench/instructions/run.lua

docs:
	$(OWN_LUA) ldoc -q --fatalwarnings -c docs/config.ld .

install: install-binding install-cpgrun

install-binding: binding
	install -D -m 755 $(CORE) $(DESTDIR)$(LIBDIR)/corosync/core.so
	for f in $(LUA_BINDING:lua/%=%); do install -D -m 644 lua/$$f $(DESTDIR)$(LUADIR)/$$f; done
	for f in $(TYPES:types/%=%); do install -D -m 644 types/$$f $(DESTDIR)$(TYPESDIR)/$$f; done
	install -D -m 644 src/corosync-lua.h $(DESTDIR)$(INCLUDEDIR)/corosync-lua.h
	install -D -m 644 $(ARCHIVE) $(DESTDIR)$(ARCHIVEDIR)/lib$(EMBED).a
	ln -sfn lib$(EMBED).a $(DESTDIR)$(ARCHIVEDIR)/libcorosync-lua.a
	install -D -m 644 src/corosync-lua.pc.in $(DESTDIR)$(PKGCONFIGDIR)/$(EMBED).pc
	sed -i -e 's|@libdir@|$(ARCHIVEDIR)|' -e 's|@includedir@|$(INCLUDEDIR)|' -e 's|@luadir@|$(LUADIR)|' \
		-e 's|@version@|$(VERSION)|' -e 's|@name@|$(EMBED)|' -e 's|@prefix@|$(PREFIX)|' \
		$(DESTDIR)$(PKGCONFIGDIR)/$(EMBED).pc

install-cpgrun: cpgrun
	install -D -m 755 $(CPGRUN) $(DESTDIR)$(BINDIR)/cpgrun
	for f in $(LUA_HOST:lua/%=%); do install -D -m 644 lua/$$f $(DESTDIR)$(LUADIR)/$$f; done
	install -D -m 644 docs/cpgrun.1 $(DESTDIR)$(MANDIR)/man1/cpgrun.1

# Of the Lua that it is said for; what all share goes with the last.
uninstall:
	rm -rf $(DESTDIR)$(LUADIR)/corosync $(DESTDIR)$(LUADIR)/cpgrun
	rm -f $(DESTDIR)$(LIBDIR)/corosync/core.so $(DESTDIR)$(ARCHIVEDIR)/lib$(EMBED).a $(DESTDIR)$(PKGCONFIGDIR)/$(EMBED).pc
	rmdir $(DESTDIR)$(LIBDIR)/corosync 2>/dev/null || true
	[ -e $(DESTDIR)$(ARCHIVEDIR)/libcorosync-lua.a ] || rm -f $(DESTDIR)$(ARCHIVEDIR)/libcorosync-lua.a
	ls $(DESTDIR)$(PKGCONFIGDIR)/corosync-lua*.pc >/dev/null 2>&1 || rm -rf $(DESTDIR)$(INCLUDEDIR)/corosync-lua.h $(DESTDIR)$(TYPESDIR)
	rmdir $(dir $(DESTDIR)$(TYPESDIR)) 2>/dev/null || true
	ls -d $(DESTDIR)$(dir $(LUADIR))*/cpgrun/main.lua >/dev/null 2>&1 \
		|| rm -f $(DESTDIR)$(BINDIR)/cpgrun $(DESTDIR)$(MANDIR)/man1/cpgrun.1

clean:
	rm -rf build
