/*
 * A member in plain C on libcpg that sends long messages without end, and prints its events: to show how Corosync
 * itself handles a message that is in flight while rings merge. See soak/frames.lua.
 *
 *   frames SIZE
 *
 * Lines: "config MEMBERS" (how many), "ring NODE SEQ", "message NODE NUMBER".
 */
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <corosync/cpg.h>

#define IN_FLIGHT 8

static uint32_t own_node;
static uint64_t sent, received;

static void on_message(
	cpg_handle_t id, const struct cpg_name *group, uint32_t node, uint32_t pid, void *bytes, size_t length)
{
	uint64_t number = 0;

	(void)id;
	(void)group;
	(void)pid;
	memcpy(&number, bytes, length < sizeof number ? length : sizeof number);
	(void)printf("message %u %llu\n", node, (unsigned long long)number);
	received += node == own_node;
}

static void on_config(cpg_handle_t id, const struct cpg_name *group, const struct cpg_address *members,
	size_t members_count, const struct cpg_address *left, size_t left_count, const struct cpg_address *joined,
	size_t joined_count)
{
	(void)id;
	(void)group;
	(void)members;
	(void)left;
	(void)left_count;
	(void)joined;
	(void)joined_count;
	(void)printf("config %zu\n", members_count);
}

static void on_ring(cpg_handle_t id, struct cpg_ring_id ring, uint32_t count, const uint32_t *nodes)
{
	(void)id;
	(void)count;
	(void)nodes;
	(void)printf("ring %u %llu\n", ring.nodeid, (unsigned long long)ring.seq);
}

static void send_more(cpg_handle_t id, char *message, size_t size)
{
	struct iovec part = {.iov_base = message, .iov_len = size};

	while (sent - received < IN_FLIGHT) {
		uint64_t number = sent + 1;
		memcpy(message, &number, sizeof number);
		if (cpg_mcast_joined(id, CPG_TYPE_AGREED, &part, 1) != CS_OK) {
			return;
		}
		sent = number;
	}
}

int main(int argc, char **argv)
{
	cpg_model_v1_data_t model = {
		.model = CPG_MODEL_V1,
		.cpg_deliver_fn = on_message,
		.cpg_confchg_fn = on_config,
		.cpg_totem_confchg_fn = on_ring,
		.flags = CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF,
	};
	struct cpg_name group = {.length = 6, .value = "frames"};
	size_t size = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	char *message = size >= sizeof(uint64_t) ? calloc(1, size) : NULL;
	struct pollfd descriptor = {.events = POLLIN};
	cpg_handle_t id;

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (message == NULL || cpg_model_initialize(&id, CPG_MODEL_V1, (cpg_model_data_t *)&model, NULL) != CS_OK ||
		cpg_local_get(id, &own_node) != CS_OK || cpg_fd_get(id, &descriptor.fd) != CS_OK ||
		cpg_join(id, &group) != CS_OK) {
		(void)fprintf(stderr, "frames: cannot join\n");
		return EXIT_FAILURE;
	}
	for (;;) {
		send_more(id, message, size);
		if (poll(&descriptor, 1, 1) > 0 && cpg_dispatch(id, CS_DISPATCH_ALL) != CS_OK) {
			return EXIT_FAILURE;
		}
	}
}
