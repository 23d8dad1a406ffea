/*
 * Members in plain C on libcpg, each a process in its own group, that are killed one after another; and a watcher of
 * all these groups: to show the events that Corosync itself reports of members that end while rings merge. See
 * soak/leavers.lua.
 *
 *   leavers watch COUNT    prints "unknown GROUP NODE PID" for the leave of a process that was not a member; and for
 *                          each input line, "remains GROUP NODE PID" for each member but itself, and "counted"
 *   leavers leave COUNT    kills its members after an input line
 *
 * Both print "ready" when all are members.
 */
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <corosync/cpg.h>

#define PAUSE (300 * 1000) // nanoseconds between two kills: as many as possible while the rings merge
#define MOST_MEMBERS 4

struct membership {
	struct cpg_address members[MOST_MEMBERS];
	size_t count;
};

static bool contains(const struct membership *before, struct cpg_address address)
{
	for (size_t i = 0; i < before->count; i++) {
		if (before->members[i].nodeid == address.nodeid && before->members[i].pid == address.pid) {
			return true;
		}
	}
	return false;
}

static void on_config(cpg_handle_t id, const struct cpg_name *group, const struct cpg_address *members,
	size_t members_count, const struct cpg_address *left, size_t left_count, const struct cpg_address *joined,
	size_t joined_count)
{
	void *context = NULL;

	(void)joined;
	(void)joined_count;
	if (cpg_context_get(id, &context) != CS_OK || context == NULL) {
		return;
	}
	struct membership *membership = context;
	for (size_t i = 0; i < left_count; i++) {
		if (!contains(membership, left[i])) {
			(void)printf("unknown %s %u %u\n", group->value, left[i].nodeid, left[i].pid);
		}
	}
	membership->count = members_count < MOST_MEMBERS ? members_count : MOST_MEMBERS;
	memcpy(membership->members, members, membership->count * sizeof *members);
}

static void give_up(const char *what)
{
	(void)fprintf(stderr, "leavers: cannot %s\n", what);
	exit(EXIT_FAILURE);
}

/* The daemon accepts one connection after the other, and returns "try again" when many come at once. */
static cpg_handle_t join(size_t number, struct membership *membership)
{
	cpg_model_v1_data_t model = {.model = CPG_MODEL_V1, .cpg_confchg_fn = on_config};
	const struct timespec pause = {.tv_nsec = 1000 * 1000};
	struct cpg_name group = {.length = 0};
	cpg_handle_t id;
	cs_error_t result;

	group.length = (uint32_t)snprintf(group.value, sizeof group.value, "leavers-%zu", number);
	while ((result = cpg_model_initialize(&id, CPG_MODEL_V1, (cpg_model_data_t *)&model, membership)) ==
		CS_ERR_TRY_AGAIN) {
		(void)nanosleep(&pause, NULL);
	}
	if (result != CS_OK) {
		give_up("connect");
	}
	while ((result = cpg_join(id, &group)) == CS_ERR_TRY_AGAIN) {
		(void)nanosleep(&pause, NULL);
	}
	if (result != CS_OK) {
		give_up("join");
	}
	return id;
}

static void print_members(const struct membership *memberships, size_t count)
{
	char line[16];

	if (fgets(line, sizeof line, stdin) == NULL) {
		exit(EXIT_SUCCESS);
	}
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < memberships[i].count; k++) {
			if (memberships[i].members[k].pid != (uint32_t)getpid()) {
				(void)printf(
					"remains leavers-%zu %u %u\n", i, memberships[i].members[k].nodeid, memberships[i].members[k].pid);
			}
		}
	}
	(void)puts("counted");
}

static void watch(size_t count)
{
	struct membership *memberships = calloc(count, sizeof *memberships);
	struct pollfd *descriptors = calloc(count + 1, sizeof *descriptors);
	cpg_handle_t *ids = calloc(count, sizeof *ids);

	if (memberships == NULL || descriptors == NULL || ids == NULL) {
		give_up("have memory");
	}
	for (size_t i = 0; i < count; i++) {
		ids[i] = join(i, &memberships[i]);
		descriptors[i].events = POLLIN;
		if (cpg_fd_get(ids[i], &descriptors[i].fd) != CS_OK) {
			give_up("watch");
		}
	}
	(void)puts("ready");
	descriptors[count] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
	while (poll(descriptors, count + 1, -1) > 0) {
		for (size_t i = 0; i < count; i++) {
			if (descriptors[i].revents != 0 && cpg_dispatch(ids[i], CS_DISPATCH_ALL) != CS_OK) {
				give_up("dispatch");
			}
		}
		if (descriptors[count].revents != 0) {
			print_members(memberships, count);
		}
	}
}

/* Joins in a child process, which writes to the pipe and then waits. */
static pid_t start_member(size_t number, const int ends[2])
{
	pid_t child = fork();

	if (child < 0) {
		give_up("fork");
	} else if (child == 0) {
		(void)join(number, NULL);
		if (write(ends[1], "", 1) != 1) {
			give_up("write that it is ready");
		}
		for (;;) {
			(void)pause();
		}
	}
	return child;
}

static void leave(size_t count)
{
	const struct timespec a_while = {.tv_nsec = PAUSE};
	pid_t *children = calloc(count, sizeof *children);
	int ends[2];
	char byte;

	if (children == NULL || pipe(ends) != 0) {
		give_up("start");
	}
	for (size_t i = 0; i < count; i++) {
		children[i] = start_member(i, ends);
	}
	for (size_t i = 0; i < count; i++) {
		if (read(ends[0], &byte, 1) != 1) {
			give_up("wait for its members");
		}
	}
	(void)puts("ready");
	(void)getchar();
	for (size_t i = 0; i < count; i++) {
		(void)kill(children[i], SIGKILL);
		(void)nanosleep(&a_while, NULL);
	}
}

int main(int argc, char **argv)
{
	size_t count = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && strcmp(argv[1], "watch") == 0) {
		watch(count);
	} else if (argc > 1 && strcmp(argv[1], "leave") == 0) {
		leave(count);
	}
	return EXIT_SUCCESS;
}
