#include "cpg/cpg.h"

#include <poll.h>

#include "handle/reader.h"
#include "handle/refill.h"

/* How long and how often it waits for the events of changes that Corosync's list already has. */
#define LATER_MILLISECONDS 100
#define MOST_ROUNDS 64

/* Between requests while the membership forms: no event says when Corosync accepts them. */
#define RETRY_MILLISECONDS 10

/* Not an error: the lists do not fit the counts. */
#define UNFIT CS_ERR_NOT_EXIST

bool cpg_resolve_is_join(uint32_t reason)
{
	return reason == CPG_REASON_JOIN || reason == CPG_REASON_NODEUP;
}

bool cpg_resolve_is_leave(uint32_t reason)
{
	return reason == CPG_REASON_LEAVE || reason == CPG_REASON_NODEDOWN || reason == CPG_REASON_PROCDOWN;
}

static const config_event *head_of(const cpg *c)
{
	return (const config_event *)queue_oldest(&c->handle.queue);
}

/*
 * The changes that an event lists. Above 398 members libcpg reads the counts of its lists from a member's fields, and
 * its list of joined members starts with those that left, followed by stale bytes. So at most as many are valid as the
 * counts of members differ by, and the reason says whether they joined or left.
 */
typedef struct changes {
	const struct cpg_address *first;
	size_t count, expected;
} changes;

static changes changes_of(const config_event *ev, size_t before)
{
	size_t expected = ev->members_after > before ? ev->members_after - before : before - ev->members_after;
	size_t listed = ev->left + ev->joined;

	return (changes){ev->addresses + ev->members, listed < expected ? listed : expected, expected};
}

/* ---- from the lists ---- */

static cs_error_t apply(resolution *r, const struct cpg_address *change, bool joins)
{
	bool is_present = cpg_address_list_find(r->members.items, r->members.count, change) != NULL;
	bool is_kind = joins ? cpg_resolve_is_join(change->reason) : cpg_resolve_is_leave(change->reason);
	bool added = true;

	if (!is_kind || is_present == joins) {
		return UNFIT;
	}
	if (joins) {
		added = cpg_address_list_add(&r->members, change);
	} else {
		cpg_address_list_remove(&r->members, change);
	}
	return added && cpg_address_list_add(joins ? &r->joined : &r->left, change) ? CS_OK : CS_ERR_NO_MEMORY;
}

static cs_error_t take_lists(const config_event *ev, const config_change *last, resolution *r)
{
	changes listed = changes_of(ev, last->members);
	cs_error_t error = CS_OK;
	size_t i;

	if (listed.count == 0 || listed.count < listed.expected) {
		return UNFIT;
	}
	if (!cpg_address_list_copy(&r->members, last->addresses, last->members)) {
		return CS_ERR_NO_MEMORY;
	}
	for (i = 0; i < listed.count && error == CS_OK; i++) {
		error = apply(r, &listed.first[i], ev->members_after > last->members);
	}
	return error;
}

/* ---- from Corosync's own list ---- */

typedef struct rewinding {
	cpg_address_list *members;
	cpg_address_list seen;
	size_t count;
} rewinding;

