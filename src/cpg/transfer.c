#include "cpg/cpg.h"

#include <string.h>

#include "handle/reader.h"

/* Long enough to make the cost per piece negligible, short enough to let other members' messages in between. */
#define PIECE_BYTES ((size_t)64 * 1024)
#define MOST_PIECES 32 /* in flight */

static const failure failure_under_way = {"try_again",
	"a long message of this handle is on its way, and later ones wait behind it: handle events (dispatch, receive or "
	"fetch), and try again"};
static const failure failure_no_room = {"try_again",
	"the long messages that members are sending now reach the limit (pack.limit): handle events (dispatch, receive or "
	"fetch), and try again"};

size_t cpg_transfer_longest_whole(const cpg *c)
{
	return c->max_atomic_size - FRAME_HEADER - FRAME_PREFIX;
}

/* ---- the message ---- */

static void end(transfer *t)
{
	free(t->bytes);
	t->bytes = NULL;
	t->state = TRANSFER_NONE;
}

bool cpg_transfer_is_active(cpg *c)
{
	transfer *t = &c->pack->transfer;

	if (t->state == TRANSFER_DONE) {
		end(t);
	}
	return t->state != TRANSFER_NONE;
}

static bool copy(transfer *t, const cpg_iovec *message)
{
	char *bytes = malloc(message->length);

	if (bytes == NULL) {
		return false;
	}
	cpg_iovec_copy(message, bytes);
	t->bytes = bytes;
	t->total = message->length;
	return true;
}

/* ---- pieces ---- */

static const failure *send_piece(cpg *c)
{
	transfer *t = &c->pack->transfer;
	unsigned char header[FRAME_PIECE_HEADER];
	size_t left = t->total - t->sent, length = left < PIECE_BYTES ? left : PIECE_BYTES;
	frame_piece piece = {.total = t->total, .offset = t->sent, .transfer = t->number};
	struct iovec vector[] = {
		{.iov_base = header, .iov_len = sizeof header}, {.iov_base = t->bytes + t->sent, .iov_len = length}};
	const failure *why;

	cpg_frame_put_piece_header(header, &piece);
	why = cpg_pack_send_vector(c, vector, 2, 0, 0);
	if (why == NULL) {
		t->sent += length;
	}
	return why;
}

/* Sends only the first piece: the others wait until all members are known to have begun the message. */
static const failure *begin(cpg *c)
{
	transfer *t = &c->pack->transfer;
	const failure *why;

	/* Under the lock: an earlier first piece may come back now. Before the send: this one may come back at once. */
	reader_lock(c->handle.reader);
	t->number++;
	t->sent = 0;
	t->state = TRANSFER_OFFERED;
	reader_unlock(c->handle.reader, false);
	why = send_piece(c);
	if (why != NULL) {
		t->state = TRANSFER_BEGINS;
	}
	return why;
}

static bool has_room(cpg *c)
{
	bool has;

	reader_lock(c->handle.reader);
	has = cpg_assembly_has_room(&c->pack->assembly, c->pack->transfer.total);
	reader_unlock(c->handle.reader, false);
	return has;
}

static bool may_send_piece(cpg *c)
{
	const transfer *t = &c->pack->transfer;

	return t->state == TRANSFER_GRANTED && t->sent < t->total && c->pack->frames_in_flight < MOST_PIECES;
}

const failure *cpg_transfer_continue(cpg *c)
{
	transfer *t = &c->pack->transfer;
	const failure *why = NULL;

	if (!cpg_transfer_is_active(c)) {
		return NULL;
	}
	if (t->state == TRANSFER_REFUSED && has_room(c)) {
		t->state = TRANSFER_BEGINS;
	}
	if (t->state == TRANSFER_BEGINS) {
		why = begin(c);
	}
	while (why == NULL && may_send_piece(c)) {
		why = send_piece(c);
	}
	if (why == NULL) {
		why = t->state == TRANSFER_REFUSED ? &failure_no_room : &failure_under_way;
	}
	return why;
}

bool cpg_transfer_needs_timer(cpg *c)
{
	const transfer *t = &c->pack->transfer;

	return t->state == TRANSFER_BEGINS || (may_send_piece(c) && c->pack->frames_in_flight == 0);
}

const failure *cpg_transfer_start(cpg *c, const cpg_iovec *message)
{
	transfer *t = &c->pack->transfer;
	size_t size = cpg_event_message_size(message->length);
	const failure *why;

	if (!copy(t, message)) {
		return &CPG_PACK_NO_MEMORY;
	}
	cpg_window_enter(c, 1, size);
	why = begin(c);
	if (why != NULL) {
		end(t);
		cpg_window_leave(c, 1, size);
	}
	return why;
}

/* ---- for the callbacks: a piece makes no event, so these set the timer for the next pieces ---- */

/* After a change of ring the first piece does not count, although it comes back. */
static void note_first(transfer *t, transfer_state state)
{
	if (t->state == TRANSFER_OFFERED) {
		t->state = state;
	}
}

void cpg_transfer_note(cpg *c, uint32_t number, assembly_result result)
{
	transfer *t = &c->pack->transfer;

	if (number != t->number) {
		return;
	}
	switch (result) {
	case ASSEMBLY_MORE: note_first(t, TRANSFER_GRANTED); break;
	case ASSEMBLY_WHOLE: t->state = TRANSFER_DONE; break;
	case ASSEMBLY_FULL: note_first(t, TRANSFER_REFUSED); break;
	default: break;
	}
	cpg_pack_set_timer(c->pack);
}

void cpg_transfer_note_drop(cpg *c)
{
	c->pack->transfer.state = TRANSFER_BEGINS;
	cpg_pack_set_timer(c->pack);
}

/* A first piece sent before the change may come back, although nodes that were not on both rings do not get it. */
void cpg_transfer_note_ring(cpg *c)
{
	if (c->pack->transfer.state == TRANSFER_OFFERED) {
		cpg_transfer_note_drop(c);
	}
}
