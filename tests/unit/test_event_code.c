/* Events as bytes and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "trace/event_code.h"
#include "trace/form.h"

static const struct map_call a_call = {
	.args = { 0, 8192, 3, UINT64_MAX, 7, 1 }, .result = -12, .mapped = 4096,
	.address = 0x7f0000001000, .kind = MAP_CALL_MREMAP, .gone = true,
};

#define AT(event_kind) .kind = HEAP_EVENT_##event_kind, .tid = 77, .time_ns = 5000000000
static const struct heap_event events[] = {
	{ AT(ALLOC), .site = 3, .entry = 4, .number = 9, .size = 100, .block = 0x55550010 },
	{ AT(ALLOC), .site = 3, .entry = 4, .number = 9, .size = 100, .block = 0x55550020 },
	{ AT(ALLOC), .site = 3, .entry = 4, .number = 9, .size = 0, .block = 0 },
	{ AT(ALLOC), .site = UINT32_MAX, .entry = 0, .number = 0, .size = UINT64_MAX,
	  .block = UINT64_MAX, .usable = 24 },
	{ AT(FREE), .site = 0, .entry = -1, .number = UINT32_MAX, .given = 0x55550020 },
	{ AT(FREE), .site = 8, .entry = 5, .number = 1, .given = 0, .usable = UINT64_MAX },
	{ AT(REALLOC_BEGIN), .site = 3, .entry = 2, .number = 2, .given = 0x55550010 },
	{ AT(REALLOC), .site = 4, .entry = 2, .number = 2, .given = 0x55550010, .size = 7,
	  .block = 0x7f0000000010, .gone = true },
	{ AT(REALLOC), .site = 4, .entry = 2, .number = 2, .given = 0x10, .size = 7 },
	{ AT(REF), .site = 1, .entry = 6, .number = 3, .given = 1 },
	{ AT(UNREF), .site = 1, .entry = 6, .number = 3, .given = UINT64_C(1) << 63 },
	{ AT(ABANDONED), .entry = -1, .number = 4 },
	{ AT(LOST), .entry = -1, .number = UINT32_MAX },
	{ AT(EARLIER), .entry = -1, .number = UINT32_MAX, .block = 0x1234 },
	{ AT(MAP), .entry = -1, .number = UINT32_MAX, .site = 2, .call = &a_call, .origin = 9 },
	{ AT(POINT), .entry = -1, .number = UINT32_MAX, .action = POINT_TAG, .name = "n",
	  .detail = "" },
	{ AT(THREAD_BEGIN), .entry = -1, .number = UINT32_MAX, .parent = -1, .start = 0x401000,
	  .start_arg = 3 },
	{ AT(THREAD_END), .entry = -1, .number = UINT32_MAX },
	{ AT(EXIT), .entry = -1, .number = UINT32_MAX, .status = 0x0b },
	{ .kind = HEAP_EVENT_LOST, .tid = -5, .time_ns = 4999999000, .entry = -1 },
	{ .kind = HEAP_EVENT_LOST, .tid = INT32_MAX, .time_ns = UINT64_MAX, .entry = -1 },
	{ .kind = HEAP_EVENT_LOST, .tid = INT32_MIN, .time_ns = 0, .entry = -1 },
};

static void assert_same(const struct heap_event *a, const struct heap_event *b)
{
	struct heap_event x = *a, y = *b;

	assert_int_equal(!x.call, !y.call);
	if (x.call)
		assert_memory_equal(x.call, y.call, sizeof(*x.call));
	assert_int_equal(!x.name, !y.name);
	if (x.name) {
		assert_string_equal(x.name, y.name);
		assert_string_equal(x.detail, y.detail);
	}
	x.call = y.call = NULL;
	x.name = y.name = x.detail = y.detail = NULL;
	assert_memory_equal(&x, &y, sizeof(x));
}

static struct wire put_all(void)
{
	struct event_code code = { 0 };
	struct wire wire = { 0 };

	for (size_t i = 0; i < countof(events); i++)
		event_put(&code, &wire, &events[i]);
	assert_false(wire.failed);
	return wire;
}

static void all_come_back(void **state)
{
	struct wire wire = put_all();
	struct wire_reader from = { wire.bytes, wire.bytes + wire.len, false };
	struct event_code code = { 0 };
	struct heap_event event;
	struct map_call call;

	(void)state;
	memset(&call, 0, sizeof(call));
	for (size_t i = 0; i < countof(events); i++) {
		assert_true(event_take(&code, &from, &event, &call));
		assert_same(&event, &events[i]);
	}
	assert_ptr_equal(from.at, from.end);
	assert_false(event_take(&code, &from, &event, &call));
	free(wire.bytes);
}

static void what_is_cut_off_is_none(void **state)
{
	struct wire wire = put_all();

	(void)state;
	for (size_t len = 0; len < wire.len; len++) {
		struct wire_reader from = { wire.bytes, wire.bytes + len, false };
		struct event_code code = { 0 };
		struct heap_event event;
		struct map_call call;
		size_t count = 0;

		while (event_take(&code, &from, &event, &call))
			count++;
		assert_true(count < countof(events));
		assert_ptr_equal(from.at, from.end);
	}
	free(wire.bytes);
}

static void what_comes_again_is_short(void **state)
{
	struct event_code code = { 0 };
	struct wire wire = { 0 };
	size_t first;

	(void)state;
	event_put(&code, &wire, &events[0]);
	first = wire.len;
	event_put(&code, &wire, &events[1]);
	assert_int_equal(wire.len - first, 4); /* kind, time, site, block */
	free(wire.bytes);
}

