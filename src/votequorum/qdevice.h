/* The methods for a program that is a quorum device. */
#ifndef COROSYNC_LUA_VOTEQUORUM_QDEVICE_H
#define COROSYNC_LUA_VOTEQUORUM_QDEVICE_H

#include "support/compat.h"

int votequorum_qdevice_method_master_wins(lua_State *L);
int votequorum_qdevice_method_poll(lua_State *L);
int votequorum_qdevice_method_register(lua_State *L);
int votequorum_qdevice_method_unregister(lua_State *L);
int votequorum_qdevice_method_update(lua_State *L);

#endif
