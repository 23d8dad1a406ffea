#include "handle/opening.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "handle/call.h"
#include "support/libqb_lock.h"

/* What libqb needs for a connection: descriptors at once, and address space for three rings that are mapped twice. */
#define DESCRIPTORS 3
#define ADDRESS_SPACE ((size_t)8 * 1024 * 1024)

static const failure failure_ended = {
	"not_connected", "Corosync ended, or closed the connection, while it was opened: see its log"};
static const failure failure_not_ready = {
	"try_again", "Corosync does not serve clients yet, as while it starts, or is overloaded: try again shortly"};
static const failure failure_starting = {
	"try_again", "Corosync runs, but not this part of it: it is starting or ending; try again shortly"};
static const failure failure_not_permitted = {"access",
	"Corosync does not permit this user: name the user or its group in a file in /etc/corosync/uidgid.d (see "
	"corosync.conf(5); in a user namespace, the user outside of it)"};
static const failure failure_no_files = {"not_connected",
	"Corosync runs, but the files in /dev/shm that it made for the connection are not there: give this container the "
	"/dev/shm of Corosync (docker run --ipc=host)"};
static const failure failure_no_space = {
	"no_space", "/dev/shm is full, and a connection takes 3 MB of it: make room there, or mount it larger"};
static const failure failure_address_space = {"no_memory",
	"this process has reached its limit of memory, and a connection takes 8 MB of address space: raise it (ulimit -v)"};
static const failure failure_daemon_files = {"no_resources",
	"Corosync has too many open files: close connections to it, or raise its limit (LimitNOFILE of corosync.service)"};

/* ---- the connection ---- */

static const failure *connect_peer(handle *h)
{
	const failure *why = peer_connect(&h->peer, h->class->service, h->daemon_user);

	if (why != &PEER_NOT_RUNNING || !peer_is_running()) {
		return why;
	}
	return h->class->absent != NULL ? h->class->absent : &failure_starting;
}

cs_error_t opening_begin(handle *h)
{
	call_begin(h, "open", NULL, 0);
	libqb_lock();
	if (h->reason == NULL) {
		h->reason = connect_peer(h);
	}
	errno = 0;
	return h->reason == NULL ? CS_OK : CS_ERR_ACCESS;
}

void opening_end(handle *h)
{
	int error = errno;

	libqb_unlock();
	call_end(h);
	errno = error;
}

static bool is_datagram(int fd)
{
	int type = SOCK_STREAM;
	socklen_t length = sizeof type;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_DGRAM;
}

static bool add_to_epoll(int epoll, int fd)
{
	struct epoll_event readable = {.events = EPOLLIN};

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &readable) == 0;
}

/*
 * With "qb_ipc_type: socket", libqb's descriptor is a datagram socket: it shows no hang-up, and not who its peer is. So the
 * stream to the listener is kept. That one is still there: so it was the only one who had the name when libqb connected.
 */
static const failure *keep_peer(handle *h)
{
	if (handle_hung_up(h)) {
		return &failure_ended;
	}
	h->awaited = epoll_create1(EPOLL_CLOEXEC);
	if (h->awaited < 0 || !add_to_epoll(h->awaited, h->fd) || !add_to_epoll(h->awaited, h->peer)) {
		return failure_of_system(errno);
	}
	return NULL;
}

/* Corosync may have ended since, and another program have the name: nothing that it says is believed then. */
static const failure *drop_peer(handle *h)
{
	const failure *why = peer_check(h->fd, h->daemon_user);

	if (why == NULL) {
		peer_disconnect(&h->peer);
		h->peer = h->awaited = h->fd;
	}
	return why;
}

cs_error_t opening_take(handle *h, uint64_t id)
{
	cs_error_t error = h->class->fd_get(id, &h->fd);

	if (error == CS_OK) {
		h->reason = is_datagram(h->fd) ? keep_peer(h) : drop_peer(h);
	}
	if (error != CS_OK || h->reason != NULL) {
		h->fd = -1;
		return error == CS_OK ? CS_ERR_ACCESS : error;
	}
	h->id = id;
	h->state = HANDLE_OPEN;
	return CS_OK;
}

/* ---- why there is none ---- */

static bool has_descriptors(int like, int count)
{
	int fd = count == 0 ? -1 : dup(like);
	bool has = count == 0 || (fd >= 0 && has_descriptors(like, count - 1));

	if (fd >= 0) {
		(void)close(fd);
	}
	return has;
}

static bool has_address_space(void)
{
	void *space = mmap(NULL, ADDRESS_SPACE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return space != MAP_FAILED && munmap(space, ADDRESS_SPACE) == 0;
}

/* The daemon's shortages come with the same numbers as this process's own. NULL if there was none. */
static const failure *find_shortage(const handle *h, int system_error)
{
	switch (system_error) {
	case EMFILE: return has_descriptors(h->peer, DESCRIPTORS) ? &failure_daemon_files : &FAILURE_OPEN_FILES;
	case ENFILE: return &FAILURE_OPEN_FILES_SYSTEM;
	case ENOMEM:
	case ENOBUFS: return has_address_space() ? &FAILURE_SHORT_OF_MEMORY : &failure_address_space;
	default: return NULL;
	}
}

static const failure *diagnose(const handle *h, cs_error_t error, int system_error)
{
	const failure *why = find_shortage(h, system_error);

	if (why != NULL) {
		return why;
	}
	if (h->state == HANDLE_OPEN) {
		return handle_diagnose(h, error);
	}
	if (handle_hung_up(h)) {
		return &failure_ended;
	}
	switch (error) {
	case CS_ERR_ACCESS: return &failure_not_permitted;
	case CS_ERR_LIBRARY: return &failure_ended;
	case CS_ERR_NOT_EXIST: return &failure_no_files;
	case CS_ERR_NO_SPACE: return &failure_no_space;
	case CS_ERR_TRY_AGAIN: return &failure_not_ready;
	default: return failure_of(error);
	}
}

int opening_fail(lua_State *L, handle *h, cs_error_t error)
{
	const failure *why = h->reason == NULL ? diagnose(h, error, errno) : h->reason;

	/* Who is to try again must not have the connection until the collector comes. */
	handle_finalize(h);
	lua_pushfstring(L, "reach Corosync's %s service", h->class->service);
	return failure_push(L, why);
}
