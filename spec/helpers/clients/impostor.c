/*
 * impostor <path>: holds the names of Corosync's sockets while Corosync is down, as any program can, and offers each
 * client that asks for a connection the files <path>-header and <path>-data. Says "ready", and "asked" for each such
 * client.
 */
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SERVICES 5
#define SHARED_MEMORY 1
#define SIZE 8192

/* As libqb sends it. */
struct response {
	struct {
		int32_t id __attribute__((aligned(8)));
		int32_t size __attribute__((aligned(8)));
		int32_t error __attribute__((aligned(8)));
	} header __attribute__((aligned(8)));
	int32_t type;
	uint32_t longest;
	intptr_t connection;
	char files[3][PATH_MAX];
} __attribute__((aligned(8)));

static int listen_as(const char *service)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "%s", service);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 8) != 0) {
		perror(service);
		exit(1);
	}
	return fd;
}

static void serve(int listener, const char *path)
{
	struct response r = {.header.size = sizeof r, .type = SHARED_MEMORY, .longest = SIZE};
	char request[64];
	size_t i;
	int fd = accept(listener, NULL, NULL);

	for (i = 0; i < sizeof r.files / sizeof *r.files; i++) {
		(void)snprintf(r.files[i], sizeof r.files[i], "%s", path);
	}
	if (fd >= 0 && read(fd, request, sizeof request) > 0) {
		(void)puts("asked");
		(void)send(fd, &r, sizeof r, MSG_NOSIGNAL);
	}
	(void)close(fd);
}

int main(int argc, char **argv)
{
	static const char *const services[SERVICES] = {"cfg", "cmap", "cpg", "quorum", "votequorum"};
	struct pollfd listeners[SERVICES];
	int i;

	if (argc != 2) {
		return 2;
	}
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; i < SERVICES; i++) {
		listeners[i] = (struct pollfd){.fd = listen_as(services[i]), .events = POLLIN};
	}
	(void)puts("ready");
	while (poll(listeners, SERVICES, -1) > 0) {
		for (i = 0; i < SERVICES; i++) {
			if (listeners[i].revents != 0) {
				serve(listeners[i].fd, argv[1]);
			}
		}
	}
	return 0;
}
