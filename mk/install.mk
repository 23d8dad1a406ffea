# Installing, and the reference.

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib/lua/$(LUA_ABI)
LUADIR ?= $(PREFIX)/share/lua/$(LUA_ABI)
MANDIR ?= $(PREFIX)/share/man
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
ARCHIVEDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
TYPESDIR ?= $(PREFIX)/share/lua-corosync/types
PKGCONFIGDIR ?= $(ARCHIVEDIR)/pkgconfig

LUA_LAB := lua/corosync/lab.lua $(wildcard lua/corosync/lab/*.lua lua/corosync/lab/*/*.lua)
LUA_BINDING := $(filter-out $(LUA_LAB),$(wildcard lua/corosync/*.lua lua/corosync/*/*.lua lua/corosync/*/*/*.lua))
TYPES := $(wildcard types/*.lua types/*/*.lua types/*/*/*.lua)
LUA_RESTY := $(wildcard lua/resty/corosync/*.lua)
LUA_HOST := $(wildcard lua/cpgrun/*.lua lua/cpgrun/*/*.lua) $(LUA_LAB)

.PHONY: docs types install install-binding install-cpgrun install-resty uninstall

# The guides link to each other's sources; in the reference they are pages.
## docs: write the reference to docs/reference
docs:
	$(OWN_LUA) ldoc -q --fatalwarnings -c docs/config.ld .
	@sed -i -E 's#href="\.\./(README|CONTRIBUTING|examples/|rockspec|types/)#href="../../../\1#g; s#href="(\.\./)?(\w+)\.md(\#[^"]*)?"#href="\2.md.html\3"#g' \
		docs/reference/topics/*.html

# Annotations for editors (LuaLS), from the doc comments.
WRITE_TYPES = rm -rf $(1) && env -u LUA_CPATH TYPES=$(CURDIR)/$(1) LUA_PATH="$(CURDIR)/tools/?.lua;;" \
	ldoc -q -c docs/config.ld --filter types.write . >/dev/null
## types: write the annotations for editors to types/
types:
	@$(call WRITE_TYPES,types)

# Files below the folder $2 to the folder $3.
INSTALL_EACH = for f in $(1:$2/%=%); do install -D -m 644 $2/$$f $(DESTDIR)$3/$$f || exit 1; done

## install: install the binding and cpgrun below PREFIX (/usr/local) for LUA_VERSION
install: install-binding install-cpgrun

install-binding: binding
	@echo "INSTALL $(DESTDIR)$(LIBDIR)/corosync/core.so, modules below $(DESTDIR)$(LUADIR) and the manual page"
	@install -D -m 755 $(CORE) $(DESTDIR)$(LIBDIR)/corosync/core.so
	@$(call INSTALL_EACH,$(LUA_BINDING),lua,$(LUADIR))
	@$(call INSTALL_EACH,$(TYPES),types,$(TYPESDIR))
	@install -D -m 644 docs/lua-corosync.3 $(DESTDIR)$(MANDIR)/man3/lua-corosync.3
	@install -D -m 644 src/corosync-lua.h $(DESTDIR)$(INCLUDEDIR)/corosync-lua.h
	@install -D -m 644 $(ARCHIVE) $(DESTDIR)$(ARCHIVEDIR)/lib$(EMBED).a
	@ln -sfn lib$(EMBED).a $(DESTDIR)$(ARCHIVEDIR)/libcorosync-lua.a
	@install -D -m 644 src/corosync-lua.pc.in $(DESTDIR)$(PKGCONFIGDIR)/$(EMBED).pc
	@sed -i -e 's|@libdir@|$(ARCHIVEDIR)|' -e 's|@includedir@|$(INCLUDEDIR)|' -e 's|@luadir@|$(LUADIR)|' \
		-e 's|@version@|$(VERSION)|' -e 's|@name@|$(EMBED)|' -e 's|@prefix@|$(PREFIX)|' \
		$(DESTDIR)$(PKGCONFIGDIR)/$(EMBED).pc

install-cpgrun: cpgrun
	@echo "INSTALL $(DESTDIR)$(BINDIR)/cpgrun, its modules, manual pages, unit and completion"
	@install -D -m 755 $(CPGRUN) $(DESTDIR)$(BINDIR)/cpgrun
	@$(call INSTALL_EACH,$(LUA_HOST),lua,$(LUADIR))
	@install -D -m 644 docs/cpgrun.1 $(DESTDIR)$(MANDIR)/man1/cpgrun.1
	@install -D -m 644 docs/cpgrun.conf.5 $(DESTDIR)$(MANDIR)/man5/cpgrun.conf.5
	@install -D -m 644 examples/cpgrun@.service $(DESTDIR)$(UNITDIR)/cpgrun@.service
	@sed -i 's|/usr/local/bin/cpgrun|$(BINDIR)/cpgrun|' $(DESTDIR)$(UNITDIR)/cpgrun@.service
	@install -D -m 644 examples/cpgrun.sysusers $(DESTDIR)$(SYSUSERSDIR)/cpgrun.conf
	@mkdir -p $(DESTDIR)$(BASHDIR) $(DESTDIR)$(ZSHDIR)
	@$(CPGRUN) --completion bash >$(DESTDIR)$(BASHDIR)/cpgrun
	@$(CPGRUN) --completion zsh >$(DESTDIR)$(ZSHDIR)/_cpgrun

## install-resty: install the modules for OpenResty, in addition to the binding for LUA_VERSION=jit
install-resty:
	@echo "INSTALL $(DESTDIR)$(LUADIR)/resty/corosync"
	@$(call INSTALL_EACH,$(LUA_RESTY),lua,$(LUADIR))

# Of one Lua; what all Luas share goes with the last.
## uninstall: remove what install has put below PREFIX
uninstall:
	rm -rf $(DESTDIR)$(LUADIR)/corosync $(DESTDIR)$(LUADIR)/cpgrun $(DESTDIR)$(LUADIR)/resty/corosync
	rm -f $(DESTDIR)$(LIBDIR)/corosync/core.so $(DESTDIR)$(ARCHIVEDIR)/lib$(EMBED).a $(DESTDIR)$(PKGCONFIGDIR)/$(EMBED).pc
	[ -e $(DESTDIR)$(ARCHIVEDIR)/libcorosync-lua.a ] || rm -f $(DESTDIR)$(ARCHIVEDIR)/libcorosync-lua.a
	ls $(DESTDIR)$(PKGCONFIGDIR)/corosync-lua*.pc >/dev/null 2>&1 || rm -rf $(DESTDIR)$(INCLUDEDIR)/corosync-lua.h $(DESTDIR)$(TYPESDIR) \
		$(DESTDIR)$(MANDIR)/man3/lua-corosync.3
	ls -d $(DESTDIR)$(dir $(LUADIR))*/cpgrun/main.lua >/dev/null 2>&1 \
		|| rm -f $(DESTDIR)$(BINDIR)/cpgrun $(DESTDIR)$(MANDIR)/man1/cpgrun.1 $(DESTDIR)$(MANDIR)/man5/cpgrun.conf.5 \
			$(DESTDIR)$(BASHDIR)/cpgrun $(DESTDIR)$(ZSHDIR)/_cpgrun \
			$(DESTDIR)$(UNITDIR)/cpgrun@.service $(DESTDIR)$(SYSUSERSDIR)/cpgrun.conf
	rmdir $(addprefix $(DESTDIR),$(LIBDIR)/corosync $(LIBDIR) $(dir $(LIBDIR)) $(LUADIR)/resty $(LUADIR) $(dir $(LUADIR)) $(dir $(TYPESDIR)) \
		$(PKGCONFIGDIR) $(MANDIR)/man1 $(MANDIR)/man3 $(MANDIR)/man5 $(BASHDIR) $(dir $(BASHDIR)) $(ZSHDIR) $(dir $(ZSHDIR)) \
		$(UNITDIR) $(dir $(UNITDIR)) $(SYSUSERSDIR)) 2>/dev/null || true
