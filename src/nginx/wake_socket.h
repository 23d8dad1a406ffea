/*
 * Wakes code of this process that can only wait on a socket connected by a path, such as nginx's light threads: a
 * listening unix socket in a directory of its own, which only this process may connect to, once. Then the path is
 * removed. Nothing here blocks.
 */
#ifndef COROSYNC_LUA_NGINX_WAKE_SOCKET_H
#define COROSYNC_LUA_NGINX_WAKE_SOCKET_H

#include <stdbool.h>
#include <sys/un.h>

typedef struct wake_socket {
	int listener, connection; /* -1 when there is none */
	bool rung;                /* before there was a connection */
	struct sockaddr_un address;
} wake_socket;

/* Initializes a socket as closed. */
void wake_socket_init(wake_socket *s);

/*
 * Makes the socket, in a new directory within the given one. On failure returns false with errno and leaves no files.
 */
bool wake_socket_open(wake_socket *s, const char *directory);

/* To be called when the listener is readable: accepts a connection of this process, and then removes the path. */
void wake_socket_accept(wake_socket *s);

/* Makes the connection readable, now or as soon as it exists. */
void wake_socket_ring(wake_socket *s);

/* The other end sees the connection closed. Closing twice is allowed. */
void wake_socket_close(wake_socket *s);

#endif
