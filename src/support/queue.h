/* The queue of events between Corosync's callbacks and Lua: bytes only, no Lua. */
#ifndef COROSYNC_LUA_SUPPORT_QUEUE_H
#define COROSYNC_LUA_SUPPORT_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The header of an event, before its kind's own part. Events are aligned to 8 bytes. */
typedef struct event {
	size_t size;   /* bytes, this header included */
	uint64_t kind; /* index into the kinds of the handle's class */
} event;

/* The payload of an event, for a struct that begins with an `event`, without its flexible array. */
#define EVENT_PAYLOAD(type) (sizeof(type) - sizeof(event))

typedef struct queue {
	unsigned char *data;
	size_t capacity, head, tail; /* bytes */
	size_t count;                /* events */
} queue;

/* The memory that an empty queue keeps, in bytes: the longest atomic message fits. */
#define QUEUE_KEEPS ((size_t)1056 * 1024)

/*
 * Appends an event of that kind with room for `payload` bytes behind the header, for the caller to fill at once.
 * NULL without memory for it; the queue is then unchanged.
 */
event *queue_append(queue *q, uint64_t kind, size_t payload);

/* The same before the oldest event. */
event *queue_prepend(queue *q, uint64_t kind, size_t payload);

/* The bytes that an event takes, header included. */
static inline size_t queue_event_size(size_t payload)
{
	return (sizeof(event) + payload + 7) / 8 * 8;
}

/* The bytes of all events. */
static inline size_t queue_length(const queue *q)
{
	return q->tail - q->head;
}

/* The oldest event of a queue that has one. Valid until the next call on the queue. */
static inline const event *queue_oldest(const queue *q)
{
	return (const event *)(const void *)(q->data + q->head);
}

/* The oldest event, or NULL. Valid until the next call on the queue. */
static inline const event *queue_head(const queue *q)
{
	return queue_length(q) == 0 ? NULL : queue_oldest(q);
}

/* The event after that one, or NULL. Valid until the next call on the queue. */
static inline const event *queue_next(const queue *q, const event *ev)
{
	const unsigned char *next = (const unsigned char *)ev + ev->size;

	return next == q->data + q->tail ? NULL : (const event *)(const void *)next;
}

void queue_pop(queue *q);

/* Frees an empty queue's memory beyond QUEUE_KEEPS. */
void queue_trim(queue *q);

void queue_free(queue *q);

#endif
