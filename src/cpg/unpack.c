#include "cpg/cpg.h"

#include <inttypes.h>
#include <stdio.h>

/* Each member is reported once. After this many members no others are reported, to bound the list. */
#define MOST_REPORTED ((size_t)1024)

static const char *const problems[] = {
	[FRAME_FOREIGN] = "sends messages that are not packed: use the option 'pack' in all members of a group, or in none",
	[FRAME_NEWER] = "sends frames of a newer format: update lua-corosync on this node",
	[FRAME_DAMAGED] = "sent a damaged frame, which was dropped: check the program that sends it",
	[FRAME_PIECE] =
		"sends a message longer than this member's limit: set the same 'pack.limit' in all members of a group",
};

typedef struct complaint_event {
	event event;
	uint32_t node, pid;
	frame_kind kind;
} complaint_event;

/* ---- messages that are not delivered ---- */

/* Reports each sender once. */
static void complain(cpg *c, const struct cpg_address *sender, frame_kind kind)
{
	cpg_address_list *reported = &c->pack->reported;
	complaint_event *ev;

	if (cpg_address_list_find(reported->items, reported->count, sender) != NULL || reported->count >= MOST_REPORTED ||
		!cpg_address_list_add(reported, sender)) {
		return;
	}
	ev = (complaint_event *)cpg_event_append(KIND_COMPLAINT, EVENT_PAYLOAD(complaint_event));
	if (ev != NULL) {
		ev->node = sender->nodeid;
		ev->pid = sender->pid;
		ev->kind = kind;
	}
}

int cpg_unpack_push_complaint(lua_State *L, handle *h, const event *ev, int values)
{
	const complaint_event *complaint = (const complaint_event *)ev;
	const cpg *c = (const cpg *)h;
	char member[sizeof "4294967295:4294967295"];

	(void)values;
	(void)snprintf(member, sizeof member, "%" PRIu32 ":%" PRIu32, complaint->node, complaint->pid);
	failure_push_attempt(L, "", "group", c->group.value, c->group.length);
	lua_pushfstring(L, "member %s of%s %s", member, lua_tostring(L, -1), problems[complaint->kind]);
	lua_replace(L, -2);
	return 1;
}

/* ---- messages that are delivered ---- */

static void unpack(cpg *c, bool is_own, const struct cpg_address *sender, const void *bytes, size_t length)
{
	frame_cursor cursor = cpg_frame_messages(bytes, length);
	size_t messages = 0, size = 0, message_length;
	const char *message;

	while (cpg_frame_next(&cursor, &message, &message_length)) {
		cpg_event_append_message(c, is_own, sender, message, message_length);
		size += cpg_event_message_size(message_length);
		messages++;
	}
	if (is_own) {
		cpg_window_leave(c, messages, size);
	}
}

static void deliver_whole(cpg *c, bool is_own, const struct cpg_address *sender)
{
	assembly *a = &c->pack->assembly;
	const assembly_part *part = cpg_assembly_find(a, sender->nodeid, sender->pid);
	size_t length = (size_t)part->total;

	cpg_event_append_message(c, is_own, sender, part->bytes, length);
	cpg_assembly_drop(a, sender->nodeid, sender->pid);
	if (is_own) {
		cpg_window_leave(c, 1, cpg_event_message_size(length));
	}
}

static void take_piece(cpg *c, bool is_own, const struct cpg_address *sender, const frame_piece *piece)
{
	assembly_result result = cpg_assembly_take(&c->pack->assembly, sender->nodeid, sender->pid, piece);

	switch (result) {
	case ASSEMBLY_WHOLE: deliver_whole(c, is_own, sender); break;
	case ASSEMBLY_TOO_LONG: complain(c, sender, FRAME_PIECE); break;
	case ASSEMBLY_NO_MEMORY: c->handle.missed = &FAILURE_NO_MEMORY; break;
	default: break;
	}
	if (is_own) {
		cpg_transfer_note(c, piece->transfer, result);
	}
}

void cpg_unpack_message(cpg *c, bool is_own, const struct cpg_address *sender, const void *bytes, size_t length)
{
	frame_piece piece;
	frame_kind kind = cpg_frame_inspect(bytes, length, &piece);

	if (is_own) {
		cpg_window_subtract(&c->pack->frames_in_flight, 1);
	}
	if (kind == FRAME_MESSAGES) {
		unpack(c, is_own, sender, bytes, length);
	} else if (kind == FRAME_PIECE) {
		take_piece(c, is_own, sender, &piece);
	} else {
		complain(c, sender, kind);
	}
}

/* ---- changes ---- */

static void drop_all(cpg *c)
{
	assembly *a = &c->pack->assembly;

	if (cpg_assembly_find(a, c->node, (uint32_t)c->handle.owner) != NULL) {
		cpg_transfer_note_drop(c);
	}
	cpg_assembly_drop_all(a);
}

/*
 * A member that joins lacks the first pieces of incomplete messages, so all members drop these. With more than 128
 * members, libcpg does not tell whether a member has joined.
 */
void cpg_unpack_config(cpg *c, size_t members, const struct cpg_address *left, size_t left_count, size_t joined)
{
	size_t i;

	if (members > CPG_MEMBERS_MAX || joined > 0) {
		drop_all(c);
	}
	for (i = 0; i < left_count && members <= CPG_MEMBERS_MAX; i++) {
		cpg_assembly_drop(&c->pack->assembly, left[i].nodeid, left[i].pid);
		cpg_address_list_remove(&c->pack->reported, &left[i]);
	}
}

/*
 * Members may lack pieces that others have: Corosync does not tell the members on a node that was paused that the
 * others took it for lost. All members of the new ring learn of it at the same place in the order.
 */
void cpg_unpack_ring(cpg *c)
{
	drop_all(c);
	cpg_transfer_note_ring(c);
}
