/* The functions of the host program that its other files use, file by file. */
#ifndef COROSYNC_LUA_CPGRUN_H
#define COROSYNC_LUA_CPGRUN_H

#include <stdbool.h>
#include <stddef.h>

#include <lua.h>

/* ---- callback.c ---- */

/* Makes luv log errors in callbacks, also in its threads, instead of ending the process. [-0, +0, m] */
void callback_open(lua_State *L);

/* Lua: set_report(function) sets the function that gets each error's message with its traceback. */
int callback_set_report(lua_State *L);

/*
 * Lua: limit(libraries, seconds, bytes) -> call, limit_memory, pcall_without. From now on, functions of the script and
 * luv's callbacks have a time limit (limit.c), a memory limit (memory.c), or both; nil for none. The names of our own
 * Lua's sources start with `libraries`, followed by corosync/ or cpgrun/.
 *
 *   call(function, ...)   as xpcall with a traceback as its handler: true and results, or false and the message
 *   limit_memory(applies or function) -> applied   applies the memory limit, removes it, or applies it if the function
 *                         is not our own; until the next call, or until the function that call or luv has called ends
 *   pcall_without(function, ...)   as pcall, without the limits; functions that `call` and luv call inside have them
 */
int callback_limit(lua_State *L);

/* ---- interrupt.c ---- */

/*
 * SIGINT, SIGTERM and SIGHUP while Lua runs: luv's handlers run only in the loop, to which a script may never return.
 * So the first signal goes to luv, unless the script is still being loaded, and a second SIGINT or SIGTERM ends the
 * process. SIGHUP stops only when the terminal has hung up; otherwise it always goes to luv.
 */

/*
 * Lua: guard(is_supervised) installs handlers before those of luv, and marks the script as not loaded. Below a
 * supervisor (--also), a second signal does not end the process: luv's handlers decide.
 */
int interrupt_guard(lua_State *L);

/* Lua: loaded() marks the script as loaded: the first signal goes to luv. */
int interrupt_loaded(lua_State *L);

/* Lua: has_lost_terminal() returns whether the controlling terminal of guard's time has hung up. */
int interrupt_has_lost_terminal(lua_State *L);

/* Whether a signal that stops has arrived. Safe in a signal handler. */
bool interrupt_is_stopping(void);

/* ---- limit.c ---- */

/*
 * A limit to the run time of the script's functions. A count hook checks the clock, and raises an error when
 * the time is over; and again at the script's next instruction, until the error has left the script, even if the script
 * catches it. Our own Lua is never interrupted: the error is raised when it has returned to the script. C functions
 * that do not return, finalizers, message handlers of xpcall, and __close of a stopped coroutine's variables have no
 * limit, because Lua calls no hook there.
 */

/* Limits functions to so many seconds, also in coroutines made later. `libraries`: see callback_limit. [-0, +0, m] */
void limit_open(lua_State *L, double seconds, const char *libraries);

/*
 * As lua_pcall, with the limit if there is one. The time of a nested call does not count for the outer one.
 * [-(arguments + 1), +(results|1), -]
 */
int limit_pcall(lua_State *L, int arguments, int results, int handler);

/*
 * As lua_pcall, without the limit; the time does not count for an outer one. Calls of limit_pcall inside it have one.
 * [-(arguments + 1), +(results|1), -]
 */
int limit_pcall_without(lua_State *L, int arguments, int results);

/* Whether a source's name is that of our own Lua. */
bool limit_is_own(const char *source, const char *libraries);

/* ---- memory.c ---- */

/*
 * Limits the memory of the Lua state. An allocation beyond the limit fails only while a function of the script runs,
 * which then gets Lua's error "not enough memory". Our own Lua code shares the state and has no limit, because it would
 * lose events if its allocations could fail anywhere. So the state of replicas, or a message, may exceed the limit;
 * then each allocation of the script fails. Our functions that the script calls are limited, unless they handle events
 * or change a replica.
 */

/* Sets the limit in bytes. [-0, +0, v] */
void memory_open(lua_State *L, size_t limit);

/* Applies the limit to allocations from now on, or removes it. Returns whether it applied before. */
bool memory_apply_limit(lua_State *L, bool applies);

/* Gives the state its own allocator back, before it is closed. */
void memory_close(lua_State *L);

/* ---- notify.c: the protocol of sd_notify(3) ---- */

/*
 * Lua: notify(socket, text) sends lines such as READY=1 to the socket of NOTIFY_SOCKET. Returns true, or nil and a
 * message, also if sending would block.
 */
int notify_send(lua_State *L);

/* Lua: close_on_exec(fd) keeps a descriptor from the programs that this process starts. */
int notify_close_on_exec(lua_State *L);

/* ---- parent.c ---- */

/* Lua: end_with_parent(pid): this process gets a SIGTERM when its parent ends; returns false if that is not `pid`. */
int parent_end_with(lua_State *L);

/* ---- state.c ---- */

/* Opens Lua's libraries, and lets require find this program's modules, luv and the binding. [-0, +0, e] */
void state_open(lua_State *L);

/* ---- stdfds.c: makes the standard descriptors safe for a process that runs long and talks to others ---- */

/*
 * Opens closed ones on /dev/null. Otherwise the next file opened would get such a number and be written to as standard
 * output; and libuv ends the process when it closes a descriptor with one of these numbers.
 */
void stdfds_open(void);

/*
 * From now on a write to a closed pipe or socket fails and does not end the process. But when standard output's reader
 * has hung up, the process gets a SIGTERM. Programs that it starts have the default SIGPIPE.
 */
void stdfds_catch_hangups(void);

/* Lua: has_hung_up() returns whether standard output's reader has hung up. */
int stdfds_has_hung_up(lua_State *L);

/*
 * At exit: if output cannot be written, as on a full disk, prints an error and exits with 1. Returns 0 unless memory is
 * lacking.
 */
int stdfds_check_at_exit(void);

/* ---- user.c: giving up root, and ids of users ---- */

/* Lua: become(name) gives up root for that user, for good. Returns true, or nil and a message. */
int user_become(lua_State *L);

/* Lua: user_id(name) returns the user's id; nil if there is none. */
int user_id(lua_State *L);

/* Lua: peer_user(fd) returns the id of the user of a unix socket's other end; or nil and a message. */
int user_of_peer(lua_State *L);

#endif
