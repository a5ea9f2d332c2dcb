#include "image.h"

#include <stdlib.h>
#include <string.h>

static uint8_t *image_at(const struct stack_image *image, taddr_t addr)
{
	return image->bytes + image->room - (image->end - addr);
}

static bool image_grow(struct stack_image *image, size_t len)
{
	size_t room = image->room ? image->room : 4096, kept = image->end - image->begin;
	uint8_t *bytes;

	while (room < len)
		room *= 2;
	if (room == image->room)
		return true;
	bytes = malloc(room);
	if (!bytes)
		return false;
	if (kept)
		memcpy(bytes + room - kept, image->bytes + image->room - kept, kept);
	free(image->bytes);
	image->bytes = bytes;
	image->room = room;
	return true;
}

bool image_apply(struct stack_image *image, taddr_t at, const uint8_t *bytes, size_t len,
                 taddr_t end)
{
	bool whole = at + len == end;

	if (end < at + len || (!whole && (image->end != end || image->begin > at + len)))
		return false;
	if (whole)
		image->begin = image->end = end;
	if (!image_grow(image, end - at))
		return false;
	image->begin = at;
	memcpy(image_at(image, at), bytes, len);
	return true;
}

bool image_read(const struct stack_image *image, taddr_t addr, void *buf, size_t len)
{
	if (addr < image->begin || addr > image->end || image->end - addr < len)
		return false;
	memcpy(buf, image_at(image, addr), len);
	return true;
}

void image_deinit(struct stack_image *image)
{
	free(image->bytes);
	*image = (struct stack_image){ 0 };
}
