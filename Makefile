# `make help` lists the targets. What they do is in mk/: compile, check (specs, lint, sanitizers, fuzzing), bench, install.

VERSION := $(shell sed -n 's/^local VERSION = "\(.*\)".*/\1/p' lua/corosync/binding.lua)
# Every Lua that the sources are for.
LUAS := 5.4 jit 5.3 5.2 5.1
CHECKED_LUAS := $(or $(LUA_VERSION),$(LUAS))

# LuaRocks names only the Lua program.
ifdef LUA
LUA_VERSION ?= $(shell $(LUA) -e 'print(jit and "jit" or _VERSION:match "[%d.]+")')
endif
LUA_VERSION ?= 5.4
ifeq ($(filter $(LUA_VERSION),$(LUAS)),)
$(error LUA_VERSION is '$(LUA_VERSION)', and must be one of $(LUAS))
endif
# LuaJIT loads the modules of Lua 5.1.
LUA_ABI := $(LUA_VERSION:jit=5.1)
LUA ?= lua$(LUA_VERSION)
BUSTED ?= /usr/bin/busted

# The build tree is laid out as an installation, so that cpgrun finds its modules the same way in both.
BUILD := build/$(LUA_VERSION)

.PHONY: help all demo demo-openresty check deps clean

## all: build the binding and cpgrun for LUA_VERSION (5.4 by default; jit, 5.3, 5.2, 5.1)
all: binding cpgrun

include mk/compile.mk mk/check.mk mk/bench.mk mk/install.mk

## demo: install what building takes, build, and show three real nodes agreeing
demo:
	@tools/install-deps demo
	@$(MAKE) --no-print-directory -s all
	@$(CPGRUN) --lab 3 --log-level warning --lab-script examples/demo/story.lua examples/demo/member.lua

## demo-openresty: the same for nginx, and show caches on three nodes under load while one is killed
demo-openresty:
	@tools/install-deps openresty
	@$(MAKE) --no-print-directory -s LUA_VERSION=5.4 binding nginx-binding
	@LUA_PATH="build/5.4/share/lua/5.4/?.lua;build/5.4/share/lua/5.4/?/init.lua;;" LUA_CPATH="build/5.4/lib/lua/5.4/?.so;;" \
		lua5.4 examples/nginx/demo/run.lua

## check: install what the tests take, build, lint, and run all specs for each Lua (or one: LUA_VERSION=5.3)
check:
	@tools/install-deps check
	@$(MAKE) --no-print-directory -j"$$(nproc)" all
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory check-bindings
	@$(MAKE) --no-print-directory LUA_VERSION=5.4 bench-instructions
	@MAKE="$(MAKE)" tools/run-matrix $(CHECKED_LUAS)

## deps: install what demo and check take
deps:
	@tools/install-deps check

## clean: remove build/
clean:
	rm -rf build compile_commands.json

## help: this list
help:
	@sed -n 's/^## \([^:]*\): /\1\t/p' $(MAKEFILE_LIST) | sort | awk -F '\t' '{ printf "%-20s %s\n", $$1, $$2 }'
