#include "support/pid.h"

#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

/* In memory that the kernel zeroes in a fork, however it is made; NULL if there is none. */
static _Atomic(pid_t) *kept;

__attribute__((constructor)) static void prepare(void)
{
	void *page = mmap(NULL, sizeof *kept, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED) {
		return;
	}
	if (madvise(page, sizeof *kept, MADV_WIPEONFORK) != 0) {
		(void)munmap(page, sizeof *kept);
		return;
	}
	kept = page;
}

pid_t pid_get(void)
{
	pid_t id;

	if (kept == NULL) {
		return getpid();
	}
	id = atomic_load_explicit(kept, memory_order_relaxed);
	if (id == 0) {
		id = getpid();
		atomic_store_explicit(kept, id, memory_order_relaxed);
	}
	return id;
}
