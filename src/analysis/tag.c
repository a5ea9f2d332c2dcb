#include "tag.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAGS_MAX 1000 /* the program's own, which may have no end; further ones are one */
#define ADDRESSES (UINT64_C(1) << 63) /* no program's */

static char *tags[TAGS_MAX]; /* of all programs; for good */
static size_t count;

/* Its number, or TAGS_MAX: no memory. One that has a number keeps it. */
static size_t number_of(const char *text)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(tags[i], text) == 0)
			return i;
	if (count == TAGS_MAX)
		return TAGS_MAX - 1;
	tags[count] = strdup(count < TAGS_MAX - 1 ? text : "(other tags)");
	return tags[count] ? count++ : TAGS_MAX;
}

uint32_t tag_stack(struct heap *heap, const char *name, const char *detail)
{
	struct unwound_frame at = { .exact = true };
	char text[2 * POINT_TEXT + 8];
	uint32_t frame;
	size_t number;

	if (!*name)
		return 0;
	snprintf(text, sizeof(text), *detail ? "[%s, %s]" : "[%s]", name, detail);
	number = number_of(text);
	at.regs.pc = ADDRESSES | number;
	frame = number < TAGS_MAX ? site_frame(&heap->sites, &at) : 0;
	if (!frame)
		return 0;
	heap->sites.frames[frame - 1].label = tags[number];
	heap->sites.frames[frame - 1].region_sought = true;
	return site_stack(&heap->sites, frame, 0);
}
