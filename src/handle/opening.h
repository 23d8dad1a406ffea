/*
 * How a handle gets its connection, the same way for all of Corosync's libraries: opening_begin, the library's initialize,
 * opening_take, opening_end; and opening_fail if one of them failed. Between begin and end nothing may raise.
 */
#ifndef COROSYNC_LUA_HANDLE_OPENING_H
#define COROSYNC_LUA_HANDLE_OPENING_H

#include "handle/handle.h"

/*
 * Makes sure that Corosync listens, takes the locks that opening needs, and tells the watchdog. Initializes must not be
 * called unless it returns CS_OK.
 */
cs_error_t opening_begin(handle *h);

/* Takes over a connection just made; it stays the caller's if anything but CS_OK is returned. */
cs_error_t opening_take(handle *h, uint64_t id);

/* Keeps errno: some failures of libqb show in it alone. */
void opening_end(handle *h);

/* Ends what an open that failed has opened, and pushes nil, message, code; returns 3. [-0, +3, m] */
int opening_fail(lua_State *L, handle *h, cs_error_t error);

#endif
