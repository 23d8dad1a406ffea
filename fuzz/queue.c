/* The queue of events, compared with a plain list of the expected events. */
#include <stdint.h>
#include <string.h>

#include "support/queue.h"
#include "must.h"

#define MOST 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct model {
	size_t lengths[MOST], first, count;
	uint8_t marks[MOST];
} model;

static void append(queue *q, model *m, uint8_t mark, size_t length)
{
	event *ev;

	if (m->count == MOST) {
		return;
	}
	ev = queue_append(q, mark, length);
	must(ev != NULL);
	memset((char *)ev + sizeof *ev, mark, length);
	m->lengths[(m->first + m->count) % MOST] = length;
	m->marks[(m->first + m->count) % MOST] = mark;
	m->count++;
}

static void pop(queue *q, model *m)
{
	const event *ev = queue_head(q);
	const uint8_t *bytes = (const uint8_t *)ev + sizeof *ev;
	size_t i, length = m->lengths[m->first];

	must((ev == NULL) == (m->count == 0));
	if (ev == NULL) {
		return;
	}
	must(ev->kind == m->marks[m->first] && ev->size >= sizeof *ev + length);
	for (i = 0; i < length; i++) {
		must(bytes[i] == m->marks[m->first]);
	}
	queue_pop(q);
	m->first = (m->first + 1) % MOST;
	m->count--;
}

/* Two bytes an operation: its kind, and a size. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	queue q = {0};
	model m = {.first = 0};
	size_t i;

	for (i = 0; i + 1 < size; i += 2) {
		switch (data[i] % 4) {
		case 0: append(&q, &m, data[i], data[i + 1]); break;
		case 1: append(&q, &m, data[i], (size_t)data[i + 1] * 100); break;
		case 2: pop(&q, &m); break;
		default: queue_trim(&q); break;
		}
		must(q.count == m.count && (queue_length(&q) == 0) == (m.count == 0));
	}
	while (m.count > 0) {
		pop(&q, &m);
	}
	queue_free(&q);
	return 0;
}
