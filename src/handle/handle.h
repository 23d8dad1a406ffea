/*
 * The state that the handles of all Corosync libraries share.
 *
 * A handle is a userdata whose first member is `handle`. Corosync's callbacks copy events into its queue and never
 * touch Lua; events leave the queue after Corosync's dispatch has returned. So a handler may raise, close its own
 * handle or collect garbage, and no Lua error crosses a Corosync frame.
 */
#ifndef COROSYNC_LUA_HANDLE_H
#define COROSYNC_LUA_HANDLE_H

#include <stdatomic.h>
#include <sys/types.h>

#include <corosync/corotypes.h>

#include "support/cleanup.h"
#include "support/compat.h"
#include "support/failure.h"
#include "support/peer.h"
#include "support/queue.h"

/* How long the queued events have waited, see lag.h. */
typedef struct handle_lag {
	double oldest_since; /* the oldest event has waited at least since then */
	double next_wait;    /* the wait in seconds at which the next lag event is due */
	size_t events_left;  /* until this note expires; 0 when there is none */
} handle_lag;

typedef struct handle handle;
typedef struct reader reader;
typedef struct watchdog watchdog;

typedef struct event_kind {
	const char *handler; /* the handler's field in the table given to open; NULL when `push` pushes the handler first */
	const char *name;    /* the event's name for receive() */
	/*
	 * Pushes the event's values and returns their number, or pushes nothing and returns EVENT_DROPPED. `values` is the
	 * index of the handle's user value. [-0, +n, m]
	 */
	int (*push)(lua_State *L, handle *h, const event *ev, int values);
	/* NULL, or called with the handler's one result on top of the stack. [-0, +0, e] */
	void (*on_result)(lua_State *L, handle *h);
	bool is_own;    /* a message of the handle's own: counts against its send limit */
	bool is_report; /* its one value is a message, which goes to stderr if there is no handler */
} event_kind;

/* The event's receiver has gone. */
#define EVENT_DROPPED (-1)

typedef struct handle_class {
	const char *type;    /* the metatable's name */
	const char *service; /* the service's name in messages */
	const char *noun;    /* the kind of thing that its calls name, as "group"; NULL where they name nothing */
	const event_kind *kinds;
	/* Why Corosync runs without this service; NULL if it only starts or stops it. NULL where it always has it. */
	const failure *(*absent)(const handle *h);
	cs_error_t (*initialize)(handle *h); /* sets the handle's id */
	cs_error_t (*fd_get)(uint64_t id, int *fd);
	cs_error_t (*dispatch)(uint64_t id, cs_dispatch_flags_t flags);
	cs_error_t (*finalize)(uint64_t id);
	cs_error_t (*disconnect)(handle *h); /* called instead of finalize, where that does not suffice; else NULL */
	/* The name that the watchdog shows for the handle, as its group's; NULL for none. */
	const char *(*subject)(const handle *h, size_t *length);
	cs_error_t (*trackstart)(handle *h); /* NULL where there is no tracking */
	cs_error_t (*trackstop)(handle *h);
	/* Sends pending messages: called after each dispatch and before each wait. NULL if the class keeps none. */
	void (*flush)(handle *h);
	/* Makes the daemon send no more events, from the reader's thread. NULL where no reader is possible. */
	cs_error_t (*give_up)(handle *h);
	/* Queues the event that handlers lag before all others. NULL where no reader is possible. */
	void (*queue_lag)(handle *h, double seconds, size_t events, size_t bytes);
	/*
	 * Pushes a name for receive(), then the queue's oldest events as one value of about `bytes` bytes at most, then
	 * their number, which it returns. Pushes nothing and returns 0 if the oldest must be received alone. NULL if all
	 * must. [-0, +3|0, m]
	 */
	size_t (*gather)(lua_State *L, handle *h, size_t bytes);
} handle_class;

