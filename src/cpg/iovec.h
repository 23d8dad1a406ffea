/* A message to send: a string, or an array of strings that are sent as one without concatenation. */
#ifndef COROSYNC_LUA_CPG_IOVEC_H
#define COROSYNC_LUA_CPG_IOVEC_H

#include <stddef.h>
#include <sys/uio.h>

#include "support/compat.h"
#include "support/failure.h"

/* lib/cpg.c copies the caller's iovecs behind one of its own, into an array of 64, without checking their number. */
#define CPG_IOVEC_MOST 63

typedef struct cpg_iovec {
	struct iovec vector[CPG_IOVEC_MOST];
	unsigned int count;
	size_t length, most; /* bytes */
} cpg_iovec;

/*
 * Collects the message at index 2, which must stay there while `v` is used. Returns NULL, or why it is refused; raises
 * for anything but strings. [-0, +0, v]
 */
const failure *cpg_iovec_collect(lua_State *L, cpg_iovec *v, size_t most);

#endif
