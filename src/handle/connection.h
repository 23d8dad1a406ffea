/* A handle's connection, from its opening to its end. */
#ifndef COROSYNC_LUA_HANDLE_CONNECTION_H
#define COROSYNC_LUA_HANDLE_CONNECTION_H

#include "handle/handle.h"

/* Pushes a new, closed handle of `size` bytes whose handlers are the table at that index. [-0, +1, m] */
void *connection_new(lua_State *L, const handle_class *class, size_t size, int handlers);

/* Makes an open handle's `loop_fd` readable also when `fd` is. Returns 0 or an errno. connection_finalize undoes it. */
int connection_add_to_loop(handle *h, int fd);

/* Closes the connection if this process owns it. Closing twice is allowed. */
void connection_finalize(handle *h);

/* Disconnects from Corosync only, as connection_finalize does. The caller holds libqb's lock. */
void connection_disconnect(handle *h);

/* The first open handle of the Lua state that `matches` accepts, or NULL. [-0, +0, m] */
const handle *connection_find(lua_State *L, bool (*matches)(const handle *h, const void *sought), const void *sought);

/* The descriptor that is readable when events wait. */
int connection_descriptor(const handle *h);

/* NULL if there may be events to handle: on a lost handle those that are queued. Else why not. */
const failure *connection_exhausted(const handle *h);

/* ---- connecting a new handle, and why that fails: opening.c ---- */

/*
 * Connects the new handle on top of the stack, then calls `start` on it unless that is NULL. Returns 1; or closes the
 * parts that were opened, pushes nil, message, code, and returns 3. [-0, +0|3, m]
 */
int connection_open(lua_State *L, handle *h, cs_error_t (*start)(handle *h));

#endif
