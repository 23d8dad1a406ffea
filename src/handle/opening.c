#include "handle/connection.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "handle/call.h"
#include "support/libqb_lock.h"
#include "support/poll.h"

/* A libqb connection needs these descriptors at once, and address space for three rings that are mapped twice. */
#define DESCRIPTORS 3
#define ADDRESS_SPACE ((size_t)8 * 1024 * 1024)

static const failure failure_ended = {
	"not_connected", "Corosync ended, or closed the connection, while it was opened: see its log"};
static const failure failure_not_ready = {
	"try_again", "Corosync does not accept clients yet, because it is starting or overloaded: try again shortly"};
static const failure failure_starting = {
	"try_again", "Corosync is running, but not this service: it is starting or stopping; try again shortly"};
static const failure failure_not_permitted = {"access",
	"Corosync does not permit this user: name the user or its group in a file in /etc/corosync/uidgid.d and run "
	"corosync-cfgtool -R (see corosync.conf(5); in a user namespace, name the user outside of it)"};
static const failure failure_no_files = {"not_connected",
	"Corosync is running, but the files that it made for the connection are not in this /dev/shm: give this container "
	"the /dev/shm of Corosync (docker run --ipc=host)"};
static const failure failure_no_space = {
	"no_space", "/dev/shm is full, and a connection takes 3 MB of it: free some space or mount it larger"};
static const failure failure_address_space = {"no_memory",
	"this process has reached its memory limit, and a connection takes 8 MB of address space: raise it (ulimit -v)"};
static const failure failure_daemon_files = {"no_resources",
	"Corosync has too many open files: close connections to it, or raise its limit (LimitNOFILE of corosync.service)"};

static const failure *connect_peer(handle *h)
{
	const failure *why = peer_connect(&h->hang_up_fd, h->class->service, h->daemon_user);

	if (why != &PEER_NOT_RUNNING || !peer_is_running()) {
		return why;
	}
	why = h->class->absent != NULL ? h->class->absent(h) : NULL;
	return why != NULL ? why : &failure_starting;
}

static bool is_datagram(int fd)
{
	int type = SOCK_STREAM;
	socklen_t length = sizeof type;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_DGRAM;
}

/*
 * With "qb_ipc_type: socket", libqb's descriptor is a datagram socket, which shows neither a hang-up nor its peer. So
 * the stream to the listener is kept. The listener is still there, so it owned the socket's name when libqb connected.
 */
static const failure *keep_peer(handle *h)
{
	if (handle_hung_up(h)) {
		return &failure_ended;
	}
	h->events_fd = epoll_create1(EPOLL_CLOEXEC);
	if (h->events_fd < 0 || !poll_add(h->events_fd, h->libqb_fd) || !poll_add(h->events_fd, h->hang_up_fd)) {
		return failure_of_system(errno);
	}
	return NULL;
}

/* Corosync may have ended meanwhile and another program have taken the name: do not trust that one. */
static const failure *drop_peer(handle *h)
{
	const failure *why = peer_check(h->libqb_fd, h->daemon_user);

	if (why == NULL) {
		peer_disconnect(&h->hang_up_fd);
		h->hang_up_fd = h->events_fd = h->libqb_fd;
	}
	return why;
}

/* Takes over the connection just made. */
static cs_error_t take(handle *h)
{
	cs_error_t error = h->class->fd_get(h->id, &h->libqb_fd);

	if (error == CS_OK) {
		h->reason = is_datagram(h->libqb_fd) ? keep_peer(h) : drop_peer(h);
	}
	if (error != CS_OK || h->reason != NULL) {
		h->libqb_fd = -1;
		return error == CS_OK ? CS_ERR_ACCESS : error;
	}
	h->loop_fd = h->events_fd;
	h->state = HANDLE_OPEN;
	return CS_OK;
}

static cs_error_t establish(handle *h, cs_error_t (*start)(handle *h))
{
	cs_error_t error = h->class->initialize(h);

	if (error == CS_OK) {
		error = take(h);
	}
	if (error != CS_OK) {
		/* libquorum and libcmap leave the connection open when the daemon refuses the model or lacks the map. */
		connection_disconnect(h);
		return error;
	}
	return start == NULL ? CS_OK : start(h);
}

/*
 * Makes sure that Corosync listens, takes the locks that opening needs, and notifies the watchdog. The library must not
 * be called unless it returns CS_OK, and nothing may raise until open_end.
 */
static cs_error_t open_begin(handle *h)
{
	call_begin(h, "open", NULL, 0);
	libqb_lock();
	if (h->reason == NULL) {
		h->reason = connect_peer(h);
	}
	errno = 0;
	return h->reason == NULL ? CS_OK : CS_ERR_ACCESS;
}

/* Keeps errno: libqb reports some failures only there. */
static void open_end(handle *h)
{
	int error = errno;

	libqb_unlock();
	call_end(h);
	errno = error;
}

/* ---- why it failed ---- */

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

/* The daemon's shortages have the same error numbers as this process's own. NULL if there was none. */
static const failure *find_shortage(const handle *h, int system_error)
{
	switch (system_error) {
	case EMFILE: return has_descriptors(h->hang_up_fd, DESCRIPTORS) ? &failure_daemon_files : &FAILURE_OPEN_FILES;
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

static int fail(lua_State *L, handle *h, cs_error_t error)
{
	const failure *why = h->reason == NULL ? diagnose(h, error, errno) : h->reason;

	/* A retry must not wait for the collector to close this one. */
	connection_finalize(h);
	lua_pushfstring(L, "reach Corosync's %s service", h->class->service);
	return failure_push(L, why);
}

int connection_open(lua_State *L, handle *h, cs_error_t (*start)(handle *h))
{
	cs_error_t error = open_begin(h);

	if (error == CS_OK) {
		error = establish(h, start);
	}
	open_end(h);
	return error == CS_OK ? 1 : fail(L, h, error);
}
