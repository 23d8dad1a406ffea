/* Files in a folder that all users may write to. */
#ifndef COROSYNC_LUA_SUPPORT_SHARED_FOLDER_H
#define COROSYNC_LUA_SUPPORT_SHARED_FOLDER_H

#include "support/compat.h"

/*
 * Lua: create_file(path) makes an empty file that all may read. It follows no link, and fails if the name is taken.
 * Returns true; or nil, message, "io_error".
 */
int shared_folder_create_file(lua_State *L);

/*
 * Lua: list_files(folder, prefix) returns a table for each file whose name begins with the prefix: `name`, `uid` and
 * `gid` of its owner, and `is_own`: whether that is this process's user. Only files like those of create_file are
 * listed: regular ones that nobody may write to. Links are not followed. Or nil, message, "io_error".
 */
int shared_folder_list_files(lua_State *L);

#endif
