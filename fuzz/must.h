/* The assertion of all targets. */
#ifndef FUZZ_MUST_H
#define FUZZ_MUST_H

#include <stdlib.h>

static inline void must(int holds)
{
	if (!holds) {
		abort();
	}
}

#endif
