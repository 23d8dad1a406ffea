#include "support/libqb_lock.h"

#include <pthread.h>

/* The only data that all Lua states of a process share, because the tables are the process's. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void prepare_fork(void)
{
	(void)pthread_atfork(libqb_lock, libqb_unlock, libqb_unlock);
}

void libqb_lock_setup(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, prepare_fork);
}

void libqb_lock(void)
{
	(void)pthread_mutex_lock(&lock);
}

void libqb_unlock(void)
{
	(void)pthread_mutex_unlock(&lock);
}
