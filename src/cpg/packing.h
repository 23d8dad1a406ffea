/*
 * Packing: a handle's messages go out in frames, many in one, and messages of any length in pieces.
 *
 * A frame goes out when it is full, after a dispatch, before a wait, and at once when nothing of the handle's own is under
 * way: a lone message must not wait for others. Where no dispatch follows, a timer that the handle's descriptor shows
 * makes one due.
 */
#ifndef COROSYNC_LUA_CPG_PACKING_H
#define COROSYNC_LUA_CPG_PACKING_H

#include <sys/uio.h>

#include "cpg/address_list.h"
#include "cpg/assembly.h"
#include "handle/handle.h"

typedef struct cpg cpg;
typedef struct cpg_iovec cpg_iovec;

typedef struct pack_options {
	size_t bytes; /* the size of a frame that counts as full */
	size_t limit; /* the longest message */
} pack_options;

/* The state of the one long message that is being sent. The thread that takes events changes it, too. */
typedef enum transfer_state {
	TRANSFER_NONE,
	TRANSFER_BEGINS,  /* its first piece must be sent, for the first time or because members have dropped the others */
	TRANSFER_OFFERED, /* the first piece is under way */
	TRANSFER_REFUSED, /* it came back, and no member had room for the message */
	TRANSFER_GRANTED, /* it came back, and all members have begun the message */
	TRANSFER_DONE,    /* all came back */
} transfer_state;

typedef struct transfer {
	_Atomic(transfer_state) state;
	_Atomic(uint32_t) number; /* frame_piece.transfer */
	char *bytes;
	size_t total, sent;
} transfer;

typedef struct cpg_pack {
	pack_options options;
	/* the frame that is being filled; its messages are the handle's pending ones */
	unsigned char *frame;
	size_t length, capacity;
	atomic_size_t frames; /* in flight */
	transfer transfer;
	int timer;            /* readable when a frame or pieces must go out */
	atomic_bool is_timed; /* the timer is set; the thread that takes events sets it, too */
	/* of the thread that takes events, under its lock */
	assembly assembly;
	cpg_address_list reported; /* members that have sent something else than valid frames */
} cpg_pack;

/* The default window: frames and bytes are limited, too. */
#define PACK_WINDOW 8192

/* For open's field `pack`: true or a table. */
void pack_options_check(lua_State *L, int index, const char *name);

/* Reads the checked field at that index; false without packing. [-0, +0, v] */
bool pack_options_get(lua_State *L, int index, pack_options *options);

/* Starts packing on an open handle. 0, or an errno. */
int pack_start(cpg *c, const pack_options *options);

/* For a handle that has not joined. */
void pack_set_options(cpg *c, const pack_options *options);

/* Frees what pack_start made; without it does nothing. */
void pack_end(cpg *c);

/* The longest message of such a handle. */
size_t pack_limit(const cpg *c);

/* There is no memory to keep a message until it is sent. */
extern const failure PACK_NO_MEMORY;

/* Takes a message of a member. NULL, or why it is refused. */
const failure *pack_send(cpg *c, const cpg_iovec *message);

/* Sends a frame with so many messages, which will take so many bytes in the queue. NULL, or why not. */
const failure *pack_send_vector(cpg *c, const struct iovec *vector, unsigned int count, size_t messages, size_t bytes);

/* Sends what waits to be sent. NULL when nothing waits any more, else why something does. */
const failure *pack_flush(cpg *c);

/* The same for the class of handles: what cannot be sent now stays, and the timer is set. */
void pack_flush_later(handle *h);

/* Makes the handle's descriptor readable soon, so that somebody flushes; for the callbacks, too. */
void pack_set_timer(cpg_pack *p);

int pack_method_flush(lua_State *L);

/* ---- the long message that is being sent: transfer.c ---- */

/* The longest message that goes out whole, alone in its frame. */
size_t transfer_longest_whole(const cpg *c);

/* Whether pieces wait to be sent, or to come back. */
bool transfer_is_active(cpg *c);

/* Begins to send a message, of which it keeps a copy. NULL, or why not. */
const failure *transfer_start(cpg *c, const cpg_iovec *message);

/* Sends the next pieces. NULL when no long message is left, else why one is. */
const failure *transfer_continue(cpg *c);

/* Whether pieces could be sent that have failed for a reason that no event ends. */
bool transfer_needs_timer(cpg *c);

/*
 * For the callbacks: what has become of a piece of this handle's own; that members have dropped its message; and that the
 * ring has changed, so that they may not have its first piece.
 */
void transfer_note(cpg *c, uint32_t number, assembly_result result);
void transfer_note_drop(cpg *c);
void transfer_note_ring(cpg *c);

/* ---- frames that have arrived, for the callbacks: unpack.c ---- */

void unpack_message(cpg *c, bool is_own, const struct cpg_address *sender, const void *bytes, size_t length);

/* A change of members, and one of the ring. */
void unpack_config(cpg *c, size_t members, const struct cpg_address *left, size_t left_count, size_t joined);
void unpack_ring(cpg *c);

/* Pushes the error message about a member that sends something else than frames. */
int unpack_push_complaint(lua_State *L, handle *h, const event *ev, int values);

#endif
