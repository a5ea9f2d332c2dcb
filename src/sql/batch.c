#include "batch.h"

#include <stdlib.h>
#include <string.h>

#include "utf8.h"

/* A row: its length, its relation, and of each column what it is, then the number without its
 * leading zeros, or the length and the bytes of the text. What the tag is more than TAG_NUMBER is
 * the number's bytes. */
enum { TAG_NULL, TAG_TEXT, TAG_NUMBER };

struct head {
	uint32_t len;
	uint32_t relation;
};

#define FIRST_ROOM (1 << 16)

struct batch *batch_new(void)
{
	return calloc(1, sizeof(struct batch));
}

void batch_free(struct batch *batch)
{
	if (batch)
		free(batch->bytes);
	free(batch);
}

static bool make_room(struct batch *batch, size_t len)
{
	size_t room = batch->room ? batch->room : FIRST_ROOM;
	uint8_t *grown;

	while (room < batch->len + len)
		room *= 2;
	if (room == batch->room)
		return true;
	grown = realloc(batch->bytes, room);
	if (!grown)
		return false;
	batch->bytes = grown;
	batch->room = room;
	return true;
}

static size_t size_of(const struct value *values, unsigned count)
{
	size_t len = sizeof(struct head);

	for (unsigned i = 0; i < count; i++)
		len += 1 + sizeof(uint64_t) + (values[i].kind == VALUE_TEXT ? values[i].len : 0);
	return len;
}

static uint8_t *put(uint8_t *to, const struct value *value)
{
	uint64_t bits = (uint64_t)value->number;
	unsigned bytes = bits ? (71 - (unsigned)__builtin_clzll(bits)) / 8 : 0;

	switch (value->kind) {
	case VALUE_NUMBER:
		*to++ = (uint8_t)(TAG_NUMBER + bytes);
		memcpy(to, &bits, sizeof(bits)); /* there is room for all of them */
		return to + bytes;
	case VALUE_TEXT:
		*to++ = TAG_TEXT;
		to = mempcpy(to, &value->len, sizeof(value->len));
		return mempcpy(to, value->text, value->len);
	default:
		*to++ = TAG_NULL;
		return to;
	}
}

static bool add_clean(struct batch *batch, enum relation_id relation, const struct value *values)
{
	unsigned count = relations[relation].count;
	struct head head = { .relation = relation };
	uint8_t *begin, *to;

	if (!make_room(batch, size_of(values, count)))
		return false;
	begin = batch->bytes + batch->len;
	to = begin + sizeof(head);
	for (unsigned i = 0; i < count; i++)
		to = put(to, &values[i]);
	head.len = to - begin;
	memcpy(begin, &head, sizeof(head));
	batch->len += head.len;
	batch->rows[relation]++;
	return true;
}

bool batch_add(struct batch *batch, enum relation_id relation, const struct value *values)
{
	unsigned count = relations[relation].count;
	struct value clean[COLUMNS_MAX];
	bool added = true;

	for (unsigned i = 0; i < count; i++) {
		clean[i] = values[i];
		if (values[i].kind != VALUE_TEXT)
			continue;
		clean[i].text = utf8_clean(values[i].text);
		clean[i].len = clean[i].text ? strlen(clean[i].text) : 0;
		added &= clean[i].text != NULL;
	}
	added = added && add_clean(batch, relation, clean);
	for (unsigned i = 0; i < count; i++)
		if (clean[i].kind == VALUE_TEXT && clean[i].text != values[i].text)
			free((char *)clean[i].text);
	return added;
}

/* ---- reading ------------------------------------------------------------------------------- */

static const uint8_t *get(const uint8_t *from, struct value *value)
{
	unsigned tag = *from++, bytes = tag >= TAG_NUMBER ? tag - TAG_NUMBER : 0;
	uint64_t bits = 0;

	*value = (struct value){ .kind = tag == TAG_NULL ? VALUE_NULL : VALUE_NUMBER };
	if (tag != TAG_TEXT) {
		memcpy(&bits, from, bytes);
		value->number = (int64_t)bits;
		return from + bytes;
	}
	value->kind = VALUE_TEXT;
	memcpy(&value->len, from, sizeof(value->len));
	value->text = (const char *)from + sizeof(value->len);
	return (const uint8_t *)value->text + value->len;
}

static bool head_at(const struct batch *batch, size_t at, struct head *head)
{
	if (at == batch->len)
		return false;
	memcpy(head, batch->bytes + at, sizeof(*head));
	return true;
}

static void get_row(const struct batch *batch, size_t at, const struct head *head,
                    struct value *values)
{
	const uint8_t *from = batch->bytes + at + sizeof(*head);

	for (unsigned i = 0; i < relations[head->relation].count; i++)
		from = get(from, &values[i]);
}

bool batch_next(const struct batch *batch, size_t *at, enum relation_id *relation,
                struct value values[COLUMNS_MAX])
{
	struct head head;

	if (!head_at(batch, *at, &head))
		return false;
	get_row(batch, *at, &head, values);
	*relation = head.relation;
	*at += head.len;
	return true;
}

bool batch_next_of(const struct batch *batch, size_t *at, enum relation_id relation,
                   struct value values[COLUMNS_MAX])
{
	struct head head;

	while (head_at(batch, *at, &head)) {
		size_t row = *at;

		*at += head.len;
		if (head.relation != relation)
			continue;
		get_row(batch, row, &head, values);
		return true;
	}
	return false;
}