/* The first later change of an address shows its state at the event: if it joins later, it was no member. */
static bool rewind_one(rewinding *r, const struct cpg_address *change)
{
	const struct cpg_address *member;
	bool joins = cpg_resolve_is_join(change->reason);

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
	changes listed;
	size_t i;

	if (ev->kind != KIND_CONFIG) {
		return true;
	}
	listed = changes_of(config, r->count);
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

/* Corosync's list is the present one, and later changes wait: undoes them. */
static cs_error_t rewind_to_head(cpg *c, const cpg_address_list *present, cpg_address_list *members)
{
	handle *h = &c->handle;
	rewinding r = {.members = members, .count = head_of(c)->members_after};
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

/* Corosync refuses requests while the membership forms; a dead one does so for ever. */
static cs_error_t list(cpg *c, cpg_address_list *present)
{
	cs_error_t error = cpg_iteration_list_members(c, present);

	while (error == CS_ERR_TRY_AGAIN && handle_diagnose(&c->handle, error) != &FAILURE_NOT_CONNECTED) {
		(void)poll(NULL, 0, RETRY_MILLISECONDS);
		error = cpg_iteration_list_members(c, present);
	}
	return error;
}

static cs_error_t ask(cpg *c, cpg_address_list *members)
{
	cpg_address_list present = {0};
	cs_error_t error = c->handle.state == HANDLE_OPEN ? list(c, &present) : CS_ERR_LIBRARY;
	int rounds = 0;

	while (error == CS_OK) {
		refill_all(&c->handle);
		error = rewind_to_head(c, &present, members);
		if (members->count == head_of(c)->members_after || ++rounds == MOST_ROUNDS || !more_comes(&c->handle)) {
			break;
		}
	}
	cpg_address_list_free(&present);
	return error;
}

/* ---- differences ---- */

static bool has_node(const struct cpg_address *items, size_t count, uint32_t node)
{
	size_t i;

	for (i = 0; i < count && items[i].nodeid != node; i++) {
	}
	return i < count;
}

/* For members that libcpg does not list: the reason of those that it lists (an event has one), or a guess. */
static uint32_t joins_for(const config_event *ev, const config_change *last, const struct cpg_address *member)
{
	changes listed = changes_of(ev, last->members);

	if (listed.count > 0 && cpg_resolve_is_join(listed.first[0].reason)) {
		return listed.first[0].reason;
	}
	return has_node(last->addresses, last->members, member->nodeid) ? CPG_REASON_JOIN : CPG_REASON_NODEUP;
}

static uint32_t leaves_for(
	const config_event *ev, const config_change *last, const resolution *r, const struct cpg_address *member)
{
	changes listed = changes_of(ev, last->members);

	if (listed.count > 0 && cpg_resolve_is_leave(listed.first[0].reason)) {
		return listed.first[0].reason;
	}
	return has_node(r->members.items, r->members.count, member->nodeid) ? CPG_REASON_PROCDOWN : CPG_REASON_NODEDOWN;
}

static bool compare(const config_event *ev, const config_change *last, resolution *r)
{
	bool done = true;
	size_t i;

	for (i = 0; i < last->members && done; i++) {
		struct cpg_address member = last->addresses[i];
		if (cpg_address_list_find(r->members.items, r->members.count, &member) == NULL) {
			member.reason = leaves_for(ev, last, r, &member);
			done = cpg_address_list_add(&r->left, &member);
		}
	}
	for (i = 0; i < r->members.count && done; i++) {
		struct cpg_address member = r->members.items[i];
		if (cpg_address_list_find(last->addresses, last->members, &member) == NULL) {
			member.reason = joins_for(ev, last, &member);
			done = cpg_address_list_add(&r->joined, &member);
		}
	}
	return done;
}

/* The first change that a member sees is its own join. */
static bool compare_first(const cpg *c, resolution *r)
{
	struct cpg_address own = {.nodeid = c->node, .pid = (uint32_t)c->handle.owner, .reason = CPG_REASON_JOIN};

	return cpg_address_list_add(&r->joined, &own);
}

static cs_error_t work_out(cpg *c, const config_change *last, resolution *r)
{
	const config_event *ev = head_of(c);
	cs_error_t error = CS_OK;

	if (ev->members < ev->members_after) {
		error = ask(c, &r->members);
	} else if (!cpg_address_list_copy(&r->members, ev->addresses, ev->members)) {
		error = CS_ERR_NO_MEMORY;
	}
	r->left.count = r->joined.count = 0;
	if (error == CS_OK && !(last == NULL ? compare_first(c, r) : compare(head_of(c), last, r))) {
		error = CS_ERR_NO_MEMORY;
	}
	return error;
}

cs_error_t cpg_resolve(cpg *c, const config_change *last, resolution *to)
{
	cs_error_t error = last == NULL ? UNFIT : take_lists(head_of(c), last, to);

	to->serial = head_of(c)->serial;
	if (error == UNFIT) {
		error = work_out(c, last, to);
	}
	cpg_address_list_sort(&to->members);
	return error;
}

void cpg_resolve_release(resolution *r)
{
	cpg_address_list_free(&r->members);
	cpg_address_list_free(&r->left);
	cpg_address_list_free(&r->joined);
}
