/*
 * Long messages as they arrive in pieces, at most one of each sender at a time. Bytes only, no handle and no Lua.
 *
 * All members must deliver the same ones, also members that have joined meanwhile. So what is kept here depends only on the
 * order of pieces and changes, which is the same everywhere: a joined member or a change of ring drops all that is
 * incomplete, after which newcomers and the others have the same: nothing. Senders see it too, and begin anew.
 */
#ifndef COROSYNC_LUA_CPG_ASSEMBLY_H
#define COROSYNC_LUA_CPG_ASSEMBLY_H

#include "cpg/frame.h"

typedef struct assembly_part {
	uint32_t node, pid; /* the sender */
	uint32_t transfer;
	uint64_t total, received;
	char *bytes;
	size_t capacity;
} assembly_part;

typedef struct assembly {
	uint64_t limit; /* the most bytes of all incomplete messages together; the same at all members */
	uint64_t taken; /* the bytes that the incomplete ones will have */
	assembly_part *parts;
	size_t count, capacity;
} assembly;

typedef enum assembly_result {
	ASSEMBLY_MORE,     /* pieces are missing */
	ASSEMBLY_WHOLE,    /* the message is complete: assembly_find gives it, and assembly_drop must follow */
	ASSEMBLY_STALE,    /* a piece of a message that was dropped or refused */
	ASSEMBLY_FULL,     /* the first piece of a message for which there is no room until others are complete */
	ASSEMBLY_TOO_LONG, /* a message that is longer than the limit */
	ASSEMBLY_NO_MEMORY,
} assembly_result;

assembly_result assembly_take(assembly *a, uint32_t node, uint32_t pid, const frame_piece *piece);

/* A sender's incomplete message, or NULL. Valid until the next call. */
assembly_part *assembly_find(const assembly *a, uint32_t node, uint32_t pid);

/* Drops a sender's message, if it has one. */
void assembly_drop(assembly *a, uint32_t node, uint32_t pid);
void assembly_drop_all(assembly *a);

static inline bool assembly_has_room(const assembly *a, uint64_t total)
{
	return total <= a->limit - a->taken;
}

void assembly_free(assembly *a);

#endif
