/* What is sent as one message: a string, or an array of strings without concatenation. */
#ifndef COROSYNC_LUA_CPG_IOVEC_H
#define COROSYNC_LUA_CPG_IOVEC_H

#include <stddef.h>
#include <sys/uio.h>

#include "support/compat.h"
#include "support/failure.h"

/* lib/cpg.c copies the caller's iovecs behind one of its own, into an array of 64, without asking how many. */
#define CPG_PARTS_MOST 63

typedef struct cpg_parts {
	struct iovec vector[CPG_PARTS_MOST];
	unsigned int count;
	size_t length, most; /* bytes */
} cpg_parts;

/*
 * Collects the message at index 2, which must stay there while the parts are used. NULL, or why it is refused; raises
 * for anything but strings. [-0, +0, v]
 */
const failure *cpg_iovec_collect(lua_State *L, cpg_parts *p, size_t most);

#endif
