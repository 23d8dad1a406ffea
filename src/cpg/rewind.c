#include "cpg/cpg.h"

#include <poll.h>

#include "handle/reader.h"
#include "handle/refill.h"

/* How long and how often to wait for the events of changes that Corosync's list already has. */
#define LATER_MILLISECONDS 100
#define MOST_ROUNDS 64

/* Between attempts while the membership forms: no event says when Corosync accepts requests again. */
#define RETRY_MILLISECONDS 10

typedef struct rewinding {
	cpg_address_list *members;
	cpg_address_list seen;
	size_t count;
} rewinding;

/* The first later change of an address shows its state at the event: if it joins later, it was no member. */
static bool rewind_one(rewinding *r, const struct cpg_address *change)
{
	const struct cpg_address *member;
	bool joins = cpg_listed_is_join(change->reason);

	if (cpg_address_list_find(r->seen.items, r->seen.count, change) != NULL) {
		return true;
	}
	member = cpg_address_list_find(r->members->items, r->members->count, change);
	if (joins && member != NULL) {
		cpg_address_list_remove(r->members, change);
	} else if (!joins && member == NULL && !cpg_address_list_add(r->members, change)) {
		return false;
	}
	return cpg_address_list_add(&r->seen, change);
}

static bool rewind_event(rewinding *r, const event *ev)
{
	const config_event *config = (const config_event *)ev;
	listed_changes listed;
	size_t i;

	if (ev->kind != KIND_CONFIG) {
		return true;
	}
	listed = cpg_listed_changes(config, r->count);
	r->count = config->members_after;
	for (i = 0; i < listed.count; i++) {
		if (!rewind_one(r, &listed.first[i])) {
			return false;
		}
	}
	return true;
}

static bool rewind_queue(rewinding *r, const queue *q, const event *ev)
{
	while (ev != NULL && rewind_event(r, ev)) {
		ev = queue_next(q, ev);
	}
	return ev == NULL;
}

/* The number of members after the oldest event's change. The event moves when events are fetched. */
static size_t members_after(const cpg *c)
{
	return ((const config_event *)queue_oldest(&c->handle.queue))->members_after;
}

/* Undoes the changes that wait behind the oldest event, in a copy of Corosync's present list. */
static cs_error_t rewind_to_head(cpg *c, const cpg_address_list *present, cpg_address_list *members)
{
	handle *h = &c->handle;
	rewinding r = {.members = members, .count = members_after(c)};
	bool done = cpg_address_list_copy(members, present->items, present->count);
	const queue *held;

	reader_lock(h->reader);
	held = reader_queue(h->reader);
	done = done && rewind_queue(&r, &h->queue, queue_next(&h->queue, queue_oldest(&h->queue)));
	done = done && (held == NULL || rewind_queue(&r, held, queue_head(held)));
	reader_unlock(h->reader, false);
	cpg_address_list_free(&r.seen);
	return done ? CS_OK : CS_ERR_NO_MEMORY;
}

static bool more_comes(const handle *h)
{
	struct pollfd descriptor = {.fd = h->libqb_fd, .events = POLLIN};

	return h->state == HANDLE_OPEN && poll(&descriptor, 1, LATER_MILLISECONDS) > 0;
}

/* Corosync refuses requests while the membership forms; if it is dead, the error is the same, for ever. */
static cs_error_t list(cpg *c, cpg_address_list *present)
{
	cs_error_t error = cpg_iteration_list_members(c, present);

	while (error == CS_ERR_TRY_AGAIN && handle_diagnose(&c->handle, error) != &FAILURE_NOT_CONNECTED) {
		(void)poll(NULL, 0, RETRY_MILLISECONDS);
		error = cpg_iteration_list_members(c, present);
	}
	return error;
}

cs_error_t cpg_rewind_members(cpg *c, cpg_address_list *members)
{
	cpg_address_list present = {0};
	cs_error_t error = c->handle.state == HANDLE_OPEN ? list(c, &present) : CS_ERR_LIBRARY;
	int rounds = 0;

	while (error == CS_OK) {
		refill_all(&c->handle);
		error = rewind_to_head(c, &present, members);
		if (members->count == members_after(c) || ++rounds == MOST_ROUNDS || !more_comes(&c->handle)) {
			break;
		}
	}
	cpg_address_list_free(&present);
	return error;
}
