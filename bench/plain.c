/*
 * The floor: plain C on libcpg, one thread, poll and dispatch. Joins a group, sends so many messages of so many bytes
 * with at most so many on their way, each that is handled making room for the next, and prints what it cost, as
 * bench/binding.lua does.
 *
 *   plain GROUP COUNT SIZE WINDOW [latency]
 */
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <corosync/cpg.h>

typedef struct bench {
	uint32_t node, pid;
	size_t count, size, window;
	size_t sent, received;
	int joined;
	char *message;
	double *sent_at, *latencies; /* NULL unless asked for */
} bench;

static double seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cpu_seconds(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void must(int good, const char *what)
{
	if (!good) {
		(void)fprintf(stderr, "plain: %s failed\n", what);
		exit(EXIT_FAILURE);
	}
}

/* A global, because cpg_context_get costs a look-up and two locks a message. */
static bench b;

static void top_up(cpg_handle_t id)
{
	struct iovec part = {.iov_base = b.message, .iov_len = b.size};

	while (b.sent < b.count && b.sent - b.received < b.window) {
		if (b.sent_at != NULL) {
			b.sent_at[b.sent % b.window] = seconds();
		}
		if (cpg_mcast_joined(id, CPG_TYPE_AGREED, &part, 1) != CS_OK) {
			break;
		}
		b.sent++;
	}
}

static void on_message(
	cpg_handle_t id, const struct cpg_name *group, uint32_t node, uint32_t pid, void *bytes, size_t length)
{
	(void)group;
	(void)bytes;
	if (node == b.node && pid == b.pid) {
		must(length == b.size, "the message's size");
		if (b.latencies != NULL) {
			b.latencies[b.received] = seconds() - b.sent_at[b.received % b.window];
		}
		b.received++;
		top_up(id);
	}
}

static void on_config(cpg_handle_t id, const struct cpg_name *group, const struct cpg_address *members,
	size_t members_count, const struct cpg_address *left, size_t left_count, const struct cpg_address *joined,
	size_t joined_count)
{
	size_t i;

	(void)id;
	(void)group;
	(void)members;
	(void)members_count;
	(void)left;
	(void)left_count;
	for (i = 0; i < joined_count; i++) {
		b.joined = b.joined || (joined[i].nodeid == b.node && joined[i].pid == b.pid);
	}
}

/* Waits for events, not for long when nothing is on its way, and dispatches them. */
static void turn(cpg_handle_t id, int fd)
{
	struct pollfd descriptor = {.fd = fd, .events = POLLIN};

	if (poll(&descriptor, 1, b.joined && b.sent == b.received ? 1 : 10000) > 0) {
		must(cpg_dispatch(id, CS_DISPATCH_ALL) == CS_OK, "cpg_dispatch");
	}
}

static int compare(const void *one, const void *other)
{
	double x = *(const double *)one, y = *(const double *)other;

	return x < y ? -1 : x > y;
}

static void print_latencies(void)
{
	qsort(b.latencies, b.count, sizeof *b.latencies, compare);
	(void)printf("latency %.9f %.9f %.9f\n", b.latencies[b.count / 2], b.latencies[b.count * 99 / 100],
		b.latencies[b.count - 1]);
}

int main(int argc, char **argv)
{
	cpg_model_v1_data_t model = {.model = CPG_MODEL_V1, .cpg_deliver_fn = on_message, .cpg_confchg_fn = on_config};
	struct cpg_name group = {0};
	struct rusage usage;
	cpg_handle_t id;
	double began, cpu;
	int fd;

	must(argc >= 5, "reading the arguments");
	b.count = strtoul(argv[2], NULL, 10);
	b.size = strtoul(argv[3], NULL, 10);
	b.window = strtoul(argv[4], NULL, 10);
	b.pid = (uint32_t)getpid();
	b.message = calloc(1, b.size + 1);
	if (argc > 5) {
		b.sent_at = calloc(b.window, sizeof *b.sent_at);
		b.latencies = calloc(b.count, sizeof *b.latencies);
	}
	must(b.message != NULL && (argc == 5 || (b.sent_at != NULL && b.latencies != NULL)), "calloc");
	group.length = (uint32_t)snprintf(group.value, sizeof group.value, "%s", argv[1]);
	must(cpg_model_initialize(&id, CPG_MODEL_V1, (cpg_model_data_t *)&model, NULL) == CS_OK, "cpg_model_initialize");
	must(cpg_local_get(id, &b.node) == CS_OK && cpg_fd_get(id, &fd) == CS_OK, "cpg_local_get");
	must(cpg_join(id, &group) == CS_OK, "cpg_join");
	while (!b.joined) {
		turn(id, fd);
	}
	began = seconds();
	cpu = cpu_seconds();
	while (b.received < b.count) {
		if (b.sent == b.received) {
			top_up(id);
		}
		turn(id, fd);
	}
	began = seconds() - began;
	cpu = cpu_seconds() - cpu;
	(void)getrusage(RUSAGE_SELF, &usage);
	(void)printf("rate %.3f\ncpu %.9f\nmemory %ld\n", (double)b.count / began, cpu / (double)b.count, usage.ru_maxrss);
	if (b.latencies != NULL) {
		print_latencies();
	}
	(void)cpg_finalize(id);
	return EXIT_SUCCESS;
}
