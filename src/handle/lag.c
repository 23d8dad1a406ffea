#include "handle/lag.h"

#include <math.h>

#include "handle/reader.h"
#include "support/clock.h"

void lag_note(handle *h, double since)
{
	if (h->lag.events_left == 0) {
		h->lag =
			(handle_lag){since, fmax(reader_after(h->reader), 2 * (clock_coarse_seconds() - since)), h->queue.count};
	}
}

void lag_queue_event(handle *h)
{
	size_t count = h->queue.count, events, bytes;
	double now, waited;

	if (count == 0 || h->class->queue_lag == NULL) {
		return;
	}
	now = clock_coarse_seconds();
	lag_note(h, now);
	waited = now - h->lag.oldest_since;
	if (waited > 0 && waited >= h->lag.next_wait) {
		h->lag.next_wait = 2 * waited;
		reader_count_queued(h, &events, &bytes);
		h->class->queue_lag(h, waited, events, bytes);
		h->lag.events_left += h->queue.count - count;
	}
}

/* 0 if no event waits, or it is not known. */
static double oldest_since(const handle *h)
{
	if (h->queue.count == 0) {
		return reader_waiting_since(h->reader);
	}
	return h->lag.events_left > 0 ? h->lag.oldest_since : 0;
}

double lag_seconds(const handle *h)
{
	double since = oldest_since(h);

	return since == 0 ? 0 : fmax(0, clock_seconds() - since);
}
