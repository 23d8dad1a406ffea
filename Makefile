# make demo    installs what is missing, builds, and shows three nodes agreeing
# make check   the same, then luacheck, the check of what is bound, and all specs against real daemons
# make install PREFIX=/usr/local LUA_VERSION=5.4

VERSION := $(shell sed -n 's/^local VERSION = "\(.*\)".*/\1/p' lua/corosync/binding.lua)
LUA_VERSION ?= 5.4
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib/lua/$(LUA_VERSION)
LUADIR ?= $(PREFIX)/share/lua/$(LUA_VERSION)
MANDIR ?= $(PREFIX)/share/man

LUA ?= lua$(LUA_VERSION)
BUSTED ?= /usr/bin/busted

PKG_CONFIG ?= pkg-config
LUA_CFLAGS ?= $(shell $(PKG_CONFIG) --cflags lua$(LUA_VERSION))
LUA_LIBS ?= $(shell $(PKG_CONFIG) --libs lua$(LUA_VERSION))
LUV_CFLAGS ?= $(shell $(PKG_CONFIG) --cflags lua$(LUA_VERSION)-luv)
LUV_LIBS ?= $(shell $(PKG_CONFIG) --libs lua$(LUA_VERSION)-luv)
COROSYNC_CFLAGS ?= $(shell $(PKG_CONFIG) --cflags libcpg libcmap libquorum libvotequorum libcfg)
COROSYNC_LIBS ?= $(shell $(PKG_CONFIG) --libs libcpg libcmap libquorum libvotequorum libcfg)
COROSYNC_HEADERS ?= $(shell $(PKG_CONFIG) --variable=includedir libcpg)/corosync
COROSYNC_VERSION ?= $(shell $(PKG_CONFIG) --modversion libcpg)

CFLAGS ?= -O2 -g
# THREADS=no: without the helper thread of corosync.resty.
THREADS ?= yes
THREADS_CFLAGS := $(if $(filter no,$(THREADS)),-DCOROSYNC_LUA_NO_THREADS,-pthread)
THREADS_SOURCES := src/waker.c src/doorbell.c
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion
COMPILE = $(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) $(THREADS_CFLAGS) -fPIC -fvisibility=hidden \
	-DCOROSYNC_LUA_VERSION='"$(VERSION)"' -DCOROSYNC_VERSION='"$(COROSYNC_VERSION)"' $(LUA_CFLAGS) $(COROSYNC_CFLAGS)

# The build tree is laid out as an installation, so that cpgrun finds its modules the same way in both.
BUILD := build/$(LUA_VERSION)
CORE := $(BUILD)/lib/lua/$(LUA_VERSION)/corosync/core.so
MODULES := $(BUILD)/share/lua/$(LUA_VERSION)
CPGRUN := $(BUILD)/bin/cpgrun

