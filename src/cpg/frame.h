/*
 * Frames: many messages, or a piece of a long one, as one message of Corosync's. docs/packing.md describes the bytes for
 * programs in other languages. Bytes only, no handle and no Lua.
 */
#ifndef COROSYNC_LUA_CPG_FRAME_H
#define COROSYNC_LUA_CPG_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_HEADER ((size_t)8)
#define FRAME_PREFIX ((size_t)4) /* before each message: its length */
#define FRAME_PIECE_HEADER ((size_t)28)

typedef enum frame_kind {
	FRAME_MESSAGES,
	FRAME_PIECE,
	FRAME_FOREIGN, /* no frame: its sender does not pack */
	FRAME_NEWER,   /* of a version, or with a flag, that this one does not know */
	FRAME_DAMAGED,
} frame_kind;

typedef struct frame_piece {
	uint64_t total, offset; /* bytes: of the whole message, and those before this piece */
	uint32_t transfer;      /* the sender's number for this message; another one each time that it begins anew */
	const char *bytes;
	size_t length;
} frame_piece;

/* Puts the header of a frame of messages. */
void frame_put_header(unsigned char *to);

/* Puts a message's length before it. */
void frame_put_prefix(unsigned char *to, uint32_t length);

/* Puts the header of a frame with a piece, all but its bytes. */
void frame_put_piece_header(unsigned char *to, const frame_piece *piece);

/* What the bytes are. All of a frame is checked, so that frame_next finds only whole messages; fills `piece` if it is one. */
frame_kind frame_inspect(const void *bytes, size_t length, frame_piece *piece);

/* The messages of a frame that frame_inspect has found to be one of messages. */
typedef struct frame_cursor {
	const unsigned char *next;
	size_t left;
} frame_cursor;

static inline frame_cursor frame_messages(const void *bytes, size_t length)
{
	return (frame_cursor){(const unsigned char *)bytes + FRAME_HEADER, length - FRAME_HEADER};
}

/* The next message; false at the end. */
bool frame_next(frame_cursor *cursor, const char **message, size_t *length);

#endif
