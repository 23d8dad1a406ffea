/* The table of handlers and options that an open function takes: a misspelt field is an error, not silence. */
#ifndef COROSYNC_LUA_SUPPORT_FIELD_H
#define COROSYNC_LUA_SUPPORT_FIELD_H

#include "support/compat.h"

typedef struct field {
	const char *name;
	/* Raises, by field_refuse, if the value at that index will not do. [-0, +0, v] */
	void (*check)(lua_State *L, int index, const char *name);
} field;

void field_check_function(lua_State *L, int index, const char *name);
void field_check_boolean(lua_State *L, int index, const char *name);
void field_check_user(lua_State *L, int index, const char *name);

/* Raises: the field's value at that index is no `expected`. [-0, +0, v] */
void field_refuse(lua_State *L, int index, const char *name, const char *expected);

/* Raises, naming it, for a field of the table at index 1 that is not in the list or of the wrong type. [-0, +0, v] */
void fields_check(lua_State *L, const field *fields);

/* The same of a table at another index. [-0, +0, v] */
void fields_check_at(lua_State *L, int index, const field *fields);

/* The same, and the table may be left out: an empty one is then at index 1, and nothing above it. [-n, +1, v] */
void fields_check_optional(lua_State *L, const field *fields);

/* Pushes the value of a field that fields_check has seen: one behind a metatable it has not. [-0, +1, m] */
void field_push(lua_State *L, const char *name);

/*
 * Pushes the value of a field of the table at that index, nil or one that passes the field's check: since fields_check
 * saw it, a finalizer may have put another one there. [-0, +1, v]
 */
void field_push_at(lua_State *L, int index, const field *f);

#endif
