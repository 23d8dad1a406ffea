/*
 * Long messages that arrive in pieces, at most one per sender at a time. Bytes only: no handle and no Lua.
 *
 * All members must deliver the same messages, including members that have joined meanwhile. So this state depends only
 * on the order of pieces and changes, which is the same everywhere. A new member and a change of ring drop all
 * incomplete messages: a new member has none of their pieces, and now the others have none either. The senders see the
 * same change and begin again.
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
	uint64_t limit; /* most bytes of all incomplete messages together; the same at all members */
	uint64_t taken; /* bytes that the incomplete messages will have when complete */
	assembly_part *parts;
	size_t count, capacity;
} assembly;

typedef enum assembly_result {
	ASSEMBLY_MORE,     /* pieces are missing */
	ASSEMBLY_WHOLE,    /* the message is complete: get it with cpg_assembly_find, then call cpg_assembly_drop */
	ASSEMBLY_STALE,    /* a piece of a message that was dropped or refused */
	ASSEMBLY_FULL,     /* a first piece, but there is no room until other messages are complete */
	ASSEMBLY_TOO_LONG, /* the message is longer than the limit */
	ASSEMBLY_NO_MEMORY,
} assembly_result;

assembly_result cpg_assembly_take(assembly *a, uint32_t node, uint32_t pid, const frame_piece *piece);

/* Returns a sender's incomplete message, or NULL. Valid until the next call. */
assembly_part *cpg_assembly_find(const assembly *a, uint32_t node, uint32_t pid);

/* Drops a sender's message, if it has one. */
void cpg_assembly_drop(assembly *a, uint32_t node, uint32_t pid);
void cpg_assembly_drop_all(assembly *a);

static inline bool cpg_assembly_has_room(const assembly *a, uint64_t total)
{
	return total <= a->limit - a->taken;
}

void cpg_assembly_free(assembly *a);

#endif
