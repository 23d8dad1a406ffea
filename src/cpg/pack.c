#include "cpg/cpg.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "handle/connection.h"
#include "support/descriptor.h"

/***
@module corosync.cpg
*/

/* Nanoseconds until the timer sends a frame, if nothing else does: many times a message's latency on an idle ring. */
#define FLUSH_AFTER 2000000

const failure CPG_PACK_NO_MEMORY = {"no_memory",
	"there is not enough memory to pack the message, and it was not sent: free some memory and send it again"};

/* ---- start and end ---- */

int cpg_pack_start(cpg *c, const pack_options *options)
{
	cpg_pack *p = calloc(1, sizeof *p);

	if (p == NULL) {
		return ENOMEM;
	}
	p->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	c->pack = p;
	cpg_pack_set_options(c, options);
	return p->timer < 0 ? errno : connection_add_to_loop(&c->handle, p->timer);
}

void cpg_pack_set_options(cpg *c, const pack_options *options)
{
	c->pack->options = *options;
	/* A frame that does not fit in a datagram could never be sent, and this would show only when it is full. */
	if (handle_has_datagram_socket(&c->handle) && options->bytes > PACK_FRAME_BYTES) {
		c->pack->options.bytes = PACK_FRAME_BYTES;
	}
	c->pack->assembly.limit = options->limit;
}

void cpg_pack_end(cpg *c)
{
	cpg_pack *p = c->pack;

	if (p == NULL) {
		return;
	}
	descriptor_close(&p->timer);
	cpg_assembly_free(&p->assembly);
	cpg_address_list_free(&p->reported);
	free(p->transfer.bytes);
	free(p->frame);
	free(p);
	c->pack = NULL;
}

size_t cpg_pack_limit(const cpg *c)
{
	return c->pack->options.limit;
}

/* ---- the timer ---- */

/* At most once in FLUSH_AFTER: setting it costs a system call. */
void cpg_pack_set_timer(cpg_pack *p)
{
	struct itimerspec time = {.it_value = {.tv_nsec = FLUSH_AFTER}};

	if (!atomic_exchange(&p->is_timed, true)) {
		(void)timerfd_settime(p->timer, 0, &time, NULL);
	}
}

/* The descriptor must not stay readable. A flush must follow: the other thread may find the timer still set. */
static void clear_timer(cpg_pack *p)
{
	uint64_t expirations;

	if (atomic_load(&p->is_timed) && read(p->timer, &expirations, sizeof expirations) > 0) {
		atomic_store(&p->is_timed, false);
	}
}

/* ---- the frame ---- */

static bool make_room(cpg_pack *p, size_t needed)
{
	size_t capacity = needed > p->options.bytes ? needed : p->options.bytes;
	unsigned char *frame;

	if (needed <= p->capacity) {
		return true;
	}
	frame = realloc(p->frame, capacity);
	if (frame == NULL) {
		return false;
	}
	p->frame = frame;
	p->capacity = capacity;
	return true;
}

static void empty_frame(cpg *c)
{
	cpg_pack *p = c->pack;

	p->length = 0;
	c->pending = c->pending_bytes = 0;
	/* Messages longer than a frame are rare: do not keep memory for them. */
	if (p->capacity > p->options.bytes) {
		free(p->frame);
		p->frame = NULL;
		p->capacity = 0;
	}
}

static bool add_to_frame(cpg *c, const cpg_iovec *message)
{
	cpg_pack *p = c->pack;
	size_t start = p->length == 0 ? FRAME_HEADER : p->length;

	if (!make_room(p, start + FRAME_PREFIX + message->length)) {
		return false;
	}
	if (p->length == 0) {
		cpg_frame_put_header(p->frame);
	}
	cpg_frame_put_prefix(p->frame + start, (uint32_t)message->length);
	cpg_iovec_copy(message, p->frame + start + FRAME_PREFIX);
	p->length = start + FRAME_PREFIX + message->length;
	c->pending++;
	c->pending_bytes += cpg_event_message_size(message->length);
	return true;
}

static void take_back(cpg *c, const cpg_iovec *message)
{
	c->pack->length -= FRAME_PREFIX + message->length;
	c->pending--;
	c->pending_bytes -= cpg_event_message_size(message->length);
	if (c->pending == 0) {
		empty_frame(c);
	}
}

/* The handle must be a member. */
static const failure *send_frame(cpg *c)
{
	cpg_pack *p = c->pack;
	struct iovec vector = {.iov_base = p->frame, .iov_len = p->length};
	const failure *why = cpg_pack_send_vector(c, &vector, 1, c->pending, c->pending_bytes);

	if (why == NULL) {
		empty_frame(c);
	}
	return why;
}

