/*
 * A handle's connection, from its opening to its end.
 *
 * All Corosync libraries open alike: connection_new, connection_open_begin, the library's initialize, connection_take,
 * connection_open_end; and connection_open_fail if one of them failed. Nothing between begin and end may raise.
 */
#ifndef COROSYNC_LUA_HANDLE_CONNECTION_H
#define COROSYNC_LUA_HANDLE_CONNECTION_H

#include "handle/handle.h"

/* Pushes a new, closed handle of `size` bytes whose handlers are the table at that index. [-0, +1, m] */
void *connection_new(lua_State *L, const handle_class *class, size_t size, int handlers);

/*
 * Makes sure that Corosync listens, takes the locks that opening needs, and notifies the watchdog. Initialize must not be
 * called unless it returns CS_OK.
 */
cs_error_t connection_open_begin(handle *h);

/* Takes over a connection just made; it stays the caller's unless CS_OK is returned. */
cs_error_t connection_take(handle *h, uint64_t id);

/* Keeps errno: libqb reports some failures only there. */
void connection_open_end(handle *h);

/* Closes the parts that a failed open has opened, and pushes nil, message, code; returns 3. [-0, +3, m] */
int connection_open_fail(lua_State *L, handle *h, cs_error_t error);

/* Closes the connection if this process owns it. Closing twice is allowed. */
void connection_finalize(handle *h);

/* The first open handle of the Lua state that `matches` accepts, or NULL. [-0, +0, m] */
const handle *connection_find(lua_State *L, bool (*matches)(const handle *h, const void *sought), const void *sought);

/* The descriptor that is readable when events wait. */
int connection_descriptor(const handle *h);

/* NULL if there may be events to handle: on a lost handle those that are queued. Else why not. */
const failure *connection_exhausted(const handle *h);

#endif
