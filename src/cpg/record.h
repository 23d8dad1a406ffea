/* The events of libcpg as they wait in the queue. */
#ifndef COROSYNC_LUA_CPG_RECORD_H
#define COROSYNC_LUA_CPG_RECORD_H

#include <stdbool.h>

#include <corosync/cpg.h>

#include "support/queue.h"

enum { KIND_MESSAGE, KIND_OWN_MESSAGE, KIND_CONFIG, KIND_RING, KIND_LAG };

/* The size of a record's own part. */
#define RECORD_PAYLOAD(type) (sizeof(type) - sizeof(event))

typedef struct message_record {
	event event;
	uint32_t node, pid;
	size_t length;
	char bytes[];
} message_record;

typedef struct config_record {
	event event;
	uint64_t serial;
	size_t count;                   /* members after the change; the list has all of them or, when too many, none */
	size_t members, left, joined;   /* addresses in the lists */
	bool is_whole;                  /* the lists have all addresses that libcpg counts */
	struct cpg_address addresses[]; /* members, then left, then joined */
} config_record;

typedef struct lag_record {
	event event;
	double seconds;
	size_t events, bytes;
} lag_record;

/* The bytes that a message of that length takes in the queue. */
static inline size_t cpg_record_message_size(size_t length)
{
	return queue_event_size(RECORD_PAYLOAD(message_record) + length);
}

#endif
