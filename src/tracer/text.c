#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

#define PAGE sizeof(((struct text *)0)->pages[0])

static taddr_t page_of(taddr_t addr)
{
	return addr & ~(taddr_t)(PAGE - 1);
}

static bool has_room(struct text *text)
{
	size_t capacity = text->capacity ? text->capacity * 2 : 64;
	void *grown;

	if (text->count < text->capacity)
		return true;
	grown = realloc(text->pages, capacity * PAGE);
	if (!grown)
		return false;
	text->pages = grown;
	text->capacity = capacity;
	return true;
}

int text_keep(struct text *text, int mem, taddr_t addr)
{
	taddr_t page = page_of(addr);
	uint64_t *index;

	if (table_find(&text->by_addr, page))
		return 0;
	if (!has_room(text))
		return -ENOMEM;
	if (mem_read(mem, page, text->pages[text->count], PAGE) < 0)
		return -EFAULT;
	index = table_put(&text->by_addr, page);
	if (!index)
		return -ENOMEM;
	*index = ++text->count;
	return 0;
}

bool text_copy(struct text *text, const struct text *from)
{
	void *pages = malloc(from->count * PAGE + 1);

	if (!pages || !table_copy(&text->by_addr, &from->by_addr)) {
		free(pages);
		return false;
	}
	if (from->count)
		memcpy(pages, from->pages, from->count * PAGE);
	text->pages = pages;
	text->count = text->capacity = from->count;
	return true;
}

void text_forget(struct text *text, taddr_t begin, taddr_t end)
{
	for (taddr_t page = page_of(begin); page < end; page += PAGE)
		table_remove(&text->by_addr, page); /* its copy stays, unused, until the end */
}

size_t text_differences(const struct text *text, int mem, size_t *pages)
{
	const struct table_slot *slot;
	uint8_t now[PAGE];
	size_t bytes = 0;

	*pages = 0;
	for (size_t at = 0; (slot = table_next(&text->by_addr, &at));) {
		const uint8_t *was = text->pages[slot->value - 1];

		if (mem_read(mem, slot->key, now, PAGE) < 0)
			continue;
		++*pages;
		for (size_t i = 0; i < PAGE; i++)
			bytes += now[i] != was[i];
	}
	return bytes;
}

void text_deinit(struct text *text)
{
	free(text->pages);
	table_deinit(&text->by_addr);
	*text = (struct text){ 0 };
}
