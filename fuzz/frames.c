/* Frames of arbitrary bytes, and what several members make of the same pieces and changes of members. */
#include <stdint.h>
#include <string.h>

#include "cpg/assembly.h"
#include "input.h"
#include "must.h"

#define LIMIT 4096
#define SENDERS 4
#define MEMBERS 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- a frame ---- */

/* A copy of its own, so that a read beyond the end is noticed. */
static void *copy(const uint8_t *data, size_t size)
{
	void *bytes = malloc(size == 0 ? 1 : size);

	must(bytes != NULL);
	if (size > 0) {
		memcpy(bytes, data, size);
	}
	return bytes;
}

/* The messages and their lengths are all of the frame, one after the other. */
static void check_messages(const char *bytes, size_t size)
{
	frame_cursor cursor = cpg_frame_messages(bytes, size);
	const char *message, *end = bytes + FRAME_HEADER;
	size_t length;

	while (cpg_frame_next(&cursor, &message, &length)) {
		must(message == end + FRAME_PREFIX && length <= (size_t)(bytes + size - message));
		end = message + length;
	}
	must(end == bytes + size && !cpg_frame_next(&cursor, &message, &length));
}

static void check_frame(const uint8_t *data, size_t size, frame_piece *piece)
{
	char *bytes = copy(data, size);
	frame_kind kind = cpg_frame_inspect(bytes, size, piece);

	if (kind == FRAME_MESSAGES) {
		check_messages(bytes, size);
	} else if (kind == FRAME_PIECE) {
		must(piece->bytes + piece->length == bytes + size && piece->length > 0);
		must(piece->offset + piece->length > piece->offset && piece->offset + piece->length <= piece->total);
	}
	free(bytes);
}

/* With a valid header of either kind. */
static void check_body(const uint8_t *data, size_t size)
{
	uint8_t frame[FRAME_HEADER + 2048];
	frame_piece piece = {0};

	size = size > sizeof frame - FRAME_HEADER ? sizeof frame - FRAME_HEADER : size;
	cpg_frame_put_header(frame);
	if (size > 0) {
		memcpy(frame + FRAME_HEADER, data, size);
	}
	check_frame(frame, FRAME_HEADER + size, &piece);
	if (size >= FRAME_PIECE_HEADER) {
		cpg_frame_put_piece_header(frame, &piece);
		memcpy(frame + FRAME_HEADER, data, size);
		check_frame(frame, FRAME_HEADER + size, &piece);
	}
}

/* ---- members ---- */

/* Its members, in the order of their joins. */
typedef struct group {
	assembly members[MEMBERS];
	size_t count;
} group;

static void check_memory(const assembly *a)
{
	uint64_t taken = 0;
	size_t i;

	for (i = 0; i < a->count; i++) {
		const assembly_part *part = &a->parts[i];
		must(part->received > 0 && part->received < part->total);
		must(part->received <= part->capacity && part->capacity <= 2 * part->received && part->capacity <= part->total);
		taken += part->total;
	}
	must(taken == a->taken && taken <= a->limit && a->count <= SENDERS);
}

/* A newcomer has nothing, so all others drop what they have. */
static void join(group *g)
{
	size_t i;

	for (i = 0; i < g->count; i++) {
		cpg_assembly_drop_all(&g->members[i]);
		must(g->members[i].taken == 0);
	}
	if (g->count < MEMBERS) {
		g->members[g->count++] = (assembly){.limit = LIMIT};
	}
}

static void leave(group *g, uint32_t sender)
{
	size_t i;

	for (i = 0; i < g->count; i++) {
		cpg_assembly_drop(&g->members[i], sender, sender);
		must(cpg_assembly_find(&g->members[i], sender, sender) == NULL);
	}
}

/* All do the same with a piece, and have the same bytes when it is the last one. */
static void take_piece(group *g, uint32_t sender, const frame_piece *piece)
{
	const assembly_part *whole, *first = NULL;
	size_t i;

	for (i = 0; i < g->count; i++) {
		assembly_result result = cpg_assembly_take(&g->members[i], sender, sender, piece);
		must(result != ASSEMBLY_NO_MEMORY);
		whole = result == ASSEMBLY_WHOLE ? cpg_assembly_find(&g->members[i], sender, sender) : NULL;
		must(i == 0 || (whole != NULL) == (first != NULL));
		first = i == 0 ? whole : first;
		must(whole == NULL ||
			(whole->received == whole->total && whole->total == first->total &&
				memcmp(whole->bytes, first->bytes, (size_t)whole->total) == 0));
		must(g->members[i].taken == g->members[0].taken || whole != NULL || first != NULL);
	}
	for (i = 0; i < g->count && first != NULL; i++) {
		cpg_assembly_drop(&g->members[i], sender, sender);
	}
	for (i = 0; i < g->count; i++) {
		check_memory(&g->members[i]);
	}
}

/* Mostly the piece that comes next; its bytes are the input's. */
static void send_piece(group *g, uint32_t sender, input *in)
{
	const assembly_part *part = g->count == 0 ? NULL : cpg_assembly_find(&g->members[0], sender, sender);
	frame_piece piece = {.transfer = 1, .total = 1 + take(in, 2) % (LIMIT + 2)};
	uint64_t choice = take(in, 1);

	if (part != NULL && choice % 8 != 0) {
		piece.transfer = part->transfer + (choice % 8 == 1);
		piece.total = part->total + (choice % 8 == 2);
		piece.offset = part->received + (choice % 8 == 3);
	}
	piece.length = (size_t)take(in, 1) % (in->size + 1);
	if (piece.offset < piece.total && piece.length > piece.total - piece.offset) {
		piece.length = (size_t)(piece.total - piece.offset);
	}
	/* Others are damaged frames. */
	if (piece.offset < piece.total && piece.length > 0) {
		piece.bytes = (const char *)in->data;
		take_piece(g, sender, &piece);
	}
}

static void check_members(input in)
{
	group g = {.count = 0};
	size_t i;

	join(&g);
	while (in.size > 0) {
		uint64_t choice = take(&in, 1);
		uint32_t sender = (uint32_t)choice % SENDERS;
		switch (choice / SENDERS % 16) {
		case 0: join(&g); break;
		case 1: leave(&g, sender); break;
		default: send_piece(&g, sender, &in); break;
		}
	}
	for (i = 0; i < g.count; i++) {
		cpg_assembly_free(&g.members[i]);
		must(g.members[i].taken == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	frame_piece piece = {0};

	check_frame(data, size, &piece);
	check_body(data, size);
	check_members((input){data, size});
	return 0;
}