CORE_SOURCES := $(filter-out $(if $(filter no,$(THREADS)),$(THREADS_SOURCES)),$(wildcard src/*.c))
CORE_OBJECTS := $(CORE_SOURCES:src/%.c=$(BUILD)/obj/%.o)
CPGRUN_OBJECTS := $(patsubst src/%.c,$(BUILD)/obj/%.o,$(wildcard src/cpgrun/*.c))

LUA_LAB := lua/corosync/lab.lua $(wildcard lua/corosync/lab/*.lua)
LUA_BINDING := $(filter-out $(LUA_LAB),$(wildcard lua/corosync/*.lua))
LUA_HOST := $(wildcard lua/cpgrun/*.lua) $(LUA_LAB)

.PHONY: all binding cpgrun nginx-binding demo check lint coverage specs valgrind bench-resty docs install install-binding install-cpgrun deps clean

all: binding cpgrun

binding: $(CORE) $(MODULES)

cpgrun: $(CPGRUN) $(MODULES)

$(BUILD)/obj/%.o: src/%.c $(wildcard src/*.h) Makefile
	@mkdir -p $(@D)
	@echo "CC $<"
	@$(COMPILE) -c -o $@ $<

$(BUILD)/obj/core.o $(BUILD)/obj/cpgrun/main.o: lua/corosync/binding.lua

$(BUILD)/obj/cpgrun/%.o: src/cpgrun/%.c $(wildcard src/*.h) Makefile
	@mkdir -p $(@D)
	@echo "CC $<"
	@$(COMPILE) $(LUV_CFLAGS) -c -o $@ $<

$(CORE): $(CORE_OBJECTS)
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(CC) -shared $(THREADS_CFLAGS) $(LDFLAGS) -o $@ $^ $(COROSYNC_LIBS) -lm

# -Wl,-E: modules that scripts require use the Lua in this program.
$(CPGRUN): $(CPGRUN_OBJECTS) $(CORE_OBJECTS)
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(CC) $(THREADS_CFLAGS) $(LDFLAGS) -Wl,-E -o $@ $^ $(COROSYNC_LIBS) $(LUV_LIBS) $(LUA_LIBS) -lm -ldl

$(MODULES):
	@mkdir -p $(@D)
	ln -sfn ../../../../lua $@

deps:
	@tools/install-deps

demo: deps
	@$(MAKE) --no-print-directory -s all
	@$(CPGRUN) --lab 3 --log-level warning --lab-script examples/demo/story.lua examples/demo/member.lua

check: deps
	@$(MAKE) --no-print-directory all
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory coverage
	@$(MAKE) --no-print-directory specs

lint: docs
	luacheck -q .

# A function that a new Corosync adds must not stay unnoticed: it is bound, or docs/unbound.md says why not.
coverage: $(CORE)
	@$(LUA) tools/check-coverage.lua $(CORE) $(COROSYNC_HEADERS) docs/unbound.md

$(BUILD)/spec/spec_process.so: spec/support/process.c
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(COMPILE) -fvisibility=default -shared -o $@ $<

# nginx's Lua is LuaJIT, with the modules of Lua 5.1.
nginx-binding:
	@$(MAKE) --no-print-directory binding LUA_VERSION=5.1 LUA_CFLAGS="$(shell $(PKG_CONFIG) --cflags luajit)" BUILD=build/jit

# The specs run inside a private cluster of one node; those that need more make their own.
specs: all nginx-binding $(BUILD)/spec/spec_process.so
	@LUA_VERSION=$(LUA_VERSION) LUA=$(LUA) BUSTED=$(BUSTED) tools/run-specs spec

valgrind: all $(BUILD)/spec/spec_process.so
	@LUA_VERSION=$(LUA_VERSION) LUA="valgrind -q --leak-check=full --keep-debuginfo=yes --error-exitcode=9 --suppressions=spec/support/valgrind.supp $(LUA)" BUSTED=$(BUSTED) \
		tools/run-specs spec/core

bench-resty: all nginx-binding
	@BUILD_JIT=build/jit LUA_PATH="$(MODULES)/?.lua;$(MODULES)/?/init.lua;;" LUA_CPATH="$(dir $(CORE))../?.so;;" $(LUA) bench/resty.lua

docs:
	ldoc -q --fatalwarnings -c docs/config.ld .

install: install-binding install-cpgrun

install-binding: binding
	install -D -m 755 $(CORE) $(DESTDIR)$(LIBDIR)/corosync/core.so
	for f in $(LUA_BINDING:lua/%=%); do install -D -m 644 lua/$$f $(DESTDIR)$(LUADIR)/$$f; done

install-cpgrun: cpgrun
	install -D -m 755 $(CPGRUN) $(DESTDIR)$(BINDIR)/cpgrun
	for f in $(LUA_HOST:lua/%=%); do install -D -m 644 lua/$$f $(DESTDIR)$(LUADIR)/$$f; done
	install -D -m 644 docs/cpgrun.1 $(DESTDIR)$(MANDIR)/man1/cpgrun.1

clean:
	rm -rf build
