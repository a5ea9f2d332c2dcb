/* A script for psql: tables, chunks of COPY, then what keeps them together. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ddl.h"
#include "dialect.h"

struct postgres {
	struct store store;
	FILE *out;
	char *path; /* if it is to go when nothing was written */
};

static struct postgres *postgres_of(struct store *store)
{
	return (struct postgres *)store;
}

static bool is_written(struct postgres *postgres)
{
	if (fflush(postgres->out) == 0 && !ferror(postgres->out))
		return true;
	return store_fails(&postgres->store, "it could not be written:");
}

/* ---- the file ------------------------------------------------------------------------------ */

static bool open_file(struct postgres *postgres, const char *path)
{
	int flags = O_WRONLY | O_CLOEXEC | O_NOCTTY, fd;
	struct stat stat_;

	if (stat(path, &stat_) == 0 && S_ISFIFO(stat_.st_mode))
		return store_fails(&postgres->store, "it is a fifo, which nobody may read in time");
	fd = open(path, flags | O_CREAT | O_EXCL, 0666);
	if (fd >= 0)
		postgres->path = strdup(path);
	if (fd < 0 && errno == EEXIST)
		fd = open(path, flags);
	postgres->out = fd < 0 ? NULL : fdopen(fd, "w");
	return postgres->out || store_fails(&postgres->store, "it cannot be opened:");
}

static struct store *open_postgres(const char *path, char why[SQL_WHY])
{
	struct store *store = store_new(&postgres_dialect, sizeof(struct postgres), why);

	if (!store || open_file(postgres_of(store), path))
		return store;
	strcpy(why, store->why);
	free(store);
	return NULL;
}

static bool close_postgres(struct store *store, bool untouched)
{
	struct postgres *postgres = postgres_of(store);
	bool good = fclose(postgres->out) == 0;

	if (untouched && postgres->path)
		unlink(postgres->path);
	free(postgres->path);
	free(postgres);
	return good;
}

/* ---- the script ---------------------------------------------------------------------------- */

static bool begin(struct store *store)
{
	struct postgres *postgres = postgres_of(store);

	if (ftruncate(fileno(postgres->out), 0) < 0 && errno != EINVAL)
		return store_fails(store, "it could not be written:");
	fprintf(postgres->out, "-- a trace by alloctrace, version %d: psql -f FILE\n"
	        "\\set ON_ERROR_STOP on\nSET client_encoding TO 'UTF8';\n"
	        "SET standard_conforming_strings TO on;\n", SCHEMA_VERSION);
	for (unsigned i = 0; i < RELATIONS; i++)
		ddl_create(postgres->out, &relations[i], "BIGINT", false);
	return is_written(postgres);
}

/* As COPY's text format wants it. */
static void put_text(FILE *out, const char *text, size_t len)
{
	static const char special[] = "\\\t\n\r", *const escaped[] = { "\\\\", "\\t", "\\n", "\\r" };

	for (const char *end = text + len; text < end; text++) {
		const char *found = memchr(special, *text, sizeof(special) - 1);

		if (found)
			fputs_unlocked(escaped[found - special], out);
		else
			putc_unlocked(*text, out);
	}
}

/* printf takes longer than all else. */
static void put_number(FILE *out, int64_t value)
{
	char digits[24], *at = digits + sizeof(digits);
	uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;

	do {
		*--at = (char)('0' + left % 10);
		left /= 10;
	} while (left);
	if (value < 0)
		*--at = '-';
	fwrite_unlocked(at, 1, (size_t)(digits + sizeof(digits) - at), out);
}

static void put_row(FILE *out, enum relation_id relation, const struct value *values)
{
	for (unsigned i = 0; i < relations[relation].count; i++) {
		if (i)
			putc_unlocked('\t', out);
		if (values[i].kind == VALUE_NUMBER)
			put_number(out, values[i].number);
		else if (values[i].kind == VALUE_TEXT)
			put_text(out, values[i].text, values[i].len);
		else
			fputs_unlocked("\\N", out);
	}
	putc_unlocked('\n', out);
}

static void put_chunk(FILE *out, const struct batch *batch, enum relation_id relation)
{
	struct value values[COLUMNS_MAX];

	fprintf(out, "COPY %s (", relations[relation].name);
	ddl_columns(out, &relations[relation]);
	fputs(") FROM stdin;\n", out);
	for (size_t at = 0; batch_next_of(batch, &at, relation, values);)
		put_row(out, relation, values);
	fputs("\\.\n", out);
}

static bool write_batch(struct store *store, const struct batch *batch)
{
	struct postgres *postgres = postgres_of(store);

	for (unsigned i = 0; i < RELATIONS; i++)
		if (batch->rows[i])
			put_chunk(postgres->out, batch, i);
	return is_written(postgres);
}

static bool finish(struct store *store)
{
	struct postgres *postgres = postgres_of(store);

	for (size_t i = 0; i < index_count; i++)
		ddl_index(postgres->out, &indices[i]);
	for (unsigned i = 0; i < RELATIONS; i++)
		for (unsigned column = 0; column < relations[i].count; column++)
			ddl_references(postgres->out, &relations[i], column);
	return is_written(postgres);
}

const struct dialect postgres_dialect = {
	.replaces = false, .open = open_postgres, .begin = begin, .write = write_batch,
	.finish = finish, .close = close_postgres,
};
