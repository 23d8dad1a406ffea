/* Closed process groups: the userdata over libcpg, and the functions that the files of this folder share. */
#ifndef COROSYNC_LUA_CPG_H
#define COROSYNC_LUA_CPG_H

#include <stddef.h>
#include <sys/uio.h>

#include <corosync/cpg.h>

#include "cpg/address_list.h"
#include "cpg/packing.h"
#include "handle/handle.h"

/* Pushes the module's table. [-0, +1, m] */
void cpg_push_module(lua_State *L);

/* The class of its handles. */
extern const handle_class cpg_class;

/* ---- a handle and its group: group.c ---- */

typedef enum membership {
	MEMBERSHIP_NONE,
	MEMBERSHIP_JOINED,
	MEMBERSHIP_LEFT,
	MEMBERSHIP_GIVEN_UP, /* left by the reader, at its limit */
} membership;

typedef struct cpg_count {
	uint64_t messages, bytes;
} cpg_count;

static inline void cpg_count_add(cpg_count *count, size_t bytes)
{
	count->messages++;
	count->bytes += bytes;
}

struct cpg {
	handle handle;
	_Atomic(membership) membership; /* a reader changes it too, between call_begin and call_end */
	struct cpg_name group;
	uint32_t node;                 /* this node's id */
	uint32_t max_atomic_size;      /* bytes of the longest message that Corosync delivers as one */
	bool split;                    /* libcpg cuts longer ones */
	bool members_unknown;          /* after a change: no later event is valid */
	uint32_t window;               /* most own messages that may be in flight */
	atomic_size_t in_flight;       /* own messages that were sent and are not yet back in the queue */
	atomic_size_t in_flight_bytes; /* bytes that these will take in the queue */
	cpg_pack *pack;                /* NULL without packing, see packing.h */
	size_t pending;                /* messages in the frame, accepted and not yet sent */
	size_t pending_bytes;          /* bytes that these will take in the queue */
	/* used by the thread that dispatches, under its lock */
	bool was_told_left;   /* the event that this process has left is queued */
	uint64_t last_serial; /* of the change of members queued last */
	/* used by the thread that runs Lua */
	cpg_count received; /* messages that became Lua values */
	cpg_count sent;     /* messages that were accepted */
};

/* Whether a member is the handle itself. */
static inline bool cpg_is_own(const cpg *c, const struct cpg_address *member)
{
	return member->nodeid == c->node && member->pid == (uint32_t)c->handle.owner;
}

/* Fields of the handle's user value. */
enum { VALUE_ADDRESSES = VALUE_OF_CLASS, VALUE_MEMBERS, VALUE_CHANGE };

/* As call_begin, with the handle's group as the subject, if it has one. */
void cpg_group_call_begin(cpg *c, const char *verb);

/* NULL if the handle is a member of its group, else why not. */
const failure *cpg_group_not_member(const cpg *c);

/* Pushes nil, "cannot <verb> group 'name': …", code; returns 3. [-0, +3, m] */
int cpg_group_fail(lua_State *L, const cpg *c, const char *verb, const failure *why);

/* Pushes true if `why` is NULL, else the same; returns the number of values. [-0, +1|3, m] */
int cpg_group_return(lua_State *L, const cpg *c, const char *verb, const failure *why);

/* ---- the module's functions that open handles, or check what would be opened: open.c ---- */

int cpg_open_module_open(lua_State *L);
int cpg_open_module_check(lua_State *L);

/*
 * For cpgrun, which connects before it knows whether its script packs: (handle, pack) sets the option of a handle that
 * packs and has not joined.
 */
int cpg_open_module_repack(lua_State *L);

/* ---- joining and leaving groups, and listing their members: membership.c ---- */

/* For a reader at its limit: leaves the group, if the handle has joined one. */
cs_error_t cpg_membership_give_up(handle *h);

int cpg_membership_method_groups(lua_State *L);
int cpg_membership_method_join(lua_State *L);
int cpg_membership_method_leave(lua_State *L);
int cpg_membership_method_members(lua_State *L);

/* ---- the limit of messages in flight and of those that wait to be handled: window.c ---- */

/* The default window, in messages: libcpg spins in the send after the 278th that a paused daemon has not read. */
#define CPG_WINDOW 256

/* The window is full. Own messages that come back make room. */
extern const failure CPG_WINDOW_FULL;

