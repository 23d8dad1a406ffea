/*
 * Wakes somebody in this process who can wait on nothing but a socket that it has connected to by a path, as nginx's
 * light threads do: a listening unix socket in a directory of its own, which only this process may connect to, once.
 * Then the path is gone. Nothing here blocks.
 */
#ifndef COROSYNC_LUA_NGINX_WAKE_SOCKET_H
#define COROSYNC_LUA_NGINX_WAKE_SOCKET_H

#include <stdbool.h>

#include <sys/un.h>

typedef struct wake_socket {
	int listener, connection; /* -1 when there is none */
	bool rung;                /* before anybody was connected */
	struct sockaddr_un address;
} wake_socket;

/* As if closed. */
void wake_socket_init(wake_socket *b);

/* Makes the socket, in a new directory within the given one. False, with errno set and nothing left, if it cannot. */
bool wake_socket_open(wake_socket *b, const char *directory);

/* For when the listener is readable: takes the connection and the path away if it is this process that connects. */
void wake_socket_accept(wake_socket *b);

/* Makes the connection readable, now or as soon as there is one. */
void wake_socket_ring(wake_socket *b);

/* Who waits on the connection finds it closed. Closing twice is allowed. */
void wake_socket_close(wake_socket *b);

#endif
