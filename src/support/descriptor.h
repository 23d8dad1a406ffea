/* Descriptors in fields that are -1 when there is none. */
#ifndef COROSYNC_LUA_SUPPORT_DESCRIPTOR_H
#define COROSYNC_LUA_SUPPORT_DESCRIPTOR_H

#include <unistd.h>

/* Closes a descriptor that is not -1, and sets it to -1. */
static inline void descriptor_close(int *fd)
{
	if (*fd >= 0) {
		(void)close(*fd);
		*fd = -1;
	}
}

#endif
