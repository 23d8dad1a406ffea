/* The fuzzer's bytes, taken from the front. */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

typedef struct input {
	const uint8_t *data;
	size_t size;
} input;

/* So many bytes as a number; missing ones are 0. */
static inline uint64_t take(input *in, size_t bytes)
{
	uint64_t number = 0;

	for (; bytes > 0 && in->size > 0; bytes--, in->size--) {
		number = number << 8 | *in->data++;
	}
	return number;
}

#endif
