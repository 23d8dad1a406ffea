#include "support/peer.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/descriptor.h"

/* If this file exists libqb's sockets are files, in a directory compiled into libqb. */
#define FORCE_FILE "/etc/libqb/force-filesystem-sockets"

const failure PEER_NOT_RUNNING = {"not_connected",
	"Corosync is not running: start it (in a container, give this program Corosync's network namespace)"};
static const failure failure_backlog = {
	"try_again", "too many connections wait for Corosync, because it is paused or overloaded: try again"};
static const failure failure_forbidden = {"access",
	"the system does not let this process connect to Corosync's socket: look for SELinux or AppArmor denials in the "
	"audit log"};
static const failure failure_no_stream = {
	"access", "another program has taken the name of Corosync's socket: end that program and start Corosync"};
static const failure failure_stranger = {"access",
	"its socket belongs to a program of a user other than root and this process's: end that program and start "
	"Corosync, or set the field daemon_user to the user that Corosync runs as"};
static const failure failure_other_user = {"access",
	"its socket belongs to a program of a user other than the field daemon_user: correct the field, or end that "
	"program and start Corosync"};
static const failure failure_unknown = {"not_connected",
	"connecting to its socket failed with an error that this binding does not know: trace the call with strace"};

static const failure *diagnose(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case ENOENT: return &PEER_NOT_RUNNING;
	case EAGAIN: return &failure_backlog;
	case EACCES:
	case EPERM: return &failure_forbidden;
	case EPROTOTYPE: return &failure_no_stream;
	case EMFILE: return &FAILURE_OPEN_FILES;
	case ENFILE: return &FAILURE_OPEN_FILES_SYSTEM;
	case ENOBUFS:
	case ENOMEM: return &FAILURE_SHORT_OF_MEMORY;
	default: return &failure_unknown;
	}
}

/* As libqb makes it: in an abstract name, all bytes of sun_path count. */
static struct sockaddr_un address_of(const char *service)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat found;

	if (stat(FORCE_FILE, &found) == 0) {
		(void)snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", LIBQB_SOCKET_DIR, service);
	} else {
		(void)snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "%s", service);
	}
	return address;
}

const failure *peer_check(int fd, uid_t user)
{
	struct ucred peer;
	socklen_t length = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
		return diagnose(errno);
	}
	if (user == NO_USER) {
		return peer.uid == 0 || peer.uid == geteuid() ? NULL : &failure_stranger;
	}
	return peer.uid == user ? NULL : &failure_other_user;
}

static bool connect_to(int *fd, const char *service)
{
	struct sockaddr_un address = address_of(service);

	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return *fd >= 0 && connect(*fd, (struct sockaddr *)&address, sizeof address) == 0;
}

const failure *peer_connect(int *fd, const char *service, uid_t user)
{
	return connect_to(fd, service) ? peer_check(*fd, user) : diagnose(errno);
}

/* Every Corosync has the configuration map. */
bool peer_is_running(void)
{
	int fd;
	bool is_running = connect_to(&fd, "cmap");

	descriptor_close(&fd);
	return is_running;
}

void peer_disconnect(int *fd)
{
	/* Closing alone does not end the connection while a fork has the descriptor, too. */
	if (*fd >= 0) {
		(void)shutdown(*fd, SHUT_RDWR);
	}
	descriptor_close(fd);
}
