#include "support/shared_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/failure.h"
#include "support/userdata.h"

static int push_errno(lua_State *L, const char *attempt, const char *path, int error)
{
	lua_pushnil(L);
	lua_pushfstring(L, "cannot %s %s: %s", attempt, path, strerror(error));
	lua_pushliteral(L, "io_error");
	return 3;
}

int shared_folder_create_file(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IRGRP | S_IROTH);

	if (fd < 0) {
		return push_errno(L, "create", path, errno);
	}
	(void)close(fd);
	return success_push(L);
}

static void push_entry(lua_State *L, const char *name, const struct stat *found)
{
	lua_createtable(L, 0, 4);
	lua_pushstring(L, name);
	lua_setfield(L, -2, "name");
	lua_pushnumber(L, (lua_Number)found->st_uid);
	lua_setfield(L, -2, "uid");
	lua_pushnumber(L, (lua_Number)found->st_gid);
	lua_setfield(L, -2, "gid");
	lua_pushboolean(L, found->st_uid == geteuid());
	lua_setfield(L, -2, "is_own");
}

/*
 * Whether a file can be one of create_file. A user can link another user's file here if he may write to it (unless
 * fs.protected_hardlinks is 0), and that user then seems to have made it.
 */
static bool is_made_here(const struct stat *found)
{
	return S_ISREG(found->st_mode) && (found->st_mode & (S_IWUSR | S_IWGRP | S_IWOTH)) == 0;
}

/* Arguments: the folder's stream as light userdata, its path, the prefix. */
static int build_list(lua_State *L)
{
	DIR *folder = lua_touserdata(L, 1);
	const char *path = lua_tostring(L, 2);
	size_t length;
	const char *prefix = lua_tolstring(L, 3, &length);
	const struct dirent *entry;
	struct stat found;
	int count = 0;

	lua_newtable(L);
	errno = 0;
	while ((entry = readdir(folder)) != NULL) {
		bool is_listed = strncmp(entry->d_name, prefix, length) == 0
			&& fstatat(dirfd(folder), entry->d_name, &found, AT_SYMLINK_NOFOLLOW) == 0 && is_made_here(&found);

		if (is_listed) {
			push_entry(L, entry->d_name, &found);
			lua_rawseti(L, -2, ++count);
		}
		errno = 0;
	}
	return errno == 0 ? 1 : push_errno(L, "list", path, errno);
}

static void release(void *folder)
{
	(void)closedir(folder);
}

int shared_folder_list_files(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	DIR *folder;

	luaL_checkstring(L, 2);
	lua_settop(L, 2);
	lua_pushcfunction(L, build_list);
	lua_insert(L, 1);
	luaL_checkstack(L, 2, NULL);
	folder = opendir(path);
	if (folder == NULL) {
		return push_errno(L, "list", path, errno);
	}
	lua_pushlightuserdata(L, folder);
	lua_insert(L, 2);
	userdata_build(L, 3, LUA_MULTRET, release, folder);
	return lua_gettop(L);
}
