#include "handle/connection.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "handle/reader.h"
#include "handle/time_limit.h"
#include "handle/watchdog.h"
#include "support/descriptor.h"
#include "support/field.h"
#include "support/libqb_lock.h"
#include "support/pid.h"
#include "support/poll.h"

/* The size of a user value's array: the handlers and the most fields of any class, so that no event grows it. */
#define VALUE_FIELDS 4

#define CLOSE_SECONDS 3

/* The user that the daemon must run as. [-0, +0, v] */
static uid_t daemon_user(lua_State *L, int handlers)
{
	static const field f = {"daemon_user", field_check_user};

	return (uid_t)field_get_number(L, handlers, &f, (lua_Number)NO_USER);
}

static void end(cleanup *c)
{
	connection_finalize(CLEANUP_OF(handle, c));
}

void *connection_new(lua_State *L, const handle_class *class, size_t size, int handlers)
{
	handle *h;

	handlers = lua_absindex(L, handlers);
	h = compat_newuserdata(L, size);
	memset(h, 0, size);
	h->class = class;
	h->state = HANDLE_CLOSED;
	h->libqb_fd = h->hang_up_fd = h->events_fd = h->loop_fd = -1;
	h->owner = pid_get();
	h->daemon_user = daemon_user(L, handlers);
	h->watchdog = watchdog_of(L);
	luaL_setmetatable(L, class->type);
	if (!cleanup_register(L, &h->cleanup, end)) {
		h->reason = &FAILURE_STATE_CLOSING;
	}
	lua_createtable(L, VALUE_FIELDS, 0);
	lua_pushvalue(L, handlers);
	lua_rawseti(L, -2, VALUE_HANDLERS);
	compat_setuservalue(L, -2);
	return h;
}

void connection_disconnect(handle *h)
{
	(void)(h->class->disconnect == NULL ? h->class->finalize(h->id) : h->class->disconnect(h));
}

/* Waits for the reader's end, which may be in a call. A daemon that does not reply in time sees a hang-up instead. */
static void close_connection(handle *h)
{
	size_t length = 0;
	const char *subject = h->class->subject != NULL ? h->class->subject(h, &length) : NULL;
	time_limit limit;

	time_limit_begin(&limit, h, CLOSE_SECONDS);
	watchdog_enter(h->watchdog, h->class, "close", subject, length);
	reader_end(h);
	libqb_lock();
	connection_disconnect(h);
	libqb_unlock();
	watchdog_leave(h->watchdog);
	(void)time_limit_end(&limit);
}

/* The handle's descriptors beside libqb's. */
static void close_companions(handle *h)
{
	if (h->loop_fd != h->events_fd) {
		descriptor_close(&h->loop_fd);
	}
	if (h->events_fd != h->libqb_fd) {
		descriptor_close(&h->events_fd);
	}
	if (h->hang_up_fd != h->libqb_fd) {
		peer_disconnect(&h->hang_up_fd);
	}
}

/* A fork's copy shares the parent's connection, which must stay open. */
void connection_finalize(handle *h)
{
	cleanup_forget(&h->cleanup);
	if (h->owner == pid_get()) {
		if (h->state != HANDLE_CLOSED) {
			close_connection(h);
		}
		close_companions(h);
	}
	h->state = HANDLE_CLOSED;
	h->libqb_fd = h->hang_up_fd = h->events_fd = h->loop_fd = -1;
	if (h->busy == HANDLE_IDLE) {
		queue_free(&h->queue);
	}
}

const handle *connection_find(lua_State *L, bool (*matches)(const handle *h, const void *sought), const void *sought)
{
	const cleanup *c;

	for (c = cleanup_first(L); c != NULL; c = c->next) {
		const handle *h = CLEANUP_OF(const handle, c);
		if (c->end == end && h->state != HANDLE_CLOSED && h->owner == pid_get() && matches(h, sought)) {
			return h;
		}
	}
	return NULL;
}

int connection_add_to_loop(handle *h, int fd)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	bool added;

	if (epoll < 0) {
		return errno;
	}
	h->loop_fd = epoll;
	/* Not `events_fd`: the kernel nests at most 5; the others are the reader's, a view's, a group's and the loop's. */
	added = poll_add(epoll, h->libqb_fd) && poll_add(epoll, fd);
	if (added && handle_has_datagram_socket(h)) {
		added = poll_add(epoll, h->hang_up_fd);
	}
	return added ? 0 : errno;
}

int connection_descriptor(const handle *h)
{
	return h->reader == NULL ? h->loop_fd : reader_descriptor(h->reader);
}

const failure *connection_exhausted(const handle *h)
{
	const failure *why = handle_unusable(h);

	/* Only a lost connection leaves valid events behind: a fork's queue is its parent's. */
	if (why == NULL || why != h->reason) {
		return why;
	}
	return queue_head(&h->queue) != NULL || reader_holds(h->reader) ? NULL : why;
}
