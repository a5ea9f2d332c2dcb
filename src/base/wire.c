#include "wire.h"

#include <stdlib.h>
#include <string.h>

static bool reserve(struct wire *wire, size_t len)
{
	size_t capacity = wire->capacity + wire->capacity / 2 + len + 64;
	uint8_t *grown;

	if (wire->failed || len <= wire->capacity - wire->len)
		return !wire->failed;
	grown = realloc(wire->bytes, capacity);
	wire->failed = !grown;
	if (!grown)
		return false;
	wire->bytes = grown;
	wire->capacity = capacity;
	return true;
}

void wire_put(struct wire *wire, const void *bytes, size_t len)
{
	if (!len || !reserve(wire, len))
		return;
	memcpy(wire->bytes + wire->len, bytes, len);
	wire->len += len;
}

void wire_number(struct wire *wire, uint64_t n)
{
	if (!reserve(wire, 10))
		return;
	for (; n >= 0x80; n >>= 7)
		wire->bytes[wire->len++] = n | 0x80;
	wire->bytes[wire->len++] = n;
}

void wire_signed(struct wire *wire, int64_t n)
{
	wire_number(wire, (uint64_t)n << 1 ^ (uint64_t)(n >> 63));
}

void wire_text(struct wire *wire, const char *text)
{
	size_t len = text ? strlen(text) : 0;

	wire_number(wire, text ? len + 1 : 0);
	wire_put(wire, text, len);
}

/* ---- reading ------------------------------------------------------------------------ */

static uint64_t fail(struct wire_reader *reader)
{
	reader->failed = true;
	reader->at = reader->end;
	return 0;
}

uint64_t wire_take_number(struct wire_reader *reader)
{
	uint64_t n = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte = reader->at < reader->end ? *reader->at++ : 0x80;

		if (shift == 63 && byte > 1)
			break;
		n |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return n;
	}
	return fail(reader);
}

int64_t wire_take_signed(struct wire_reader *reader)
{
	uint64_t n = wire_take_number(reader);

	return (int64_t)(n >> 1 ^ -(n & 1));
}

uint64_t wire_take_most(struct wire_reader *reader, uint64_t max)
{
	uint64_t n = wire_take_number(reader);

	return n <= max ? n : fail(reader);
}

bool wire_take_flag(struct wire_reader *reader)
{
	return wire_take_most(reader, 1);
}

size_t wire_take_count(struct wire_reader *reader, size_t least)
{
	uint64_t n = wire_take_number(reader);

	return n <= (size_t)(reader->end - reader->at) / least ? n : fail(reader);
}

char *wire_take_text(struct wire_reader *reader)
{
	size_t len = wire_take_number(reader);
	char *text;

	if (!len)
		return NULL;
	if (len - 1 > (size_t)(reader->end - reader->at) || memchr(reader->at, 0, len - 1)) {
		fail(reader);
		return NULL;
	}
	text = strndup((const char *)reader->at, len - 1);
	reader->at += len - 1;
	if (!text)
		fail(reader);
	return text;
}
