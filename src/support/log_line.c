#include "support/log_line.h"

#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LONGEST_TEXT 2000

static void write_line(const char *line, int length)
{
	struct pollfd to = {.fd = STDERR_FILENO, .events = POLLOUT};

	/* A full pipe must not block the thread: others wait for its end. */
	if (length > 0 && poll(&to, 1, 0) > 0) {
		(void)!write(STDERR_FILENO, line, (size_t)length);
	}
}

static void warn_text(char *line, size_t size, const char *text)
{
	char stamp[32] = "";
	time_t now = time(NULL);
	struct tm local;

	if (localtime_r(&now, &local) != NULL) {
		(void)strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &local);
	}
	write_line(line, snprintf(line, size, "%s warning: %s\n", stamp, text));
}

static void escape(char *to, const char *text)
{
	size_t i;

	for (i = 0; i < LONGEST_TEXT && text[i] != '\0'; i++) {
		if (text[i] == '"' || text[i] == '\\') {
			*to++ = '\\';
		}
		*to++ = text[i];
	}
	*to = '\0';
}

static void warn_json(char *line, size_t size, const char *text)
{
	char stamp[32] = "", escaped[2 * LONGEST_TEXT + 1];
	struct timespec now;
	struct tm utc;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &utc) != NULL) {
		(void)strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
	}
	escape(escaped, text);
	write_line(line,
		snprintf(line, size, "{\"time\":\"%s.%03ldZ\",\"level\":\"warning\",\"message\":\"%s\"}\n", stamp,
			now.tv_nsec / 1000000, escaped));
}

void log_line_warn(log_format format, const char *text)
{
	char line[2 * LONGEST_TEXT + 128];

	if (format == LOG_JSON) {
		warn_json(line, sizeof line, text);
	} else if (format == LOG_JOURNAL) {
		write_line(line, snprintf(line, sizeof line, "<4>%s\n", text));
	} else {
		warn_text(line, sizeof line, text);
	}
}
