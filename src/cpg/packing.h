/*
 * Packing: a handle sends many small messages in one frame, and a long message in pieces.
 *
 * A frame is sent when it is full, after a dispatch and before a wait. It is sent at once when no own message is in
 * flight, because a lone message must not wait for others. If no dispatch follows, a timer makes the handle's
 * descriptor readable, so that the loop calls dispatch.
 */
#ifndef COROSYNC_LUA_CPG_PACKING_H
#define COROSYNC_LUA_CPG_PACKING_H

#include <sys/uio.h>

#include "cpg/address_list.h"
#include "cpg/assembly.h"
#include "cpg/pack_options.h"
#include "handle/handle.h"

typedef struct cpg cpg;
typedef struct cpg_iovec cpg_iovec;

/* The state of the one long message that is being sent. The thread that takes events changes it, too. */
typedef enum transfer_state {
	TRANSFER_NONE,
	TRANSFER_BEGINS,  /* the first piece must be sent, or sent again after the members dropped the message */
	TRANSFER_OFFERED, /* the first piece is in flight */
	TRANSFER_REFUSED, /* the first piece came back, and no member had room for the message */
	TRANSFER_GRANTED, /* the first piece came back, and all members have begun the message */
	TRANSFER_DONE,    /* all pieces came back */
} transfer_state;

typedef struct transfer {
	_Atomic(transfer_state) state;
	_Atomic(uint32_t) number; /* frame_piece.transfer */
	char *bytes;
	size_t total, sent;
} transfer;

typedef struct cpg_pack {
	pack_options options;
	/* the frame that is being filled with the handle's pending messages */
	unsigned char *frame;
	size_t length, capacity;
	atomic_size_t frames_in_flight;
	transfer transfer;
	int timer;            /* readable when a frame or pieces must be sent */
	atomic_bool is_timed; /* the timer is set; the thread that takes events sets it, too */
	/* used by the thread that takes events, under its lock */
	assembly assembly;
	cpg_address_list reported; /* members that have sent anything but valid frames */
} cpg_pack;

/* The default window, in messages. Frames and bytes have limits of their own. */
#define PACK_WINDOW 8192

/* Starts packing on an open handle. Returns 0 or an errno. */
int cpg_pack_start(cpg *c, const pack_options *options);

/* Changes the options of a handle that has not joined. */
void cpg_pack_set_options(cpg *c, const pack_options *options);

/* Undoes cpg_pack_start. Without packing it does nothing. */
void cpg_pack_end(cpg *c);

/* The longest message that a packing handle accepts. */
size_t cpg_pack_limit(const cpg *c);

/* There is no memory to keep a message until it is sent. */
extern const failure CPG_PACK_NO_MEMORY;

/* Accepts a message to send; the handle must be a member. Returns NULL, or why it is refused. */
const failure *cpg_pack_send(cpg *c, const cpg_iovec *message);

/* Sends a frame with `messages`, which will take `bytes` in the queue. Returns NULL, or why it was not sent. */
const failure *cpg_pack_send_vector(
	cpg *c, const struct iovec *vector, unsigned int count, size_t messages, size_t bytes);

/* Sends all pending messages. Returns NULL, or why some are still pending. */
const failure *cpg_pack_flush(cpg *c);

/* The class's `flush`: sets the timer if some messages cannot be sent now. */
void cpg_pack_flush_later(handle *h);

/* Makes the handle's descriptor readable soon, so that somebody flushes; for the callbacks, too. */
void cpg_pack_set_timer(cpg_pack *p);

int cpg_pack_method_flush(lua_State *L);

/* ---- the long message that is being sent: transfer.c ---- */

/* The longest message that is sent whole, alone in its frame. */
size_t cpg_transfer_longest_whole(const cpg *c);

/* Whether pieces wait to be sent, or to come back. */
bool cpg_transfer_is_active(cpg *c);

/* Begins to send a copy of a message. Returns NULL, or why it is refused. */
const failure *cpg_transfer_start(cpg *c, const cpg_iovec *message);

/* Sends the next pieces. Returns NULL if no long message is left, else why one is. */
const failure *cpg_transfer_continue(cpg *c);

/* Whether the next attempt needs the timer: pieces can be sent, but nothing in flight will come back. */
bool cpg_transfer_needs_timer(cpg *c);

/*
 * For the callbacks. They note that a piece of this handle's message came back, with the result; that all members have
 * dropped the message; that the ring has changed, so that some members may lack the first piece.
 */
void cpg_transfer_note(cpg *c, uint32_t number, assembly_result result);
void cpg_transfer_note_drop(cpg *c);
void cpg_transfer_note_ring(cpg *c);

/* ---- frames that have arrived, for the callbacks: unpack.c ---- */

void cpg_unpack_message(cpg *c, bool is_own, const struct cpg_address *sender, const void *bytes, size_t length);

/* Called for each change of members, and of the ring. */
void cpg_unpack_config(cpg *c, size_t members, const struct cpg_address *left, size_t left_count, size_t joined);
void cpg_unpack_ring(cpg *c);

/* Pushes the error message about a member whose messages are not delivered. */
int cpg_unpack_push_complaint(lua_State *L, handle *h, const event *ev, int values);

#endif
