/*
 * A member of the group named by its argument, in plain C. Each line of its input is a message in hexadecimal digits;
 * it writes "message NODE HEX" for each message and "left NODE REASON" for each member that has left.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <corosync/cpg.h>

static void on_message(
	cpg_handle_t handle, const struct cpg_name *name, uint32_t node, uint32_t pid, void *message, size_t length)
{
	const unsigned char *bytes = message;
	size_t i;

	(void)handle, (void)name, (void)pid;
	printf("message %u ", node);
	for (i = 0; i < length; i++)
		printf("%02x", bytes[i]);
	printf("\n");
}

static void on_change(cpg_handle_t handle, const struct cpg_name *name, const struct cpg_address *members,
	size_t member_count, const struct cpg_address *left, size_t left_count, const struct cpg_address *joined,
	size_t joined_count)
{
	size_t i;

	(void)handle, (void)name, (void)members, (void)joined, (void)joined_count;
	for (i = 0; i < left_count; i++)
		printf("left %u %s\n", left[i].nodeid, left[i].reason == CPG_REASON_LEAVE ? "leave" : "other");
	printf("members %zu\n", member_count);
}

static void send_hex(cpg_handle_t handle, const char *line)
{
	char bytes[4096];
	struct iovec part = {bytes, 0};
	unsigned int byte;

	while (sscanf(line, "%2x", &byte) == 1) {
		bytes[part.iov_len++] = (char)byte;
		line += 2;
	}
	while (cpg_mcast_joined(handle, CPG_TYPE_AGREED, &part, 1) == CS_ERR_TRY_AGAIN)
		(void)poll(NULL, 0, 1);
}

int main(int argc, char **argv)
{
	cpg_callbacks_t callbacks = {on_message, on_change};
	struct pollfd fds[2] = {{0, POLLIN, 0}, {-1, POLLIN, 0}};
	struct cpg_name name = {0};
	cpg_handle_t handle;
	char line[8200];

	setvbuf(stdout, NULL, _IOLBF, 0);
	name.length = (uint32_t)strlen(argv[argc - 1]);
	memcpy(name.value, argv[argc - 1], name.length);
	if (cpg_initialize(&handle, &callbacks) != CS_OK || cpg_join(handle, &name) != CS_OK)
		return EXIT_FAILURE;
	(void)cpg_fd_get(handle, &fds[1].fd);
	setvbuf(stdin, NULL, _IONBF, 0);
	while (poll(fds, 2, -1) > 0) {
		if (fds[0].revents != 0) {
			if (fgets(line, sizeof line, stdin) == NULL)
				break;
			send_hex(handle, line);
		}
		if (fds[1].revents != 0 && cpg_dispatch(handle, CS_DISPATCH_ALL) != CS_OK)
			return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
