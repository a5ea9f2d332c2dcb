#include "active_list.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void forget(const struct active *one)
{
	free(one->function);
	free(one->rest);
}

bool active_add(struct actives *actives, const struct active *one)
{
	size_t capacity = actives->capacity * 2 + 1024;
	struct active *grown = actives->list;

	if (actives->count == actives->capacity)
		grown = realloc(actives->list, capacity * sizeof(*grown));
	if (!grown || !one->function || !one->rest) {
		forget(one);
		return false;
	}
	actives->list = grown;
	if (actives->count == actives->capacity)
		actives->capacity = capacity;
	actives->list[actives->count++] = *one;
	return true;
}

/* The last one takes its place. */
static void drop(struct actives *actives, size_t i)
{
	forget(&actives->list[i]);
	actives->list[i] = actives->list[--actives->count];
}

static void deinit(struct actives *actives)
{
	while (actives->count)
		drop(actives, actives->count - 1);
	free(actives->list);
}

void active_deinit(struct active_list *active)
{
	deinit(&active->blocks);
	deinit(&active->maps);
	table_deinit_within(&active->processes);
}

/* ---- the list ---------------------------------------------------------------------------- */

static int by_address(const void *a, const void *b)
{
	const struct active *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

bool active_sort(struct active_list *active)
{
	while (active->maps.count)
		if (!active_add(&active->blocks, &active->maps.list[--active->maps.count]))
			return false;
	if (active->blocks.count)
		qsort(active->blocks.list, active->blocks.count, sizeof(*active->blocks.list),
		      by_address);
	return true;
}

/* The caller is without its 0x. */
static void put_rest(const char *rest, FILE *out)
{
	const char *caller = strrchr(rest, ' ');

	if (caller && strncmp(caller, " 0x", 3) == 0)
		fprintf(out, "%.*s%s", (int)(caller + 1 - rest), rest, caller + 3);
	else
		fputs(rest, out);
}

void active_put(const struct active_list *active, FILE *out)
{
	for (size_t i = 0; i < active->blocks.count; i++) {
		const struct active *one = &active->blocks.list[i];

		fprintf(out, "%s: 0x%" PRIx64 " 0x%" PRIx64, one->function, one->address,
		        one->size);
		put_rest(one->rest, out);
		if (one->pid)
			fprintf(out, " %d", one->pid);
		putc('\n', out);
	}
}

/* ---- a log's line ------------------------------------------------------------------------ */

struct line {
	const char *function;
	size_t len; /* of the function */
	uint64_t address, size;
	bool has_size;
	const char *rest;
	int pid;
};

static bool take_hex(const char **at, uint64_t *out)
{
	char *end;

	if (strncmp(*at, " 0x", 3) != 0 || strspn(*at + 3, "0123456789abcdef") == 0)
		return false;
	errno = 0;
	*out = strtoull(*at + 3, &end, 16);
	*at = end;
	return !errno && (!*end || *end == ' ');
}

/* Where others are in the same log; all else is hexadecimal. */
static int cut_pid(char *text)
{
	char *at = strrchr(text, ' ');
	size_t digits = at ? strspn(at + 1, "0123456789") : 0;

	if (!digits || digits > 9 || at[1 + digits])
		return 0;
	*at = '\0';
	return atoi(at + 1);
}

/* A failed call's address is (nil), and nothing came of it. */
static bool take_line(char *text, struct line *line)
{
	const char *colon = strstr(text, ": "), *at = colon ? colon + 1 : NULL;

	if (!colon || colon == text || memchr(text, ' ', colon - text))
		return false;
	*line = (struct line){ .function = text, .len = colon - text, .pid = cut_pid(text) };
	if (strncmp(at, " (nil)", 6) == 0)
		at += 6;
	else if (!take_hex(&at, &line->address))
		return false;
	line->has_size = take_hex(&at, &line->size);
	line->rest = at;
	return true;
}

static bool begins(const struct line *line, const char *with)
{
	return strncmp(line->function, with, strlen(with)) == 0;
}

static struct active active_of(const struct line *line)
{
	return (struct active){ line->address, line->size, strndup(line->function, line->len),
		                strdup(line->rest), line->pid };
}

/* ---- what came of it --------------------------------------------------------------------- */

static struct table *places_of(struct active_list *active, int pid)
{
	return table_within(&active->processes, (uint64_t)pid + 1);
}

static bool go(struct active_list *active, const struct line *line)
{
	struct table *places = places_of(active, line->pid);
	const uint64_t *at = places ? table_find(places, line->address + 1) : NULL;
	const struct active *moved;
	size_t place;

	if (!at)
		return places;
	place = *at;
	table_remove(places, line->address + 1);
	drop(&active->blocks, place);
	if (place == active->blocks.count)
		return true;
	moved = &active->blocks.list[place];
	*table_find(places_of(active, moved->pid), moved->address + 1) = place;
	return true;
}

/* One that is there already: its free was not seen. */
static bool come(struct active_list *active, const struct line *line)
{
	const struct active one = active_of(line);
	struct table *places;
	uint64_t *at;

	if (!go(active, line) || !active_add(&active->blocks, &one))
		return false;
	places = places_of(active, line->pid);
	at = places ? table_put(places, line->address + 1) : NULL;
	if (at)
		*at = active->blocks.count - 1;
	return at;
}

/* What is left of it above the range is a map by itself. False: no memory. */
static bool cut_one(struct actives *maps, size_t i, taddr_t begin, taddr_t end)
{
	struct active *map = &maps->list[i], above = *map;
	taddr_t last = map->address + map->size;

	if (begin <= map->address && end >= last) {
		drop(maps, i);
		return true;
	}
	if (begin <= map->address) {
		map->address = end;
		map->size = last - end;
		return true;
	}
	map->size = begin - map->address;
	if (end >= last)
		return true;
	above.address = end;
	above.size = last - end;
	above.function = strdup(map->function);
	above.rest = strdup(map->rest);
	return active_add(maps, &above);
}

/* From the last one on: another takes the place of one that is dropped. */
static bool cut(struct active_list *active, const struct line *line)
{
	taddr_t begin = line->address, end = begin + ((line->size + 0xfff) & ~UINT64_C(0xfff));

	for (size_t i = active->maps.count; i-- > 0;) {
		const struct active *map = &active->maps.list[i];

		if (map->pid != line->pid || map->address >= end ||
		    map->address + map->size <= begin)
			continue;
		if (!cut_one(&active->maps, i, begin, end))
			return false;
	}
	return true;
}

static bool map(struct active_list *active, const struct line *line)
{
	struct active one;

	if (!cut(active, line))
		return false;
	one = active_of(line);
	one.size = (one.size + 0xfff) & ~UINT64_C(0xfff);
	return active_add(&active->maps, &one);
}

static bool take(struct active_list *active, const struct line *line)
{
	if (!line->address || !(line->address + 1))
		return true;
	if (begins(line, "munmap"))
		return cut(active, line);
	if (begins(line, "mmap") || begins(line, "__mmap"))
		return map(active, line);
	return line->has_size ? come(active, line) : go(active, line);
}

bool active_read(struct active_list *active, FILE *from, size_t *understood)
{
	char *text = NULL;
	size_t room = 0;
	struct line line;
	bool sound = true;
	ssize_t len;

	*understood = 0;
	while (sound && (len = getline(&text, &room, from)) > 0) {
		text[strcspn(text, "\n")] = '\0';
		if (!take_line(text, &line))
			continue;
		++*understood;
		sound = take(active, &line);
	}
	free(text);
	return sound && !ferror(from);
}
