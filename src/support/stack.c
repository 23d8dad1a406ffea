#include "support/stack.h"

#include <pthread.h>
#include <stdint.h>
#include <unistd.h>

/* The buffer (lib/util.h of Corosync, IPC_DISPATCH_SIZE and IPC_RESPONSE_SIZE), and the frames around it. */
#define NEEDED ((uintptr_t)(1024 + 128) * 1024)

typedef struct bounds {
	uintptr_t lowest, highest; /* highest is 0 until they were looked up */
} bounds;

/* Cached for each thread, because the look-up in the main thread reads a file in /proc. */
static _Thread_local bounds stack;

static bool is_known(void)
{
#ifdef __GLIBC__
	return true;
#else
	/* Other C libraries return the main thread's present stack size, not its limit. */
	return getpid() != gettid();
#endif
}

static void look_up(bounds *b)
{
	pthread_attr_t attributes;
	void *lowest;
	size_t size;

	b->lowest = 0;
	b->highest = UINTPTR_MAX;
	if (!is_known() || pthread_getattr_np(pthread_self(), &attributes) != 0) {
		return;
	}
	if (pthread_attr_getstack(&attributes, &lowest, &size) == 0) {
		b->lowest = (uintptr_t)lowest;
		b->highest = b->lowest + size;
	}
	(void)pthread_attr_destroy(&attributes);
}

static bool has_room(const bounds *b, uintptr_t here)
{
	return here < b->lowest || here >= b->highest || here - b->lowest >= NEEDED;
}

bool stack_suffices(void)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);

	if (stack.highest == 0 || !has_room(&stack, here)) {
		/* Again when it seems too small: the main thread's limit may have been raised meanwhile. */
		look_up(&stack);
	}
	return has_room(&stack, here);
}