/* Returns NULL, or why a message of `size` bytes in the queue cannot be accepted now. */
const failure *cpg_window_refusal(cpg *c, size_t size);

/* Counts messages as in flight, before they are sent. */
static inline void cpg_window_enter(cpg *c, size_t messages, size_t bytes)
{
	atomic_fetch_add_explicit(&c->in_flight, messages, memory_order_relaxed);
	atomic_fetch_add_explicit(&c->in_flight_bytes, bytes, memory_order_relaxed);
}

/* Called when own messages have come back or were not sent. The callbacks call it, too. */
void cpg_window_leave(cpg *c, size_t messages, size_t bytes);

/* Subtracts, but never below 0: a count that wraps would close the window for ever. */
void cpg_window_subtract(atomic_size_t *from, size_t amount);

/* ---- sending to a group: send.c ---- */

/* Calls Corosync. Returns NULL if it has accepted the message, else why not. */
const failure *cpg_send_vector(cpg *c, cpg_guarantee_t guarantee, const struct iovec *vector, unsigned int count);

int cpg_send_method_send(lua_State *L);

/*
 * Upvalues of cpg_send_by_group, after those of all methods: the key of a group's private record, a function, and
 * "sender".
 */
enum { UPVALUE_KEY = UPVALUE_CLASS + 1, UPVALUE_OTHERWISE, UPVALUE_SENDER };

/*
 * (group, message, guarantee): sends on the handle group[key].sender. If there is no handle or the send fails, calls
 * the function with the same arguments and returns its results. After a failed send it also gets the failure's message
 * and code.
 */
int cpg_send_by_group(lua_State *L);

/* ---- events, from the callbacks into the queue and on into Lua: event.c ---- */

/* As they wait in the queue. */
enum { KIND_MESSAGE, KIND_OWN_MESSAGE, KIND_CONFIG, KIND_RING, KIND_LAG, KIND_COMPLAINT };

typedef struct message_event {
	event event;
	uint32_t node, pid; /* the sender */
	size_t length;
	char bytes[];
} message_event;

typedef struct config_event {
	event event;
	uint64_t serial;
	size_t members_after;           /* the number of members after the change, listed or not */
	size_t members, left, joined;   /* addresses in the lists; of members all or, when they are too many, none */
	bool is_whole;                  /* the lists have all addresses that libcpg counts */
	struct cpg_address addresses[]; /* members, then left, then joined */
} config_event;

typedef struct lag_event {
	event event;
	double seconds;
	size_t events, bytes;
} lag_event;

/* The bytes that a message of that length takes in the queue. */
static inline size_t cpg_event_message_size(size_t length)
{
	return queue_event_size(EVENT_PAYLOAD(message_event) + length);
}

extern const event_kind cpg_event_kinds[];

/* The callbacks for cpg_model_initialize. */
void cpg_event_message(
	cpg_handle_t id, const struct cpg_name *group, uint32_t node, uint32_t pid, void *bytes, size_t length);
void cpg_event_config(cpg_handle_t id, const struct cpg_name *group, const struct cpg_address *members,
	size_t members_count, const struct cpg_address *left, size_t left_count, const struct cpg_address *joined,
	size_t joined_count);
void cpg_event_ring(cpg_handle_t id, struct cpg_ring_id ring, uint32_t count, const uint32_t *nodes);

/* For the callbacks. The first returns an event to fill, or NULL; the second appends the event of a message. */
event *cpg_event_append(uint64_t kind, size_t payload);
void cpg_event_append_message(cpg *c, bool is_own, const struct cpg_address *sender, const void *bytes, size_t length);

/* Puts the event that handlers lag, and how far, before the others in the handle's queue, if there is memory. */
void cpg_event_queue_lag(handle *h, double seconds, size_t events, size_t bytes);

/* ---- changes of a group's members, as Lua values: change.c ---- */

/* A change with its lists. Lua keeps the last one: the next is worked out from it. */
typedef struct config_change {
	uint64_t serial;                /* the event's */
	size_t members, left, joined;   /* addresses in the lists */
	bool is_told;                   /* false when it turned out to change nothing */
	struct cpg_address addresses[]; /* members, then left, then joined */
} config_change;

/* The `push` of the kind of event. */
int cpg_change_push(lua_State *L, handle *h, const event *ev, int values);

