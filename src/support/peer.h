/*
 * Who listens at the socket of one of Corosync's services. libqb opens and truncates the files that its peer names before
 * it looks who that is, and any program can take the name of the socket while Corosync is down: so this is asked on a
 * connection of its own, before libqb makes one.
 */
#ifndef COROSYNC_LUA_SUPPORT_PEER_H
#define COROSYNC_LUA_SUPPORT_PEER_H

#include <stdbool.h>
#include <sys/types.h>

#include "support/failure.h"

/* Trusts root and this process's own user. */
#define NO_USER ((uid_t)-1)

/* Nobody listens. */
extern const failure PEER_NOT_RUNNING;

/*
 * Connects to the service's socket without waiting. Returns NULL if a program of that user listens there, else why not.
 * The descriptor, -1 if there is none, is the caller's in both cases.
 */
const failure *peer_connect(int *fd, const char *service, uid_t user);

/* NULL if the other end of a stream socket is a program of that user. */
const failure *peer_check(int fd, uid_t user);

/* Whether any of Corosync's services can be connected to. */
bool peer_is_running(void);

void peer_disconnect(int *fd);

#endif
