# Compiling the core, the library for embedding, and cpgrun.

PKG_CONFIG ?= pkg-config
# Sets a variable to a command's output when it is first used: each command that compiles uses it. $$: make reads what eval
# gets once more, and the output may contain # or $.
once = $(eval $1 := $$(shell $2))$($1)
LUA_CFLAGS ?= $(call once,LUA_CFLAGS,$(PKG_CONFIG) --cflags lua$(LUA_VERSION))
LUA_LIBS ?= $(call once,LUA_LIBS,$(PKG_CONFIG) --libs lua$(LUA_VERSION))
# Debian's luv names the Lua that it is for, and is linked with none: that of Lua 5.1 serves LuaJIT as well.
LUV_CFLAGS ?= $(call once,LUV_CFLAGS,$(PKG_CONFIG) --cflags lua$(LUA_ABI)-luv)
LUV_LIBS ?= $(filter-out -llua$(LUA_ABI),$(shell $(PKG_CONFIG) --libs lua$(LUA_ABI)-luv))
COROSYNC_CFLAGS ?= $(call once,COROSYNC_CFLAGS,$(PKG_CONFIG) --cflags libcpg libcmap libquorum libvotequorum libcfg)
COROSYNC_LIBS ?= $(call once,COROSYNC_LIBS,$(PKG_CONFIG) --libs libcpg libcmap libquorum libvotequorum libcfg)
COROSYNC_HEADERS ?= $(shell $(PKG_CONFIG) --variable=includedir libcpg)/corosync
COROSYNC_VERSION ?= $(call once,COROSYNC_VERSION,$(PKG_CONFIG) --modversion libcpg)

OBJCOPY ?= objcopy
CFLAGS ?= -O2 -g
# THREADS=no: without the helper thread of corosync.resty.
THREADS ?= yes
THREADS_CFLAGS := $(if $(filter no,$(THREADS)),-DCOROSYNC_LUA_NO_THREADS,-pthread)
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion
# libqb's sockets are here when /etc/libqb/force-filesystem-sockets exists: it is compiled into libqb, and not in its headers.
LIBQB_SOCKET_DIR ?= $(if $(wildcard /etc/debian_version),/tmp,/var/run)
DEFINES = -DCOROSYNC_LUA_VERSION='"$(VERSION)"' -DCOROSYNC_VERSION='"$(COROSYNC_VERSION)"' \
	-DLIBQB_SOCKET_DIR='"$(LIBQB_SOCKET_DIR)"'
# -fexceptions: where Lua was compiled as C++, its errors unwind our functions.
COMPILE = $(CC) -std=c11 -D_GNU_SOURCE -Isrc $(WARNINGS) $(CFLAGS) $(THREADS_CFLAGS) -fPIC -fexceptions -fvisibility=hidden \
	$(DEFINES) $(LUA_CFLAGS) $(COROSYNC_CFLAGS)

CORE := $(BUILD)/lib/lua/$(LUA_ABI)/corosync/core.so
MODULES := $(BUILD)/share/lua/$(LUA_ABI)
CPGRUN := $(BUILD)/bin/cpgrun
# For C programs that embed the binding. Installed for each Lua, under its name.
ARCHIVE := $(BUILD)/lib/libcorosync-lua.a
EMBED := corosync-lua$(LUA_VERSION)

CPGRUN_SOURCES := $(wildcard src/cpgrun/*.c)
CORE_SOURCES := $(filter-out $(CPGRUN_SOURCES) $(if $(filter no,$(THREADS)),src/nginx/wake%),$(wildcard src/*.c src/*/*.c))
CORE_OBJECTS := $(CORE_SOURCES:src/%.c=$(BUILD)/obj/%.o)
CPGRUN_OBJECTS := $(CPGRUN_SOURCES:src/%.c=$(BUILD)/obj/%.o)

.PHONY: binding cpgrun nginx-binding debug compile_commands.json requirements requirements-cpgrun FORCE

## binding: build the C core and the library for embedding alone
binding: $(CORE) $(ARCHIVE) $(MODULES)

## cpgrun: build the host program alone
cpgrun: $(CPGRUN) $(MODULES)

# nginx's Lua is LuaJIT. With that, a second make would build the same again, at the same time or with other variables.
ifeq ($(BUILD),build/jit)
nginx-binding: binding
else
nginx-binding:
	@$(MAKE) --no-print-directory binding LUA_VERSION=jit LUA_CFLAGS="$(shell $(PKG_CONFIG) --cflags luajit)" BUILD=build/jit
endif

# A Lua built from source with LUA_USE_APICHECK (LUA_CFLAGS, LUA_LIBS) checks each call of its API.
## debug: build with -O0 -g3 and Lua's API checks into build/debug
debug:
	@$(MAKE) --no-print-directory BUILD=build/debug CFLAGS="-O0 -g3 -DLUA_USE_APICHECK" all

## compile_commands.json: write the compiler's commands, for clangd and others (takes bear)
compile_commands.json:
	@command -v bear >/dev/null || { echo "bear is missing; on Debian: apt-get install bear" >&2; exit 1; }
	bear -- $(MAKE) --no-print-directory -B BUILD=build/commands all

# Names what is missing by Debian's package.
requirements:
	@PKG_CONFIG=$(PKG_CONFIG) tools/check-requirements \
		libcpg:libcpg-dev libcmap:libcmap-dev libquorum:libquorum-dev libvotequorum:libvotequorum-dev libcfg:libcfg-dev

requirements-cpgrun: requirements
	@PKG_CONFIG=$(PKG_CONFIG) tools/check-requirements lua$(LUA_ABI)-luv:lua-luv-dev \
		lua$(LUA_VERSION):$(if $(filter jit,$(LUA_VERSION)),libluajit2-5.1-dev,liblua$(LUA_ABI:5.1=5.1-0)-dev)

# The commands of the last build: what they make is made again when they change.
COMMANDS := $(BUILD)/obj/commands
$(COMMANDS): FORCE
	$(shell mkdir -p $(@D))$(if $(call differ,$(file <$@),$(COMPILE) $(LDFLAGS)),$(file >$@,$(COMPILE) $(LDFLAGS)))
# Whether two texts do, but for spaces.
differ = $(filter-out x$(subst $(space),,$(strip $1))x,x$(subst $(space),,$(strip $2))x)
empty :=
space := $(empty) $(empty)

# The headers that each object depends on are noted by the compiler.
$(BUILD)/obj/%.o: src/%.c $(COMMANDS) | requirements
	@mkdir -p $(@D)
	@echo "CC $<"
	@$(COMPILE) -MMD -MP -c -o $@ $<

$(BUILD)/obj/cpgrun/%.o: src/cpgrun/%.c $(COMMANDS) | requirements-cpgrun
	@mkdir -p $(@D)
	@echo "CC $<"
	@$(COMPILE) $(LUV_CFLAGS) -MMD -MP -c -o $@ $<

-include $(CORE_OBJECTS:.o=.d) $(CPGRUN_OBJECTS:.o=.d)

# -z nodelete: Lua 5.1 unloads its libraries before it has finalized what they made, and threads of ours may still run.
$(CORE): $(CORE_OBJECTS)
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(CC) -shared -Wl,-z,nodelete $(THREADS_CFLAGS) $(LDFLAGS) -o $@ $^ $(COROSYNC_LIBS) -lm

# One object with nothing visible but what is public: our names must not meet those of the program.
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
