#include "suppressed.h"

#include <stdlib.h>

#include "units.h"
#include "utf8.h"

enum { NAME = 60, FILE_NAME = 40, UNUSED = 8 };

size_t suppressed_drop(const struct report *report, struct heap_site *sites, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (!report->covered || !report->covered[sites[i].id])
			sites[kept++] = sites[i];
	return kept;
}

static void put_where(FILE *out, const struct suppressed *one)
{
	char name[UTF8_FIT(NAME)], file[UTF8_FIT(FILE_NAME)];

	fputs(utf8_fit(name, one->name, NAME, NAME / 2), out);
	if (one->file)
		fprintf(out, " (%s:%u)", utf8_fit(file, one->file, FILE_NAME, 0), one->line);
	else
		fputs(" (built in)", out);
}

static void put_used(FILE *out, const struct suppressed *list, size_t count)
{
	uint64_t blocks = 0, bytes = 0;

	for (size_t i = 0; i < count; i++) {
		blocks += list[i].blocks;
		bytes += list[i].bytes;
	}
	if (!blocks)
		return;
	fprintf(out, "\n  Suppressed: %s in %s:\n\n", in_bytes(bytes), in_count(blocks, "block"));
	for (size_t i = 0; i < count; i++) {
		if (!list[i].blocks)
			continue;
		fprintf(out, "  %10s in %-14s ", in_bytes(list[i].bytes),
			in_count(list[i].blocks, "block"));
		put_where(out, &list[i]);
		fputc('\n', out);
	}
}

static void put_unused(FILE *out, const struct suppressed *list, size_t count)
{
	size_t unused = 0;

	for (size_t i = 0; i < count; i++) {
		if (list[i].blocks)
			continue;
		if (unused < UNUSED) {
			fputs(unused ? ", " : "\n  Unused suppressions: ", out);
			put_where(out, &list[i]);
		}
		unused++;
	}
	if (unused > UNUSED)
		fprintf(out, " and %s more", in_digits(unused - UNUSED));
	if (unused)
		fputs(".\n", out);
}

void suppressed_put(FILE *out, const struct report *report)
{
	put_used(out, report->suppressed, report->suppressed_count);
	put_unused(out, report->suppressed, report->suppressed_count);
}
