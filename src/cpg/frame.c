#include "cpg/frame.h"

#include <string.h>

#define VERSION 1
#define FLAG_PIECE 1

enum { AT_VERSION = 4, AT_FLAGS, AT_RESERVED, AT_TOTAL = 8, AT_OFFSET = 16, AT_TRANSFER = 24 };

/* Neither text nor the start of a common format. */
static const unsigned char magic[] = {0x93, 'L', 'C', 'P'};

/* ---- integers, little-endian ---- */

static void put(unsigned char *to, uint64_t value, size_t bytes)
{
	size_t i;

	for (i = 0; i < bytes; i++) {
		to[i] = (unsigned char)(value >> 8 * i);
	}
}

static uint64_t get(const unsigned char *from, size_t bytes)
{
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < bytes; i++) {
		value |= (uint64_t)from[i] << 8 * i;
	}
	return value;
}

/* ---- writing ---- */

static void put_header(unsigned char *to, unsigned char flags)
{
	memset(to, 0, FRAME_HEADER);
	memcpy(to, magic, sizeof magic);
	to[AT_VERSION] = VERSION;
	to[AT_FLAGS] = flags;
}

void cpg_frame_put_header(unsigned char *to)
{
	put_header(to, 0);
}

void cpg_frame_put_prefix(unsigned char *to, uint32_t length)
{
	put(to, length, FRAME_PREFIX);
}

void cpg_frame_put_piece_header(unsigned char *to, const frame_piece *piece)
{
	put_header(to, FLAG_PIECE);
	put(to + AT_TOTAL, piece->total, sizeof piece->total);
	put(to + AT_OFFSET, piece->offset, sizeof piece->offset);
	put(to + AT_TRANSFER, piece->transfer, sizeof piece->transfer);
}

/* ---- reading ---- */

bool cpg_frame_next(frame_cursor *cursor, const char **message, size_t *length)
{
	if (cursor->left < FRAME_PREFIX) {
		return false;
	}
	*length = (size_t)get(cursor->next, FRAME_PREFIX);
	*message = (const char *)cursor->next + FRAME_PREFIX;
	if (*length > cursor->left - FRAME_PREFIX) {
		return false;
	}
	cursor->next += FRAME_PREFIX + *length;
	cursor->left -= FRAME_PREFIX + *length;
	return true;
}

static bool are_whole(const void *bytes, size_t length)
{
	frame_cursor cursor = cpg_frame_messages(bytes, length);
	const char *message;
	size_t size;

	while (cpg_frame_next(&cursor, &message, &size)) {
	}
	return cursor.left == 0;
}

static bool get_piece(const unsigned char *bytes, size_t length, frame_piece *piece)
{
	if (length <= FRAME_PIECE_HEADER) {
		return false;
	}
	piece->total = get(bytes + AT_TOTAL, sizeof piece->total);
	piece->offset = get(bytes + AT_OFFSET, sizeof piece->offset);
	piece->transfer = (uint32_t)get(bytes + AT_TRANSFER, sizeof piece->transfer);
	piece->bytes = (const char *)bytes + FRAME_PIECE_HEADER;
	piece->length = length - FRAME_PIECE_HEADER;
	return piece->offset < piece->total && piece->length <= piece->total - piece->offset;
}

frame_kind cpg_frame_inspect(const void *bytes, size_t length, frame_piece *piece)
{
	const unsigned char *b = bytes;

	if (length < sizeof magic || memcmp(b, magic, sizeof magic) != 0) {
		return FRAME_FOREIGN;
	}
	if (length < FRAME_HEADER) {
		return FRAME_DAMAGED;
	}
	if (b[AT_VERSION] != VERSION || (b[AT_FLAGS] & ~FLAG_PIECE) != 0 || get(b + AT_RESERVED, 2) != 0) {
		return FRAME_NEWER;
	}
	if (b[AT_FLAGS] == FLAG_PIECE) {
		return get_piece(b, length, piece) ? FRAME_PIECE : FRAME_DAMAGED;
	}
	return are_whole(bytes, length) ? FRAME_MESSAGES : FRAME_DAMAGED;
}
