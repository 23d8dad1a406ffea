#include "handle/lag.h"

#include <math.h>

#include "handle/reader.h"
#include "support/clock.h"

void lag_note(handle *h, double since)
{
	if (h->lag.left == 0) {
		h->lag =
			(handle_lag){since, fmax(reader_after(h->reader), 2 * (clock_coarse_seconds() - since)), h->queue.count};
	}
}

void lag_tell(handle *h)
{
	size_t count = h->queue.count, events, bytes;
	double now, waited;

	if (count == 0 || h->class->tell_lag == NULL) {
		return;
	}
	now = clock_coarse_seconds();
	lag_note(h, now);
	waited = now - h->lag.since;
	if (waited > 0 && waited >= h->lag.next) {
		h->lag.next = 2 * waited;
		reader_count_queued(h, &events, &bytes);
		h->class->tell_lag(h, waited, events, bytes);
		h->lag.left += h->queue.count - count;
	}
}

double lag_seconds(const handle *h)
{
	double since = h->queue.count == 0 ? reader_waiting_since(h->reader) : h->lag.left > 0 ? h->lag.since : 0;

	return since == 0 ? 0 : fmax(0, clock_seconds() - since);
}
