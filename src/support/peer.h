/*
 * Checks which user's program listens at the socket of a Corosync service. libqb opens and truncates the files that its
 * peer names before it checks the peer, and any program can take the socket's name while Corosync is down. So this
 * check uses a connection of its own, before libqb makes one.
 */
#ifndef COROSYNC_LUA_SUPPORT_PEER_H
#define COROSYNC_LUA_SUPPORT_PEER_H

#include <stdbool.h>
#include <sys/types.h>

#include "support/failure.h"

/* Trusts root and this process's own user. */
#define NO_USER ((uid_t)-1)

/* No program listens. */
extern const failure PEER_NOT_RUNNING;

/*
 * Connects to the service's socket without waiting. Returns NULL if a program of that user listens there, else why not.
 * The caller must disconnect the descriptor in both cases; it is -1 if there is none.
 */
const failure *peer_connect(int *fd, const char *service, uid_t user);

/* NULL if the other end of a stream socket is a program of that user. */
const failure *peer_check(int fd, uid_t user);

/* Whether any of Corosync's services can be connected to. */
bool peer_is_running(void);

void peer_disconnect(int *fd);

#endif