typedef enum handle_state {
	HANDLE_CLOSED, /* nothing to finalize */
	HANDLE_OPEN,
	HANDLE_LOST, /* the daemon has ended, or an event could not be stored: only queued events are still valid */
} handle_state;

typedef enum handle_busy {
	HANDLE_IDLE,
	HANDLE_DELIVERING, /* a handler runs: no other event may overtake it */
	HANDLE_CONVERTING, /* an event is being converted to Lua values: the queue must not move */
} handle_busy;

struct handle {
	const handle_class *class;
	cleanup cleanup;
	uint64_t id; /* Corosync's handle */
	/* Descriptors, -1 when there is none. The last three are libqb's own where that suffices. */
	int libqb_fd;
	int hang_up_fd;    /* hangs up when the daemon ends; of its own where libqb's is a datagram socket */
	int events_fd;     /* readable when events wait or the daemon has ended: may be an epoll over the first two */
	int loop_fd;       /* for loops: readable also when `flush` is due */
	uid_t daemon_user; /* the user that the daemon must run as; NO_USER: root or this process's */
	pid_t owner;       /* a fork must neither use nor close Corosync's connections */
	handle_state state;
	handle_busy busy;
	bool tracking;
	bool stop;                       /* the running dispatch ends after the present handler */
	const failure *reason;           /* why the connection is lost; NULL while it is not */
	queue queue;                     /* of the thread that runs Lua, which takes its events from there */
	queue *sink;                     /* where callbacks append: the same, or the reader's; NULL to drop events */
	const failure *missed;           /* why a callback could not append */
	atomic_size_t own_waiting_bytes; /* of own messages that wait for handlers, in either queue */
	handle_lag lag;
	reader *reader;     /* NULL without a reader */
	watchdog *watchdog; /* NULL without a watchdog */
};

/* Upvalues of all methods of handles; the first is the class's metatable. */
enum { UPVALUE_METATABLE = 1, UPVALUE_CLASS };

/* Fields of a handle's user value, a table: the handlers, then the class's own fields. */
enum { VALUE_HANDLERS = 1, VALUE_OF_CLASS };

/* In a method: returns the handle of its class at that index, in any state; NULL for another value. [-0, +0, -] */
void *handle_test(lua_State *L, int index);

/* The handle at index 1 of a method, whatever its state. Raises if it is of another type. [-0, +0, v] */
void *handle_check(lua_State *L);

/* Pushes nil, "cannot <verb> <service>: …", code; returns 3. [-0, +3, m] */
int handle_fail(lua_State *L, const handle *h, const char *verb, const failure *why);

/* Pushes true if `why` is NULL, else as handle_fail; returns the number of values. [-0, +1|3, m] */
int handle_return(lua_State *L, const handle *h, const char *verb, const failure *why);

/* NULL if Corosync may be called on the handle now, else why not. */
const failure *handle_unusable(const handle *h);

/* Of an open handle: with "qb_ipc_type: socket" libqb's descriptor is a datagram socket, which shows no hang-up. */
static inline bool handle_has_datagram_socket(const handle *h)
{
	return h->hang_up_fd != h->libqb_fd;
}

/* Whether the daemon has ended. */
bool handle_hung_up(const handle *h);

/* CS_ERR_LIBRARY if the daemon has ended, else the given error: for calls that return garbage without a daemon. */
cs_error_t handle_verify(const handle *h, cs_error_t error);

/* The failure for a call's error code other than CS_OK. */
const failure *handle_diagnose(const handle *h, cs_error_t error);

/* NULL for CS_OK, else as handle_diagnose; marks the handle lost if the daemon has ended. */
const failure *handle_failure(handle *h, cs_error_t error);

/* Sends pending messages, because the caller is about to wait, or to return to a loop that may wait. */
static inline void handle_flush(handle *h)
{
	if (h->class->flush != NULL && h->state == HANDLE_OPEN) {
		h->class->flush(h);
	}
}

/* From now on only queued events are valid. */
void handle_lose(handle *h, const failure *reason);

#endif