const failure *cpg_pack_send_vector(
	cpg *c, const struct iovec *vector, unsigned int count, size_t messages, size_t bytes)
{
	cpg_pack *p = c->pack;
	const failure *why;

	if (atomic_load_explicit(&p->frames_in_flight, memory_order_relaxed) >= CPG_WINDOW) {
		return &CPG_WINDOW_FULL;
	}
	/* Before the send, because the frame may come back before the call returns. */
	atomic_fetch_add_explicit(&p->frames_in_flight, 1, memory_order_relaxed);
	cpg_window_enter(c, messages, bytes);
	why = cpg_send_vector(c, CPG_TYPE_AGREED, vector, count);
	if (why != NULL) {
		cpg_window_subtract(&p->frames_in_flight, 1);
		cpg_window_leave(c, messages, bytes);
	}
	return why;
}

/* ---- sending ---- */

static bool is_temporary(const failure *why)
{
	return strcmp(why->code, "try_again") == 0;
}

/*
 * Whether the frame must be sent now. It is due when it is full. It is also due when no own message is in flight,
 * unless own messages with more bytes than the frame wait to be handled. So a lone message is sent at once. And if a
 * handler replies to each message of a frame, there are soon two frames: one is in flight while the other is handled.
 */
static bool is_due(const cpg *c)
{
	bool flies = atomic_load_explicit(&c->in_flight, memory_order_relaxed) > 0;
	size_t waiting = atomic_load_explicit(&c->handle.own_waiting_bytes, memory_order_relaxed);

	return c->pack->length >= c->pack->options.bytes || (!flies && c->pending_bytes >= waiting);
}

const failure *cpg_pack_flush(cpg *c)
{
	const failure *why = NULL;

	if (c->pending > 0 || cpg_transfer_is_active(c)) {
		why = cpg_group_not_member(c);
		why = why == NULL ? cpg_transfer_continue(c) : why;
	}
	return why == NULL && c->pending > 0 ? send_frame(c) : why;
}

/* Behind a long message, frames wait for what becomes of its pieces. */
static bool needs_timer(cpg *c)
{
	return cpg_transfer_is_active(c) ? cpg_transfer_needs_timer(c) : c->pending > 0;
}

void cpg_pack_flush_later(handle *h)
{
	cpg *c = (cpg *)h;

	if (c->pack == NULL) {
		return;
	}
	clear_timer(c->pack);
	if (cpg_pack_flush(c) != NULL && cpg_group_not_member(c) == NULL && needs_timer(c)) {
		cpg_pack_set_timer(c->pack);
	}
}

/* Sends the frame if it is due; `message` is its last one. */
static const failure *flush_due(cpg *c, const cpg_iovec *message)
{
	const failure *why;

	if (!is_due(c)) {
		cpg_pack_set_timer(c->pack);
		return NULL;
	}
	why = cpg_pack_flush(c);
	if (why != NULL && c->pending > 1 && is_temporary(why)) {
		cpg_pack_set_timer(c->pack);
		return NULL;
	}
	if (why != NULL) {
		take_back(c, message);
	}
	return why;
}

const failure *cpg_pack_send(cpg *c, const cpg_iovec *message)
{
	bool is_long = message->length > cpg_transfer_longest_whole(c);
	size_t length = c->pack->length + FRAME_PREFIX + message->length;
	const failure *why = cpg_window_refusal(c, cpg_event_message_size(message->length));

	if (why == NULL && (is_long || (c->pending > 0 && length > c->pack->options.bytes))) {
		why = cpg_pack_flush(c);
	}
	if (why != NULL) {
		return why;
	}
	if (is_long) {
		return cpg_transfer_start(c, message);
	}
	return add_to_frame(c, message) ? flush_due(c, message) : &CPG_PACK_NO_MEMORY;
}

/***
Sends all messages that `send` has accepted and packed, without waiting for more. Without `pack` it does nothing.
@function handle:flush
@treturn boolean true: all messages were sent
@error nil, message, code: "try_again" (some messages are still waiting and will be sent later: Corosync's queue or the
handle's window is full, the membership is changing, or a long message is on its way), "not_joined", "not_connected",
"closed", "wrong_process"
*/
int cpg_pack_method_flush(lua_State *L)
{
	cpg *c = handle_check(L);
	const failure *why = handle_unusable(&c->handle);

	if (why == NULL && c->pack != NULL) {
		why = cpg_pack_flush(c);
	}
	return cpg_group_return(L, c, "flush", why);
}
