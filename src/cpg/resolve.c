#include "cpg/cpg.h"

/* Not an error of Corosync: the lists do not fit the counts. */
#define UNFIT CS_ERR_NOT_EXIST

static const config_event *head_of(const cpg *c)
{
	return (const config_event *)queue_oldest(&c->handle.queue);
}

/* ---- from the lists ---- */

static cs_error_t apply(resolution *r, const struct cpg_address *change, bool joins)
{
	bool is_present = cpg_address_list_find(r->members.items, r->members.count, change) != NULL;
	bool is_kind = joins ? cpg_listed_is_join(change->reason) : cpg_listed_is_leave(change->reason);
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
	listed_changes listed = cpg_listed_changes(ev, last->members);
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
	listed_changes listed = cpg_listed_changes(ev, last->members);

	if (listed.count > 0 && cpg_listed_is_join(listed.first[0].reason)) {
		return listed.first[0].reason;
	}
	return has_node(last->addresses, last->members, member->nodeid) ? CPG_REASON_JOIN : CPG_REASON_NODEUP;
}

static uint32_t leaves_for(
	const config_event *ev, const config_change *last, const resolution *r, const struct cpg_address *member)
{
	listed_changes listed = cpg_listed_changes(ev, last->members);

	if (listed.count > 0 && cpg_listed_is_leave(listed.first[0].reason)) {
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
		error = cpg_rewind_members(c, &r->members);
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
