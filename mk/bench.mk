# Measuring: rates beside plain C, instructions a message, and what it takes to scale.

.PHONY: bench bench-instructions bench-scale bench-tuning bench-resty bench-resty-node bench-replica

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

## bench: rates and CPU beside plain C (15 minutes on a quiet machine)
# For a quiet machine: some 15 minutes. The table in docs/speed.md is what it prints.
BENCH_ENVIRONMENT = PLAIN=$(BUILD)/bench/plain CPGRUN=$(CPGRUN) LUA_PATH="$(MODULES)/?.lua;$(MODULES)/?/init.lua;;" \
	LUA_CPATH="$(dir $(CORE))../?.so;$(BUILD)/bench/?.so;;" JIT_PATH="build/jit/share/lua/5.1/?.lua;build/jit/share/lua/5.1/?/init.lua;;" \
	JIT_CPATH="build/jit/lib/lua/5.1/?.so;;"
bench: all nginx-binding $(BUILD)/bench/plain $(BUILD)/bench/least.so
	@$(BENCH_ENVIRONMENT) $(LUA) bench/run.lua docs/speed.svg

## bench-scale: many members, many handles, messages that wait
# 128 members on 8 nodes, 300 handles in a process, messages that wait. The tables in docs/speed.md are what it prints.
bench-scale: binding
	@LUA_PATH="$(MODULES)/?.lua;$(MODULES)/?/init.lua;;" LUA_CPATH="$(dir $(CORE))../?.so;;" LUA="$(LUA)" \
		$(LUA) bench/scale.lua docs/scale.svg

## bench-tuning: what settings of corosync.conf do (13 minutes on a quiet machine)
# With PAIRS=3 some 8 minutes. The tables in docs/tuning.md are what it prints.
bench-tuning: binding $(BUILD)/bench/plain
	@PLAIN=$(BUILD)/bench/plain LUA="$(LUA)" $(RUN_LUA) bench/tuning.lua docs/tuning.svg

# Instructions a message, against those kept in bench/instructions.
$(BUILD)/bench/callgrind.so: bench/callgrind.c
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(COMPILE) -fvisibility=default -shared -o $@ $<

## bench-instructions: instructions a message, against those in bench/instructions
bench-instructions: binding $(BUILD)/bench/callgrind.so
	@LUA_PATH="$(MODULES)/?.lua;$(MODULES)/?/init.lua;;" LUA_CPATH="$(dir $(CORE))../?.so;$(BUILD)/bench/?.so;;" CC="$(CC)" LUA="$(LUA)" \
		$(LUA) bench/instructions/run.lua

## bench-resty: rates in nginx
bench-resty: all nginx-binding
	@BUILD_JIT=build/jit $(RUN_LUA) bench/resty.lua

## bench-resty-node: groups of nodes in nginx: rates, other requests, memory, reloads (WORKERS=2 MINUTES=5 RELOADS=30 PARTS="events requests memory reloads")
# It needs wrk. The tables in docs/openresty.md are what it prints.
bench-resty-node: all nginx-binding
	@BUILD_JIT=build/jit $(RUN_LUA) bench/resty_node.lua

## bench-replica: replicas beside raw messages and, if it is installed, etcd (10 minutes on a quiet machine)
# It needs LuaJIT's build, too. STORAGE=FOLDER measures only rates, with the data of replicas and etcd in that folder.
# The tables in docs/speed.md are what it prints.
bench-replica: binding
	@+$(MAKE) --no-print-directory binding LUA_VERSION=jit
	@$(BENCH_ENVIRONMENT) $(LUA) bench/replica/run.lua
