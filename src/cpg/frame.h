/*
 * Frames: many messages, or a piece of a long one, as one Corosync message. docs/packing.md describes the bytes for
 * programs in other languages. Bytes only: no handle and no Lua.
 */
#ifndef COROSYNC_LUA_CPG_FRAME_H
#define COROSYNC_LUA_CPG_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_HEADER ((size_t)8)
#define FRAME_PREFIX ((size_t)4) /* the length before each message */
#define FRAME_PIECE_HEADER ((size_t)28)

typedef enum frame_kind {
	FRAME_MESSAGES,
	FRAME_PIECE,
	FRAME_FOREIGN, /* not a frame: its sender does not pack */
	FRAME_NEWER,   /* of an unknown version, or with an unknown flag */
	FRAME_DAMAGED,
} frame_kind;

typedef struct frame_piece {
	uint64_t total, offset; /* bytes of the whole message, and of it before this piece */
	uint32_t transfer;      /* the sender's number for this message, a new one each time that it begins again */
	const char *bytes;
	size_t length;
} frame_piece;

/* Writes the header of a frame of messages. */
void cpg_frame_put_header(unsigned char *to);

/* Writes the length that comes before a message. */
void cpg_frame_put_prefix(unsigned char *to, uint32_t length);

/* Writes the header of a frame with a piece. The piece's bytes follow it. */
void cpg_frame_put_piece_header(unsigned char *to, const frame_piece *piece);

/* Checks a whole frame, so that cpg_frame_next finds only whole messages. Fills `piece` if it returns FRAME_PIECE. */
frame_kind cpg_frame_inspect(const void *bytes, size_t length, frame_piece *piece);

/* Iterates over a frame for which cpg_frame_inspect returned FRAME_MESSAGES. */
typedef struct frame_cursor {
	const unsigned char *next;
	size_t left;
} frame_cursor;

static inline frame_cursor cpg_frame_messages(const void *bytes, size_t length)
{
	return (frame_cursor){(const unsigned char *)bytes + FRAME_HEADER, length - FRAME_HEADER};
}

/* Gets the next message. Returns false at the end. */
bool cpg_frame_next(frame_cursor *cursor, const char **message, size_t *length);

#endif
