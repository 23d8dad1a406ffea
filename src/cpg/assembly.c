#include "cpg/assembly.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_PARTS ((size_t)8)

assembly_part *cpg_assembly_find(const assembly *a, uint32_t node, uint32_t pid)
{
	size_t i;

	for (i = 0; i < a->count; i++) {
		if (a->parts[i].node == node && a->parts[i].pid == pid) {
			return &a->parts[i];
		}
	}
	return NULL;
}

static void drop(assembly *a, assembly_part *part)
{
	a->taken -= part->total;
	free(part->bytes);
	*part = a->parts[--a->count];
}

void cpg_assembly_drop(assembly *a, uint32_t node, uint32_t pid)
{
	assembly_part *part = cpg_assembly_find(a, node, pid);

	if (part != NULL) {
		drop(a, part);
	}
}

void cpg_assembly_drop_all(assembly *a)
{
	while (a->count > 0) {
		drop(a, &a->parts[a->count - 1]);
	}
}

void cpg_assembly_free(assembly *a)
{
	cpg_assembly_drop_all(a);
	free(a->parts);
	a->parts = NULL;
	a->capacity = 0;
}

static bool grow_list(assembly *a)
{
	size_t capacity = a->capacity == 0 ? FIRST_PARTS : 2 * a->capacity;
	assembly_part *parts;

	if (a->count < a->capacity) {
		return true;
	}
	parts = realloc(a->parts, capacity * sizeof *parts);
	if (parts == NULL) {
		return false;
	}
	a->parts = parts;
	a->capacity = capacity;
	return true;
}

/* Grows as bytes arrive, because a sender may announce more than it sends. Doubles, but never beyond the total. */
static bool grow_bytes(assembly_part *part, size_t needed)
{
	size_t capacity = 2 * part->capacity;
	char *bytes = part->bytes;

	if (needed > part->capacity) {
		capacity = capacity < needed ? needed : capacity > part->total ? (size_t)part->total : capacity;
		bytes = realloc(part->bytes, capacity);
		if (bytes != NULL) {
			part->bytes = bytes;
			part->capacity = capacity;
		}
	}
	return bytes != NULL;
}

static assembly_result append(assembly_part *part, const frame_piece *piece)
{
	if (!grow_bytes(part, (size_t)part->received + piece->length)) {
		return ASSEMBLY_NO_MEMORY;
	}
	memcpy(part->bytes + part->received, piece->bytes, piece->length);
	part->received += piece->length;
	return part->received == part->total ? ASSEMBLY_WHOLE : ASSEMBLY_MORE;
}

static assembly_result begin(assembly *a, uint32_t node, uint32_t pid, const frame_piece *piece)
{
	if (piece->total > a->limit) {
		return ASSEMBLY_TOO_LONG;
	}
	if (!cpg_assembly_has_room(a, piece->total)) {
		return ASSEMBLY_FULL;
	}
	if (!grow_list(a)) {
		return ASSEMBLY_NO_MEMORY;
	}
	a->taken += piece->total;
	a->parts[a->count] = (assembly_part){.node = node, .pid = pid, .transfer = piece->transfer, .total = piece->total};
	return append(&a->parts[a->count++], piece);
}

static bool continues(const assembly_part *part, const frame_piece *piece)
{
	return part->transfer == piece->transfer && part->total == piece->total && part->received == piece->offset;
}

assembly_result cpg_assembly_take(assembly *a, uint32_t node, uint32_t pid, const frame_piece *piece)
{
	assembly_part *part = cpg_assembly_find(a, node, pid);

	if (part != NULL && piece->offset > 0 && continues(part, piece)) {
		return append(part, piece);
	}
	/* A sender sends one long message at a time, so an earlier one will not be completed. */
	if (part != NULL) {
		drop(a, part);
	}
	return piece->offset == 0 ? begin(a, node, pid, piece) : ASSEMBLY_STALE;
}
