#include "form.h"

#include <endian.h>
#include <string.h>
#include <zlib.h>

#define HEAD_MAGIC 0x4b425441u /* "ATBK" */

uint32_t form_sum(const void *bytes, size_t len)
{
	return (uint32_t)crc32_z(0, bytes, len);
}

static uint8_t *put(uint8_t *out, uint64_t n, size_t len)
{
	n = htole64(n);
	memcpy(out, &n, len);
	return out + len;
}

static uint64_t take(const uint8_t **in, size_t len)
{
	uint64_t n = 0;

	memcpy(&n, *in, len);
	*in += len;
	return le64toh(n);
}

static bool is_sum(uint32_t sum, const void *bytes, size_t len)
{
	return form_sum(bytes, len) == sum;
}

/* ---- the file --------------------------------------------------------------------------- */

void form_put_header(uint8_t out[HEADER_LEN])
{
	memcpy(out, MAGIC, 8);
	put(put(out + 8, VERSION_NOW, 4), 0, 4);
}

const char *form_check_header(const uint8_t *bytes, size_t len)
{
	const uint8_t *at = bytes + 8;

	if (len == 0)
		return "is empty";
	if (len < 8 || memcmp(bytes, MAGIC, 8) != 0)
		return "is no recording of alloctrace's";
	if (len < HEADER_LEN)
		return "breaks off in its first bytes";
	return take(&at, 4) == VERSION_NOW ? NULL : "is of another version of alloctrace";
}

void form_put_end(uint64_t index, uint8_t out[END_LEN])
{
	memcpy(out, END_MAGIC, 8);
	put(out + 8, index, 8);
	put(out + 16, form_sum(out, 16), 4);
}

bool form_take_end(const uint8_t end[END_LEN], uint64_t *index)
{
	const uint8_t *at = end + 8;

	*index = take(&at, 8);
	return memcmp(end, END_MAGIC, 8) == 0 && is_sum(take(&at, 4), end, 16);
}

/* ---- blocks ------------------------------------------------------------------------------ */

void form_put_head(const struct block *block, uint8_t out[HEAD_LEN])
{
	uint8_t *at = put(out, HEAD_MAGIC, 4);

	at = put(at, block->kind, 1);
	at = put(at, block->packed, 1);
	at = put(at, 0, 2);
	at = put(at, block->track, 4);
	at = put(at, block->events, 4);
	at = put(at, block->len, 4);
	at = put(at, block->stored, 4);
	at = put(at, block->first_ns, 8);
	at = put(at, block->last_ns, 8);
	at = put(at, block->sum, 4);
	put(at, form_sum(out, HEAD_LEN - 4), 4);
}

static bool is_sound(const struct block *block)
{
	return block->len <= PAYLOAD_MAX && block->stored <= PAYLOAD_MAX &&
	       (block->packed || block->len == block->stored);
}

bool form_take_head(const uint8_t head[HEAD_LEN], struct block *block)
{
	const uint8_t *at = head;
	bool magic = take(&at, 4) == HEAD_MAGIC;

	*block = (struct block){ 0 };
	block->kind = take(&at, 1);
	block->packed = take(&at, 1);
	take(&at, 2);
	block->track = take(&at, 4);
	block->events = take(&at, 4);
	block->len = take(&at, 4);
	block->stored = take(&at, 4);
	block->first_ns = take(&at, 8);
	block->last_ns = take(&at, 8);
	block->sum = take(&at, 4);
	return magic && is_sum(take(&at, 4), head, HEAD_LEN - 4) && is_sound(block);
}

void form_put_row(struct wire *to, const struct block *block, uint64_t last_offset)
{
	wire_number(to, block->offset - last_offset);
	wire_number(to, block->kind);
	wire_number(to, block->packed);
	wire_number(to, block->track);
	wire_number(to, block->events);
	wire_number(to, block->len);
	wire_number(to, block->stored);
	wire_number(to, block->first_ns);
	wire_number(to, block->last_ns);
	wire_number(to, block->sum);
}

bool form_take_row(struct wire_reader *from, struct block *block, uint64_t last_offset)
{
	block->offset = last_offset + wire_take_most(from, INT64_MAX - last_offset);
	block->kind = wire_take_most(from, UINT8_MAX);
	block->packed = wire_take_flag(from);
	block->track = wire_take_most(from, UINT32_MAX);
	block->events = wire_take_most(from, UINT32_MAX);
	block->len = wire_take_most(from, UINT32_MAX);
	block->stored = wire_take_most(from, UINT32_MAX);
	block->first_ns = wire_take_number(from);
	block->last_ns = wire_take_number(from);
	block->sum = wire_take_most(from, UINT32_MAX);
	return !from->failed && is_sound(block);
}
