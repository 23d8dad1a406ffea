#include "tables.h"

#include <pthread.h>

/* The one thing that all Lua states of a process share, since the tables are the process's. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void prepare_fork(void)
{
	(void)pthread_atfork(tables_lock, tables_unlock, tables_unlock);
}

void tables_setup(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, prepare_fork);
}

void tables_lock(void)
{
	(void)pthread_mutex_lock(&lock);
}

void tables_unlock(void)
{
	(void)pthread_mutex_unlock(&lock);
}
