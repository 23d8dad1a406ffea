/*
 * hostile <group, as hex> <what> [number ...]: another program in the group, on plain libcpg. It
 *   send <size> ...       sends messages of those sizes, as fast as Corosync takes them, and leaves;
 *   churn <times>         joins and leaves with a message between, each time by a new handle;
 *   die <size>            kills itself in the middle of sending a message that libcpg splits;
 *   collide <size> <size> sends such messages from two threads on one handle, until it is killed;
 *   receive               says "joined", and then what it is given.
 * Byte `j` of message `i`, both from 0 on, is (i + j) % 257 cut to 8 bits, so that no two pieces are the same.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <corosync/cpg.h>

/* Nothing of libcpg tells when what was answered with "try again" would be taken. */
#define RETRY_MICROSECONDS 200

static void die_if(int failed, const char *what, cs_error_t error)
{
	if (failed) {
		(void)fprintf(stderr, "hostile: %s: %d\n", what, (int)error);
		exit(1);
	}
}

static void read_name(struct cpg_name *name, const char *hex)
{
	unsigned int byte;

	memset(name, 0, sizeof *name);
	for (; sscanf(hex, "%2x", &byte) == 1; hex += 2) {
		die_if(name->length == CPG_MAX_NAME_LENGTH, "name too long", CS_ERR_NAME_TOO_LONG);
		name->value[name->length++] = (char)byte;
	}
}

static void told(cpg_handle_t id, const struct cpg_name *group, uint32_t node, uint32_t pid, void *bytes, size_t length)
{
	(void)id;
	(void)group;
	(void)node;
	(void)pid;
	(void)bytes;
	(void)printf("%zu\n", length);
	(void)fflush(stdout);
}

static cpg_handle_t join(struct cpg_name *group)
{
	cpg_callbacks_t callbacks = {.cpg_deliver_fn = told};
	cpg_handle_t id = 0;
	cs_error_t error = cpg_initialize(&id, &callbacks);

	die_if(error != CS_OK, "initialize", error);
	while ((error = cpg_join(id, group)) == CS_ERR_TRY_AGAIN) {
		(void)usleep(RETRY_MICROSECONDS);
	}
	die_if(error != CS_OK, "join", error);
	return id;
}

static void send_message(cpg_handle_t id, unsigned int number, size_t size)
{
	unsigned char *bytes = malloc(size + 1);
	struct iovec vector = {bytes, size};
	cs_error_t error;
	size_t j;

	die_if(bytes == NULL, "memory", CS_ERR_NO_MEMORY);
	for (j = 0; j < size; j++) {
		bytes[j] = (unsigned char)((number + j) % 257);
	}
	/* Interrupted, nothing was delivered. */
	while (
		(error = cpg_mcast_joined(id, CPG_TYPE_AGREED, &vector, 1)) == CS_ERR_TRY_AGAIN || error == CS_ERR_INTERRUPT) {
		(void)usleep(RETRY_MICROSECONDS);
	}
	die_if(error != CS_OK, "send", error);
	free(bytes);
}

/* Without it, the last messages that Corosync has taken are lost with their sender: it has yet to read them. */
static void leave(cpg_handle_t id, const struct cpg_name *group)
{
	cs_error_t error;

	while ((error = cpg_leave(id, group)) == CS_ERR_TRY_AGAIN) {
		(void)usleep(RETRY_MICROSECONDS);
	}
	die_if(error != CS_OK, "leave", error);
}

static void churn(struct cpg_name *group, unsigned int times)
{
	unsigned int i;

	for (i = 0; i < times; i++) {
		cpg_handle_t id = join(group);
		send_message(id, i, i % 100);
		leave(id, group);
		(void)cpg_finalize(id);
	}
}

static void kill_self(int signal_number)
{
	(void)signal_number;
	(void)kill(getpid(), SIGKILL);
}

static void die_sending(cpg_handle_t id, size_t size)
{
	struct itimerval soon = {.it_value = {.tv_usec = 30000}};

	(void)signal(SIGALRM, kill_self);
	(void)setitimer(ITIMER_REAL, &soon, NULL);
	send_message(id, 0, size);
	die_if(1, "it was sent whole", CS_OK);
}

typedef struct flood {
	pthread_t thread;
	cpg_handle_t id;
	size_t size;
} flood;

static void *send_without_end(void *argument)
{
	const flood *f = argument;
	struct iovec vector = {calloc(1, f->size), f->size};

	while (vector.iov_base != NULL) {
		(void)cpg_mcast_joined(f->id, CPG_TYPE_AGREED, &vector, 1);
	}
	return NULL;
}

static void collide(cpg_handle_t id, char **sizes)
{
	flood floods[2];
	int i;

	for (i = 0; i < 2; i++) {
		floods[i] = (flood){.id = id, .size = (size_t)atol(sizes[i])};
		(void)pthread_create(&floods[i].thread, NULL, send_without_end, &floods[i]);
	}
	(void)pthread_join(floods[0].thread, NULL);
}

int main(int argc, char **argv)
{
	struct cpg_name group;
	cpg_handle_t id;
	int i;

	die_if(argc < 3, "usage: hostile <group> <what> [number ...]", CS_ERR_INVALID_PARAM);
	read_name(&group, argv[1]);
	if (strcmp(argv[2], "churn") == 0 && argc == 4) {
		churn(&group, (unsigned int)atol(argv[3]));
		return 0;
	}
	id = join(&group);
	if (strcmp(argv[2], "send") == 0) {
		for (i = 3; i < argc; i++) {
			send_message(id, (unsigned int)i - 3, (size_t)atol(argv[i]));
		}
		leave(id, &group);
	} else if (strcmp(argv[2], "die") == 0 && argc == 4) {
		die_sending(id, (size_t)atol(argv[3]));
	} else if (strcmp(argv[2], "collide") == 0 && argc == 5) {
		collide(id, argv + 3);
	} else if (strcmp(argv[2], "receive") == 0) {
		(void)puts("joined");
		(void)fflush(stdout);
		(void)cpg_dispatch(id, CS_DISPATCH_BLOCKING);
	}
	return 0;
}
