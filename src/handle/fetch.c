#include "handle/fetch.h"

/* Not all Corosync libraries have a context for it, and theirs costs a search with two locks for each event. */
static _Thread_local handle *dispatching;

handle *fetch_handle(void)
{
	return dispatching;
}

event *fetch_append(uint64_t kind, size_t payload)
{
	handle *h = dispatching;
	event *ev = NULL;

	/* After a missing event no later one may be delivered as its successor. */
	if (h->sink != NULL && h->missed == NULL) {
		ev = queue_append(h->sink, kind, payload);
		if (ev == NULL) {
			h->missed = &FAILURE_NO_MEMORY;
		}
	}
	return ev;
}

const failure *fetch_events(handle *h, queue *to, size_t events, size_t bytes, bool *drained)
{
	const failure *why = h->missed;
	size_t fetched;

	*drained = false;
	h->sink = to;
	dispatching = h;
	for (fetched = 0; fetched < events && why == NULL && (to == NULL || queue_length(to) < bytes); fetched++) {
		cs_error_t error = h->class->dispatch(h->id, CS_DISPATCH_ONE_NONBLOCKING);
		if (error == CS_ERR_TRY_AGAIN) {
			*drained = true;
			break;
		}
		why = error == CS_OK ? h->missed : handle_diagnose(h, error);
	}
	dispatching = NULL;
	return why;
}
