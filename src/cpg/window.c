#include "cpg/cpg.h"

#include "handle/reader.h"

const failure CPG_WINDOW_FULL = {"try_again",
	"the handle's window is full: too many of its own messages, or too many bytes of them, have not come back yet; "
	"handle events (dispatch, receive or fetch), and try again"};
static const failure failure_backlog = {"backlog",
	"the handle's own messages that wait to be handled have reached a quarter of the reader's limit (of 64 MiB "
	"without a reader): handle events (dispatch, receive, or return from the handler that sends) and send again"};

/* Whether `size` more bytes are too many. A single message never is, whatever its size. */
static bool is_beyond(const cpg *c, size_t waiting, size_t size)
{
	return waiting > 0 && waiting + size > reader_own_bound(c->handle.reader);
}

/* For a full queue or window. */
static const failure *unless_lost(cpg *c, const failure *why)
{
	return handle_failure(&c->handle, CS_ERR_TRY_AGAIN) == &FAILURE_NOT_CONNECTED ? &FAILURE_NOT_CONNECTED : why;
}

const failure *cpg_window_refusal(cpg *c, size_t size)
{
	size_t waiting = atomic_load_explicit(&c->handle.own_waiting_bytes, memory_order_relaxed);
	size_t flying = atomic_load_explicit(&c->in_flight_bytes, memory_order_relaxed) + c->pending_bytes;

	if (is_beyond(c, waiting, size)) {
		return unless_lost(c, &failure_backlog);
	}
	if (atomic_load_explicit(&c->in_flight, memory_order_relaxed) + c->pending >= c->window ||
		is_beyond(c, waiting + flying, size)) {
		return unless_lost(c, &CPG_WINDOW_FULL);
	}
	return NULL;
}

void cpg_window_subtract(atomic_size_t *from, size_t amount)
{
	size_t count = atomic_load_explicit(from, memory_order_relaxed);

	while (!atomic_compare_exchange_weak_explicit(
		from, &count, count < amount ? 0 : count - amount, memory_order_relaxed, memory_order_relaxed)) {
	}
}

void cpg_window_leave(cpg *c, size_t messages, size_t bytes)
{
	cpg_window_subtract(&c->in_flight, messages);
	cpg_window_subtract(&c->in_flight_bytes, bytes);
}
