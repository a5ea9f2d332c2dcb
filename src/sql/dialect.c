#include "dialect.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct sql_format sql_formats[] = {
	{ "sqlite", ".db", &sqlite_dialect },
	{ "postgres", ".sql", &postgres_dialect },
};
const size_t sql_format_count = countof(sql_formats);

const struct sql_format *sql_by_name(const char *name, size_t len)
{
	for (size_t i = 0; i < sql_format_count; i++)
		if (strlen(sql_formats[i].name) == len &&
		    memcmp(sql_formats[i].name, name, len) == 0)
			return &sql_formats[i];
	return NULL;
}

const struct sql_format *sql_by_path(const char *path)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < sql_format_count; i++) {
		size_t tail = strlen(sql_formats[i].suffix);

		if (len > tail && strcmp(path + len - tail, sql_formats[i].suffix) == 0)
			return &sql_formats[i];
	}
	return NULL;
}

struct store *store_new(const struct dialect *dialect, size_t size, char why[SQL_WHY])
{
	struct store *store = calloc(1, size);

	if (store)
		store->dialect = dialect;
	else
		snprintf(why, SQL_WHY, "no memory");
	return store;
}

bool store_fails(struct store *store, const char *fmt, ...)
{
	const char *error = strerror(errno);
	size_t len;
	va_list args;

	if (*store->why)
		return false;
	va_start(args, fmt);
	vsnprintf(store->why, sizeof(store->why), fmt, args);
	va_end(args);
	len = strlen(store->why);
	if (len && store->why[len - 1] == ':')
		snprintf(store->why + len, sizeof(store->why) - len, " %s", error);
	return false;
}
