/*
 * lua-corosync for C and C++ programs that embed Lua: the interface of libcorosync-lua.a.
 *
 * The program links its own Lua, of the version that the library was built for: `pkg-config --cflags --libs
 * corosync-lua5.4 lua5.4`. The Lua half of the binding is a folder of files: `pkg-config --variable=luadir
 * corosync-lua5.4`.
 */
#ifndef COROSYNC_LUA_H
#define COROSYNC_LUA_H

#ifdef __cplusplus
extern "C" {
#endif

struct lua_State;

/*
 * The C half, for package.preload["corosync.core"]. With this and the Lua half, scripts can require "corosync",
 * "corosync.cpg" and all other modules. Any number of Lua states may load it, each in its thread; a handle belongs to
 * its state. A thread that dispatches handles needs 2 MiB of stack.
 *
 * Leaves the module on the Lua stack and returns 1; raises a Lua error when there is no memory. [-0, +1, m]
 */
int luaopen_corosync_core(struct lua_State *L);

#ifdef __cplusplus
}
#endif

#endif
