/* Lines on stderr, in the formats of the host's log (lua/cpgrun/log/format.lua), for threads that have no Lua state. */
#ifndef COROSYNC_LUA_SUPPORT_LOG_LINE_H
#define COROSYNC_LUA_SUPPORT_LOG_LINE_H

typedef enum log_format { LOG_TEXT, LOG_JSON, LOG_JOURNAL } log_format;

#define LOG_FORMATS {"text", "json", "journal", NULL} /* their names, for argument_check_option */

/* Writes a warning as one line, unless stderr would block. The text is printable ASCII of at most 2000 bytes. */
void log_line_warn(log_format format, const char *text);

#endif
