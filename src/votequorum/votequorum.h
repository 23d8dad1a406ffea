/* Votes and quorum: the userdata over libvotequorum, and the functions that the files of this folder share. */
#ifndef COROSYNC_LUA_VOTEQUORUM_H
#define COROSYNC_LUA_VOTEQUORUM_H

#include <corosync/votequorum.h>

#include "handle/handle.h"

/* Pushes the module's table. [-0, +1, m] */
void votequorum_push_module(lua_State *L);

/* ---- events, from the callbacks into the queue and on into Lua: event.c ---- */

#define VOTEQUORUM_EVENT_KINDS 3

extern const event_kind votequorum_event_kinds[VOTEQUORUM_EVENT_KINDS];

/* The callbacks for votequorum_initialize. */
void votequorum_event_quorum(
	votequorum_handle_t id, uint64_t context, uint32_t quorate, uint32_t count, votequorum_node_t *nodes);
void votequorum_event_nodelist(
	votequorum_handle_t id, uint64_t context, votequorum_ring_id_t ring, uint32_t count, uint32_t *members);
void votequorum_event_expected_votes(votequorum_handle_t id, uint64_t context, uint32_t votes);

/* ---- the information on a node and on the votes, and failures for a node: info.c ---- */

/* The local node. In other calls the same id is the quorum device's, which has no information of its own. */
#define LOCAL_NODE VOTEQUORUM_QDEVICE_NODEID

/* Corosync does not know the node. */
extern const failure VOTEQUORUM_UNKNOWN_NODE;

/* Fills `info` and returns NULL, or why not. The handle must be usable. */
const failure *votequorum_info_get(handle *h, uint32_t node, struct votequorum_info *info);

/* The name of a node's state; NULL for the quorum device, which has none. */
const char *votequorum_info_state_name(uint32_t state);

/*
 * Pushes nil, "cannot <verb> node <id> in votequorum: …", code; returns 3. The node's id is at that index; nil or
 * none is the local node. [-0, +3, m]
 */
int votequorum_fail_with_node(lua_State *L, const char *verb, int index, const failure *why);

int votequorum_info_method_info(lua_State *L);

/* ---- setting votes and expected votes: votes.c ---- */

int votequorum_votes_method_set_expected(lua_State *L);
int votequorum_votes_method_set_votes(lua_State *L);

/* ---- methods for a program that is a quorum device: qdevice.c ---- */

int votequorum_qdevice_method_master_wins(lua_State *L);
int votequorum_qdevice_method_poll(lua_State *L);
int votequorum_qdevice_method_register(lua_State *L);
int votequorum_qdevice_method_unregister(lua_State *L);
int votequorum_qdevice_method_update(lua_State *L);

#endif