/* ---- the members that libcpg lists as left or joined: listed.c ---- */

/* Whether the reason is one of a member that has joined, or has left: libcpg's lists may contain neither. */
bool cpg_listed_is_join(uint32_t reason);
bool cpg_listed_is_leave(uint32_t reason);

/*
 * The changes that an event lists. Above 398 members libcpg reads the counts of its lists from a member's fields, and
 * its list of joined members starts with those that left, followed by stale bytes. So at most as many are valid as the
 * counts of members differ by, and the reason says whether they joined or left.
 */
typedef struct listed_changes {
	const struct cpg_address *first;
	size_t count, expected;
} listed_changes;

/* The changes that an event lists, if there were `before` members before it. */
listed_changes cpg_listed_changes(const config_event *ev, size_t before);

/* ---- a large group's members after a change, from Corosync's present list of them; no Lua: rewind.c ---- */

/*
 * Gets the members after the oldest event in the handle's queue: undoes later changes in Corosync's present list. The
 * call to Corosync blocks. It fetches all events that wait at the daemon, so the oldest event's address changes.
 */
cs_error_t cpg_rewind_members(cpg *c, cpg_address_list *members);

/* ---- changes of large groups, whose members libcpg does not list; no Lua: resolve.c ---- */

typedef struct resolution {
	uint64_t serial;
	cpg_address_list members, left, joined;
} resolution;

/*
 * Works out the change of the oldest event in the handle's queue, where `last` is the change before it, or NULL. It may
 * call Corosync, as cpg_rewind_members does.
 */
cs_error_t cpg_resolve(cpg *c, const config_change *last, resolution *to);

void cpg_resolve_release(resolution *r);

/* ---- how many messages a handle has sent and received: counters.c ---- */

int cpg_counters_method_counters(lua_State *L);

/* ---- messages in a row as one string: run.c ---- */

/* The `gather` of the class. */
size_t cpg_run_gather(lua_State *L, handle *h, size_t bytes);

int cpg_run_skip(lua_State *L);
int cpg_run_unpack(lua_State *L);

/* ---- members' addresses, tables with node, pid and reason; a cache has one table for each member: address.c ---- */

/* Makes the metatable that all addresses of a Lua state share. [-0, +0, m] */
void cpg_address_setup(lua_State *L);

/* Pushes an empty cache. It holds its addresses weakly. [-0, +1, m] */
void cpg_address_push_cache(lua_State *L);

/* Pushes the address of a member from the cache at that index, and makes it on first use. [-0, +1, m] */
void cpg_address_push(lua_State *L, int cache, uint32_t node, uint32_t pid);

/* The same, of no cache. [-0, +1, m] */
void cpg_address_push_new(lua_State *L, uint32_t node, uint32_t pid);

/* ---- the groups and their members as the local Corosync sees them now, by cpg_iteration_*: iteration.c ---- */

/*
 * Pushes an iterator over the groups' names and their members' addresses, these from the cache at that index. On an
 * error pushes nothing. [-0, +1|0, m]
 */
cs_error_t cpg_iteration_push_groups(lua_State *L, cpg *c, int cache);

/* The same for an array of one group's addresses, empty when it has no members. [-0, +1|0, m] */
cs_error_t cpg_iteration_push_members(lua_State *L, cpg *c, const struct cpg_name *group, int cache);

/* Adds the members of the handle's group to a list, without Lua. */
cs_error_t cpg_iteration_list_members(cpg *c, cpg_address_list *to);

/* ---- a message to send, a string or an array of strings sent as one without concatenation: iovec.c ---- */

/* lib/cpg.c copies the caller's iovecs behind one of its own, into an array of 64, without checking their number. */
#define CPG_IOVEC_MOST 63

struct cpg_iovec {
	struct iovec vector[CPG_IOVEC_MOST];
	unsigned int count;
	size_t length, most; /* bytes */
	const failure *too_big;
};

/*
 * Collects the message at index 2, which must stay there while `v` is used. Returns NULL, or why the message is
 * refused: `too_big` if it has more than `most` bytes. Raises for anything but strings. [-0, +0, v]
 */
const failure *cpg_iovec_collect(lua_State *L, cpg_iovec *v, size_t most, const failure *too_big);

/* Copies the `length` bytes of the message. */
void cpg_iovec_copy(const cpg_iovec *v, void *to);

#endif
