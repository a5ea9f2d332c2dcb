#include "active_list.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool active_add(struct active_list *active, const struct active *one)
{
	size_t capacity = active->capacity * 2 + 1024;
	struct active *grown = active->list;

	if (active->count == active->capacity)
		grown = realloc(active->list, capacity * sizeof(*grown));
	if (!grown || !one->function || !one->rest) {
		free(one->function);
		free(one->rest);
		return false;
	}
	active->list = grown;
	if (active->count == active->capacity)
		active->capacity = capacity;
	active->list[active->count++] = *one;
	return true;
}

void active_deinit(struct active_list *active)
{
	for (size_t i = 0; i < active->count; i++) {
		free(active->list[i].function);
		free(active->list[i].rest);
	}
	free(active->list);
	table_deinit(&active->blocks);
}

static int by_address(const void *a, const void *b)
{
	const struct active *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

void active_put(struct active_list *active, FILE *out)
{
	if (active->count)
		qsort(active->list, active->count, sizeof(*active->list), by_address);
	for (size_t i = 0; i < active->count; i++)
		if (!active->list[i].gone)
			fprintf(out, "%s: 0x%" PRIx64 " 0x%" PRIx64 "%s\n", active->list[i].function,
			        active->list[i].address, active->list[i].size,
			        active->list[i].rest);
}

/* ---- a log ------------------------------------------------------------------------------- */

struct line {
	const char *function;
	size_t len; /* of the function */
	uint64_t address, size;
	bool has_size;
	const char *rest;
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

/* A failed call's address is (nil), and nothing came of it. */
static bool take_line(char *text, struct line *line)
{
	const char *colon = strstr(text, ": "), *at = colon ? colon + 1 : NULL;

	if (!colon || colon == text || memchr(text, ' ', colon - text))
		return false;
	*line = (struct line){ .function = text, .len = colon - text };
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

/* LIBRARY SYMBOL CALLER, the caller without its 0x. */
static char *rest_of(const char *rest)
{
	char *copy = strdup(rest), *caller = copy ? strrchr(copy, ' ') : NULL;

	if (caller && strncmp(caller, " 0x", 3) == 0)
		memmove(caller + 1, caller + 3, strlen(caller + 3) + 1);
	return copy;
}

static bool come(struct active_list *active, const struct line *line, bool is_map)
{
	const struct active one = { line->address, line->size,
		                    strndup(line->function, line->len), rest_of(line->rest),
		                    is_map, false };
	uint64_t *at;

	if (!active_add(active, &one))
		return false;
	if (is_map)
		return true;
	at = table_put(&active->blocks, line->address + 1);
	if (!at)
		return false;
	if (*at) /* its free was not seen */
		active->list[*at - 1].gone = true;
	*at = active->count;
	return true;
}

static void go(struct active_list *active, const struct line *line)
{
	const uint64_t *at = table_find(&active->blocks, line->address + 1);

	if (!at)
		return;
	active->list[*at - 1].gone = true;
	table_remove(&active->blocks, line->address + 1);
}

/* What is left of it above the range is a map by itself. */
static bool cut_one(struct active_list *active, size_t i, taddr_t begin, taddr_t end)
{
	struct active *map = &active->list[i], above = *map;
	taddr_t last = map->address + map->size;

	map->gone = begin <= map->address;
	map->size = map->gone ? 0 : begin - map->address;
	if (end >= last)
		return true;
	above.address = end;
	above.size = last - end;
	above.function = strdup(map->function);
	above.rest = strdup(map->rest);
	return active_add(active, &above);
}

static bool cut(struct active_list *active, taddr_t begin, uint64_t size)
{
	size_t count = active->count;
	taddr_t end = begin + ((size + 0xfff) & ~UINT64_C(0xfff));

	for (size_t i = 0; i < count; i++) {
		const struct active *map = &active->list[i];

		if (!map->is_map || map->gone || map->address >= end ||
		    map->address + map->size <= begin)
			continue;
		if (!cut_one(active, i, begin, end))
			return false;
	}
	return true;
}

static bool take(struct active_list *active, const struct line *line)
{
	struct line map = *line;

	if (!line->address)
		return true;
	if (begins(line, "munmap"))
		return cut(active, line->address, line->size);
	if (begins(line, "mmap") || begins(line, "__mmap")) {
		map.size = (map.size + 0xfff) & ~UINT64_C(0xfff);
		return cut(active, map.address, map.size) && come(active, &map, true);
	}
	if (line->has_size)
		return come(active, line, false);
	go(active, line);
	return true;
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
