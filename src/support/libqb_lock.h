/*
 * A lock around what adds to or takes from the tables in which Corosync's client libraries keep handles, trackers and
 * iterations. Each library has one table of a kind for the whole process (libqb's hdb.c) without a lock of its own: of
 * two threads that open handles at once both may get the same entry, and cmap_finalize looks at every thread's
 * trackers. To be held for those calls alone, and never while Lua runs.
 *
 * What only uses its own entry needs no lock, as long as the table does not move: see the reference of corosync.handle.
 */
#ifndef COROSYNC_LUA_SUPPORT_LIBQB_LOCK_H
#define COROSYNC_LUA_SUPPORT_LIBQB_LOCK_H

/* Once before all else: so that a fork, which copies the lock but not another thread that holds it, comes with the lock free. */
void libqb_lock_setup(void);

void libqb_lock(void);

void libqb_unlock(void);

#endif
