#include "tables.h"

#include <pthread.h>

/* The one thing that all Lua states of a process share, since the tables are the process's. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void tables_lock(void)
{
	(void)pthread_mutex_lock(&lock);
}

void tables_unlock(void)
{
	(void)pthread_mutex_unlock(&lock);
}
