#include "support/queue.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY ((size_t)4096)

static bool grow(queue *q, size_t needed)
{
	size_t capacity = q->capacity == 0 ? FIRST_CAPACITY : q->capacity;
	unsigned char *data;

	while (capacity < needed) {
		if (capacity > SIZE_MAX / 2) {
			return false;
		}
		capacity *= 2;
	}
	data = realloc(q->data, capacity);
	if (data == NULL) {
		return false;
	}
	q->data = data;
	q->capacity = capacity;
	return true;
}

/* Moving to the front is worth it only when it frees at least as much as it copies. */
static bool make_room(queue *q, size_t size)
{
	size_t length = queue_length(q);

	if (q->capacity - q->tail >= size) {
		return true;
	}
	if (q->head >= length && q->capacity - length >= size) {
		memcpy(q->data, q->data + q->head, length);
		q->head = 0;
		q->tail = length;
		return true;
	}
	return size <= SIZE_MAX - q->tail && grow(q, q->tail + size);
}

/* An event of that size in the room at `offset`. */
static event *put(queue *q, size_t offset, uint64_t kind, size_t size)
{
	event *new = (event *)(void *)(q->data + offset);

	new->size = size;
	new->kind = kind;
	q->count++;
	return new;
}

event *queue_append(queue *q, uint64_t kind, size_t payload)
{
	size_t size;

	if (payload > SIZE_MAX / 2) {
		return NULL;
	}
	size = queue_event_size(payload);
	if (!make_room(q, size)) {
		return NULL;
	}
	q->tail += size;
	return put(q, q->tail - size, kind, size);
}

event *queue_prepend(queue *q, uint64_t kind, size_t payload)
{
	size_t size = queue_event_size(payload);

	if (q->head >= size) {
		q->head -= size;
	} else if (make_room(q, size)) {
		memmove(q->data + q->head + size, q->data + q->head, queue_length(q));
		q->tail += size;
	} else {
		return NULL;
	}
	return put(q, q->head, kind, size);
}

void queue_pop(queue *q)
{
	q->head += queue_oldest(q)->size;
	q->count--;
	if (q->head == q->tail) {
		q->head = q->tail = 0;
	}
}

void queue_trim(queue *q)
{
	unsigned char *data;

	if (queue_length(q) != 0 || q->capacity <= QUEUE_KEEPS) {
		return;
	}
	data = realloc(q->data, QUEUE_KEEPS);
	if (data != NULL) {
		q->data = data;
		q->capacity = QUEUE_KEEPS;
	}
}

void queue_free(queue *q)
{
	free(q->data);
	*q = (queue){0};
}
