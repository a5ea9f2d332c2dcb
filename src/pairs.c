#include "pairs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "table.h"

struct row {
	char *text; /* with its end of line, as it stands */
	size_t len;
	bool paired;
};

struct rows {
	struct row *list;
	size_t count, capacity;
	size_t understood;
	/* process + 1 -> table: address + 1 -> number of the row that allocated it */
	struct table processes;
};

/* A field's end, behind its ';'; NULL: there is none. */
static const char *next_field(const char *at, const char *end)
{
	bool in_quotes = false;

	for (; at < end; at++)
		if (*at == '"')
			in_quotes = !in_quotes;
		else if (*at == ';' && !in_quotes)
			return at + 1;
	return NULL;
}

/* "FUNC";TID;ADDR;SIZE;MS;"STACK". Its stack is JSON, in which no line ends. */
static bool understand(const struct row *row, bool *frees, uint64_t *addr)
{
	const char *end = row->text + row->len, *at = row->text, *rest = at;
	char *behind;

	for (int i = 0; i < 5; i++)
		if (!(rest = next_field(rest, end)))
			return false;
	at += *at == '"';
	*frees = strncmp(at, "free", 4) == 0 || strncmp(at, "operator delete", 15) == 0 ||
	         strncmp(at, "cfree", 5) == 0;
	at = next_field(next_field(row->text, end), end);
	errno = 0;
	*addr = strtoull(at, &behind, 10);
	return *at >= '0' && *at <= '9' && *behind == ';' && !errno && *addr + 1;
}

/* Where others are in the same file its number is behind the stack; else 0. */
static uint64_t process_of(const struct row *row)
{
	const char *at = memrchr(row->text, ';', row->len);
	uint64_t number;
	char *end;

	if (!at || at == row->text || at[-1] != '"')
		return 0;
	number = strtoull(at + 1, &end, 10);
	return strspn(end, "\r\n") == strlen(end) && number <= INT32_MAX ? number : 0;
}

static bool add(struct rows *rows, char *text, size_t len)
{
	size_t capacity = rows->capacity * 2 + 1024;
	struct row *grown;

	if (rows->count == rows->capacity) {
		grown = realloc(rows->list, capacity * sizeof(*grown));
		if (!grown)
			return false;
		rows->list = grown;
		rows->capacity = capacity;
	}
	rows->list[rows->count++] = (struct row){ text, len, false };
	return true;
}

/* In the file's order. An allocation where one still is means that a free was not seen. */
static bool match(struct rows *rows)
{
	struct row *row = &rows->list[rows->count - 1];
	uint64_t addr, *open;
	struct table *all;
	bool frees;

	if (!understand(row, &frees, &addr))
		return true;
	rows->understood++;
	all = table_within(&rows->processes, process_of(row) + 1);
	if (!all)
		return false;
	open = frees ? table_find(all, addr + 1) : table_put(all, addr + 1);
	if (!frees) {
		if (open)
			*open = rows->count - 1;
		return open;
	}
	if (open) {
		rows->list[*open].paired = row->paired = true;
		table_remove(all, addr + 1);
	}
	return true;
}

static void read_rows(struct rows *rows, const char *path)
{
	FILE *from = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t len;

	if (!from)
		die(EXIT_OURS, "cannot read %s:", path);
	while ((len = getline(&line, &room, from)) > 0) {
		if (!add(rows, line, len) || !match(rows))
			die(EXIT_OURS, "cannot read %s: no memory", path);
		line = NULL;
		room = 0;
	}
	free(line);
	if (ferror(from))
		die(EXIT_OURS, "cannot read %s:", path);
	fclose(from);
	if (rows->count && !rows->understood)
		die(EXIT_OURS, "cannot read %s: no row is one of csv-orphan; -o csv-orphan:FILE makes "
		    "them", path);
}

struct pairs_report { /* in the place of a struct report */
	struct report report;
	const struct rows *rows;
};

static void write_rows(FILE *out, const struct report *report)
{
	const struct rows *rows = ((const struct pairs_report *)report)->rows;

	for (size_t i = 0; i < rows->count; i++)
		if (!rows->list[i].paired)
			fwrite(rows->list[i].text, 1, rows->list[i].len, out);
}

static const struct output output = { "csv-orphan", ".csv", write_rows, NULL, false };

int pairs_main(int argc, char **argv, struct title title)
{
	struct rows rows = { .count = 0 };
	struct pairs_report report = { .report = { .reason = "pairs" }, .rows = &rows };
	struct options options;
	bool failed = false;
	const char *path;

	(void)argc, (void)title;
	options_parse_files(&options, argv, "text:-", &path, 1, "rows of csv-orphan, as -o out.csv");
	read_rows(&rows, path);
	for (unsigned i = 0; i < options.dest_count; i++) {
		options.dests[i].output = &output;
		failed |= dest_write(&options.dests[i], &report.report, 0) < 0;
	}
	for (size_t i = 0; i < rows.count; i++)
		free(rows.list[i].text);
	free(rows.list);
	table_deinit_within(&rows.processes);
	return failed ? EXIT_OURS : 0;
}