static void kinds_to_come_are_none(void **state)
{
	(void)state;
	for (unsigned kind = HEAP_EVENTS; kind < 32; kind++) {
		const uint8_t bytes[] = { kind, 0, 0, 0, 0, 0, 0, 0 };
		struct wire_reader from = { bytes, bytes + sizeof(bytes), false };
		struct event_code code = { 0 };
		struct heap_event event;
		struct map_call call;

		/* the last one only tells what the block is worth */
		assert_true(kind == 31 || !event_take(&code, &from, &event, &call));
	}
}

/* ---- blocks -------------------------------------------------------------------------------- */

static const struct block a_block = { .offset = 77, .kind = BLOCK_EVENTS, .packed = true,
	                              .track = 5, .events = 65536, .len = 400000,
	                              .stored = 200000, .first_ns = 1, .last_ns = UINT64_MAX,
	                              .sum = 0xdeadbeef };

static void a_head_comes_back_or_is_none(void **state)
{
	uint8_t head[HEAD_LEN];
	struct block block;

	(void)state;
	form_put_head(&a_block, head);
	assert_true(form_take_head(head, &block));
	block.offset = a_block.offset;
	assert_memory_equal(&block, &a_block, sizeof(block));
	for (size_t bit = 0; bit < 8 * sizeof(head); bit++) {
		head[bit / 8] ^= 1 << bit % 8;
		assert_false(form_take_head(head, &block));
		head[bit / 8] ^= 1 << bit % 8;
	}
}

static void the_end_comes_back_or_is_none(void **state)
{
	uint8_t end[END_LEN];
	uint64_t at;

	(void)state;
	form_put_end(123456789, end);
	assert_true(form_take_end(end, &at));
	assert_int_equal(at, 123456789);
	for (size_t bit = 0; bit < 8 * sizeof(end); bit++) {
		end[bit / 8] ^= 1 << bit % 8;
		assert_false(form_take_end(end, &at));
		end[bit / 8] ^= 1 << bit % 8;
	}
}

static void a_row_comes_back(void **state)
{
	struct wire wire = { 0 };
	struct wire_reader from;
	struct block block;

	(void)state;
	form_put_row(&wire, &a_block, 70);
	from = (struct wire_reader){ wire.bytes, wire.bytes + wire.len, false };
	memset(&block, 0, sizeof(block));
	assert_true(form_take_row(&from, &block, 70));
	assert_memory_equal(&block, &a_block, sizeof(block));
	from = (struct wire_reader){ wire.bytes, wire.bytes + wire.len - 1, false };
	assert_false(form_take_row(&from, &block, 70));
	free(wire.bytes);
}

static void a_file_of_another_kind_is_told(void **state)
{
	uint8_t header[HEADER_LEN];

	(void)state;
	form_put_header(header);
	assert_null(form_check_header(header, sizeof(header)));
	for (size_t len = 0; len < sizeof(header); len++)
		assert_non_null(form_check_header(header, len));
	header[8]++;
	assert_string_equal(form_check_header(header, sizeof(header)),
	                    "is of another version of alloctrace");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_come_back),
		cmocka_unit_test(what_is_cut_off_is_none),
		cmocka_unit_test(what_comes_again_is_short),
		cmocka_unit_test(kinds_to_come_are_none),
		cmocka_unit_test(a_head_comes_back_or_is_none),
		cmocka_unit_test(the_end_comes_back_or_is_none),
		cmocka_unit_test(a_row_comes_back),
		cmocka_unit_test(a_file_of_another_kind_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
