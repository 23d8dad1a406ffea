/*
 * A lock for the calls that add to or remove from the tables in which Corosync's client libraries keep handles,
 * trackers and iterations. Each library has one table of a kind for the whole process (libqb's hdb.c), without a lock:
 * two threads that open handles at once may both get the same entry, and cmap_finalize reads every thread's
 * trackers. Hold it for those calls only, and never while Lua runs.
 *
 * A call that only uses its own entry needs no lock, as long as the table does not move: see the reference of
 * corosync.handle.
 */
#ifndef COROSYNC_LUA_SUPPORT_LIBQB_LOCK_H
#define COROSYNC_LUA_SUPPORT_LIBQB_LOCK_H

/* To be called first: makes forks take the lock, because a child inherits it without the thread that may hold it. */
void libqb_lock_setup(void);

void libqb_lock(void);

void libqb_unlock(void);

#endif
