/* The table of handlers and options that open functions take: a misspelt field raises. */
#ifndef COROSYNC_LUA_SUPPORT_FIELD_H
#define COROSYNC_LUA_SUPPORT_FIELD_H

#include "support/compat.h"

typedef struct field {
	const char *name;
	/* Raises, by field_refuse, if the value at that index is not valid. [-0, +0, v] */
	void (*check)(lua_State *L, int index, const char *name);
} field;

void field_check_function(lua_State *L, int index, const char *name);
void field_check_boolean(lua_State *L, int index, const char *name);
void field_check_user(lua_State *L, int index, const char *name);

/* The value is a boolean, or a table with these fields. */
void field_check_boolean_or_table(lua_State *L, int index, const char *name, const field *fields);

/* Raises: the field's value at that index is not a(n) `expected`. [-0, +0, v] */
void field_refuse(lua_State *L, int index, const char *name, const char *expected);

/* Raises with the field's name if the table at index 1 has an unknown field or one of the wrong type. [-0, +0, v] */
void fields_check(lua_State *L, const field *fields);

/* The same for a table at another index. [-0, +0, v] */
void fields_check_at(lua_State *L, int index, const field *fields);

/* The same for an optional table: without it leaves an empty one at index 1, and nothing above. [-n, +1, v] */
void fields_check_optional(lua_State *L, const field *fields);

/* Pushes the value of a field that fields_check has checked: without metamethods. [-0, +1, m] */
void field_push(lua_State *L, const char *name);

/*
 * Pushes the value of a field of the table at that index, nil or one that passes the field's check: a finalizer may
 * have replaced the value after fields_check. [-0, +1, v]
 */
void field_push_at(lua_State *L, int index, const field *f);

/* As field_push_at, for the field of a number: returns it, or `absent` for nil. [-0, +0, v] */
lua_Number field_get_number(lua_State *L, int index, const field *f, lua_Number absent);

#endif
