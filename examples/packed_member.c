/*
 * packed_member <group>: a member of a packed group (docs/packing.md) on libcpg alone, until it is killed. It sends the
 * lines of stdin, and prints each message with its sender; but no long message, which takes a buffer for each sender.
 *
 *     cc -D_GNU_SOURCE -o packed_member examples/packed_member.c $(pkg-config --cflags --libs libcpg)
 */
#include <endian.h>
#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <corosync/cpg.h>

enum { MAGIC = 5, HEADER = 8, LENGTH = 4, FULL = 8000, LONGEST = 1047552 };

static unsigned char frame[LONGEST] = {0x93, 'L', 'C', 'P', 1};
static size_t used = HEADER; /* bytes of the frame */
static cpg_handle_t handle;

/* Returns where the message at this offset ends, or SIZE_MAX: its length does not fit. */
static size_t message_end(const char *bytes, size_t offset, size_t size)
{
	uint32_t length;

	if (size - offset < LENGTH)
		return SIZE_MAX;
	memcpy(&length, bytes + offset, LENGTH);
	return le32toh(length) > size - offset - LENGTH ? SIZE_MAX : offset + LENGTH + le32toh(length);
}

static void deliver(cpg_handle_t on, const struct cpg_name *to, uint32_t nodeid, uint32_t pid, void *sent, size_t size)
{
	static int pieces;
	const char *bytes = sent;
	int is_piece = size > HEADER && memcmp(bytes, frame, MAGIC) == 0 && bytes[MAGIC] == 1;
	size_t at = size >= HEADER && memcmp(bytes, frame, HEADER) == 0 ? HEADER : SIZE_MAX;

	(void)on, (void)to;
	while (at < size) /* all lengths first: of a damaged frame nothing is delivered */
		at = message_end(bytes, at, size);
	if (is_piece ? pieces++ == 0 : at != size)
		warnx("%u:%u sent %s", nodeid, pid, is_piece ? "a long message: not printed" : "a damaged frame, or none");
	for (at = at == size ? HEADER : size; at < size; at = message_end(bytes, at, size))
		printf("%u:%u %.*s\n", nodeid, pid, (int)(message_end(bytes, at, size) - at - LENGTH), bytes + at + LENGTH);
	fflush(stdout);
}

/* Returns whether Corosync cannot take a call yet, after a pause. */
static int busy(cs_error_t error)
{
	if (error != CS_OK && error != CS_ERR_TRY_AGAIN)
		errx(1, "error %d of Corosync", error);
	return error == CS_ERR_TRY_AGAIN && poll(NULL, 0, 1) == 0;
}

static void flush(void)
{
	while (used > HEADER && busy(cpg_mcast_joined(handle, CPG_TYPE_AGREED, &(struct iovec){frame, used}, 1)))
		busy(cpg_dispatch(handle, CS_DISPATCH_ONE_NONBLOCKING));
	used = HEADER;
}

static void add(const char *message, size_t length)
{
	uint32_t size = htole32((uint32_t)length);

	if (used + LENGTH + length > FULL)
		flush();
	memcpy(frame + used, &size, LENGTH);
	memcpy(frame + used + LENGTH, message, length);
	used += LENGTH + length;
}

int main(int argc, char **argv)
{
	static char line[LONGEST - HEADER - LENGTH]; /* of a longer line, each part is a message */
	struct pollfd polled[2] = {{.fd = 0, .events = POLLIN}, {.events = POLLIN}};
	struct cpg_name group = {.length = argc == 2 ? (uint32_t)strlen(argv[1]) : 0};

	if (group.length == 0 || group.length > sizeof group.value)
		errx(2, "usage: packed_member <group>");
	memcpy(group.value, argv[1], group.length);
	setvbuf(stdin, NULL, _IONBF, 0); /* poll knows nothing of lines that stdio holds */
	while (busy(cpg_initialize(&handle, &(cpg_callbacks_t){.cpg_deliver_fn = deliver})))
		;
	while (busy(cpg_join(handle, &group)))
		;
	busy(cpg_fd_get(handle, &polled[1].fd));
	while (poll(polled, 2, used > HEADER ? 0 : -1) >= 0) {
		if (polled[0].revents == 0)
			flush();
		else if (fgets(line, sizeof line, stdin))
			add(line, strcspn(line, "\n"));
		else
			polled[0].fd = -1;
		if (polled[1].revents != 0)
			busy(cpg_dispatch(handle, CS_DISPATCH_ONE_NONBLOCKING));
	}
}
