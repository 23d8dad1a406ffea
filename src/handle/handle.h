/*
 * The life that the handles of every Corosync library share: open, queue, dispatch, receive, wait, close.
 *
 * A handle is a userdata whose first member is `handle`. Corosync's callbacks copy what they are given into its
 * queue and never touch Lua; events leave the queue after Corosync's dispatch has returned. So a handler may
 * raise, close its own handle or collect garbage, and no Lua error ever crosses a Corosync frame.
 */
#ifndef COROSYNC_LUA_HANDLE_H
#define COROSYNC_LUA_HANDLE_H

#include <stdatomic.h>
#include <sys/types.h>

#include <corosync/corotypes.h>

#include "support/compat.h"
#include "support/cleanup.h"
#include "support/failure.h"
#include "support/peer.h"
#include "support/queue.h"

/* How long what is queued has waited, see lag.h. */
typedef struct handle_lag {
	double since; /* the oldest event has waited at least since then */
	double next;  /* the wait in seconds that is told next */
	size_t left;  /* events until that says nothing any more; 0 when nothing waits */
} handle_lag;

typedef struct handle handle;
typedef struct reader reader;
typedef struct watchdog watchdog;

typedef struct event_kind {
	const char *handler; /* the handler's field in the table given to open; NULL when `push` pushes the handler first */
	const char *name;    /* what receive() calls the event */
	/*
	 * Pushes the event's values and answers how many, or EVENT_DROPPED and nothing. `values` is the index of the
	 * handle's user value. [-0, +n, m]
	 */
	int (*push)(lua_State *L, handle *h, const event *ev, int values);
	/* NULL, or what is done with the handler's one result, on top of the stack. [-0, +0, e] */
	void (*answered)(lua_State *L, handle *h);
	bool is_own; /* a message of the handle's own: counts for what it may send */
} event_kind;

/* Nobody waits for the event any more. */
#define EVENT_DROPPED (-1)

typedef struct handle_class {
	const char *type;      /* the metatable's name */
	const char *service;   /* the word for it in messages */
	const failure *absent; /* why Corosync may run without this service; NULL where it always has it */
	const char *noun;      /* the word for what its calls are about, as "group"; NULL where that has no name */
	const event_kind *kinds;
	cs_error_t (*fd_get)(uint64_t id, int *fd);
	cs_error_t (*dispatch)(handle *h, cs_dispatch_flags_t flags);
	cs_error_t (*finalize)(handle *h);
	/* Whose the handle is, for the watchdog; NULL for nobody's. */
	const char *(*subject)(const handle *h, size_t *length);
	cs_error_t (*trackstart)(handle *h); /* NULL where there is nothing to start */
	cs_error_t (*trackstop)(handle *h);
	/* Where a reader can be asked for: ends what makes events come, in the reader's thread; and tells that handlers lag. */
	cs_error_t (*give_up)(handle *h);
	void (*tell_lag)(handle *h, double seconds, size_t events, size_t bytes);
} handle_class;

typedef enum handle_state {
	HANDLE_CLOSED, /* nothing to finalize */
	HANDLE_OPEN,
	HANDLE_LOST, /* the daemon has gone, or an event could not be kept: only what is queued is still good */
} handle_state;

typedef enum handle_busy {
	HANDLE_IDLE,
	HANDLE_DELIVERING, /* a handler runs: no other event may overtake it */
	HANDLE_CONVERTING, /* an event is being made into Lua values: the queue must not move */
} handle_busy;

struct handle {
	const handle_class *class;
	cleanup cleanup;
	uint64_t id;       /* Corosync's handle */
	int fd;            /* libqb's; -1 when there is none */
	int peer;          /* hangs up when the daemon ends: libqb's own, or one more beside a datagram socket */
	int awaited;       /* readable when events wait or the daemon has ended: libqb's own, or an epoll over both */
	uid_t daemon_user; /* whose the daemon must be; NO_USER: root's or this process's */
	pid_t owner;       /* Corosync's connections must not be used, nor closed, by a fork */
	handle_state state;
	handle_busy busy;
	bool tracking;
	bool stop;             /* the running dispatch ends after the present handler */
	const failure *reason; /* why it is lost; NULL while it is not */
	queue queue;           /* of the thread that runs Lua, and what that one takes from */
	queue *sink;           /* where callbacks append: the same, or the reader's; NULL: nowhere */
	const failure *missed; /* why a callback could not append */
	atomic_size_t own;     /* bytes of own messages that wait to be handled, in whichever queue */
	handle_lag lag;
	reader *reader;     /* NULL when nobody stands by */
	watchdog *watchdog; /* NULL when nobody watches */
};

/* Upvalues of all methods of handles; the first is the class's metatable. */
enum { UPVALUE_METATABLE = 1, UPVALUE_CLASS };

/* Fields of a handle's user value, a table. */
enum { VALUE_HANDLERS = 1, VALUE_ADDRESSES, VALUE_MEMBERS, VALUE_CHANGE, VALUE_TRACKERS };

/*
 * Makes the metatable of a class: the methods that all handles share and those in `methods`. [-0, +0, m]
 */
void handle_setup(lua_State *L, const handle_class *class, const luaL_Reg *methods);

/*
 * Pushes a new, closed handle of `size` bytes whose handlers are the table at that index. Nothing that raises may
 * come between a successful initialize and opening_take. [-0, +1, m]
 */
void *handle_new(lua_State *L, const handle_class *class, size_t size, int handlers);

/* Ends the connection, if it is this process's: the one way to do it. */
void handle_finalize(handle *h);

/* The handle at index 1, whatever its state. Raises if it is of another type. [-0, +0, v] */
void *handle_check(lua_State *L, const handle_class *class);

/* The same for the methods that all classes share. [-0, +0, v] */
handle *handle_check_shared(lua_State *L);

/* Pushes nil, "cannot <what> <service>: …", code; answers 3. [-0, +3, m] */
int handle_fail(lua_State *L, const handle *h, const char *what, const failure *why);

/* Pushes true if `why` is NULL, else as handle_fail; answers how many values it pushed. [-0, +1|3, m] */
int handle_answer(lua_State *L, const handle *h, const char *what, const failure *why);

/* The first open handle of the Lua state that matches what is sought, or NULL. [-0, +0, m] */
const handle *handle_find(lua_State *L, bool (*matches)(const handle *h, const void *sought), const void *sought);

/* NULL if Corosync may be called on the handle now, else why not. */
const failure *handle_unusable(const handle *h);

/* Whether the daemon has ended. */
bool handle_hung_up(const handle *h);

/* CS_ERR_LIBRARY if the daemon has gone, else the error as given: for calls whose own code cannot be trusted then. */
cs_error_t handle_verify(const handle *h, cs_error_t error);

/* The failure that a call's error code, other than CS_OK, stands for. */
const failure *handle_diagnose(const handle *h, cs_error_t error);

/* NULL for CS_OK, else the same; notes when it means that the daemon has gone. */
const failure *handle_failure(handle *h, cs_error_t error);

/* NULL if there may be events to hand over: on a lost handle those that are queued. Else why not. */
const failure *handle_exhausted(const handle *h);

/* From now on only what is queued is still good. */
void handle_lose(handle *h, const failure *reason);

/* The descriptor that is readable when events wait. */
int handle_descriptor(const handle *h);

#endif
