/* Iteration over the configuration map's keys. */
#ifndef COROSYNC_LUA_CMAP_KEYS_H
#define COROSYNC_LUA_CMAP_KEYS_H

#include <corosync/cmap.h>

#include "handle/handle.h"

/* Pushes an iterator over the keys with that prefix, as the map is now: key, value, the type's name. [-0, +1|0, m] */
cs_error_t cmap_keys_push(lua_State *L, handle *h, const char *prefix);

#endif
