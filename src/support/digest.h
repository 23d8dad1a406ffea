/* Digests of bytes that members of a group compare: equal on all machines. Not against an attacker. */
#ifndef COROSYNC_LUA_SUPPORT_DIGEST_H
#define COROSYNC_LUA_SUPPORT_DIGEST_H

#include <stddef.h>
#include <stdint.h>

/* FNV-1a. */
static inline uint64_t digest_add(uint64_t hash, const char *bytes, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++) {
		hash ^= (unsigned char)bytes[i];
		hash *= UINT64_C(0x100000001b3);
	}
	return hash;
}

/* FNV's last bytes reach only some bits. This is the end of MurmurHash3. */
static inline uint64_t digest_mix(uint64_t hash)
{
	hash ^= hash >> 33;
	hash *= UINT64_C(0xff51afd7ed558ccd);
	hash ^= hash >> 33;
	hash *= UINT64_C(0xc4ceb9fe1a85ec53);
	return hash ^ hash >> 33;
}

#endif
