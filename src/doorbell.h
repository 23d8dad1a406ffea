/*
 * Wakes somebody in this process who can wait on nothing but a socket that it has connected to by a path, as nginx's
 * light threads do: a listening unix socket in a directory of its own, which only this process may connect to, once.
 * Then the path is gone. Nothing here blocks.
 */
#ifndef COROSYNC_LUA_DOORBELL_H
#define COROSYNC_LUA_DOORBELL_H

#include <stdbool.h>

#include <sys/un.h>

typedef struct doorbell {
	int listener, connection; /* -1 when there is none */
	bool rung;                /* before anybody was connected */
	struct sockaddr_un address;
} doorbell;

/* As if closed. */
void doorbell_init(doorbell *b);

/* Makes the socket, in a new directory within the given one. False, with errno set and nothing left, if it cannot. */
bool doorbell_open(doorbell *b, const char *directory);

/* For when the listener is readable: takes the connection and the path away if it is this process that connects. */
void doorbell_accept(doorbell *b);

/* Makes the connection readable, now or as soon as there is one. */
void doorbell_ring(doorbell *b);

/* Who waits on the connection finds it closed. Closing twice is allowed. */
void doorbell_close(doorbell *b);

#endif
