/* Values as bytes and back; and whatever else is there instead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire.h"

static const uint64_t numbers[] = { 0, 1, 127, 128, 129, 16383, 16384, UINT32_MAX,
	                            UINT64_MAX / 2, UINT64_MAX - 1, UINT64_MAX };

static struct wire_reader reader_of(const struct wire *wire)
{
	return (struct wire_reader){ wire->bytes, wire->bytes + wire->len, false };
}

static void numbers_come_back(void **state)
{
	struct wire wire = { 0 };
	struct wire_reader from;

	(void)state;
	for (size_t i = 0; i < countof(numbers); i++) {
		wire_number(&wire, numbers[i]);
		wire_signed(&wire, (int64_t)numbers[i]);
		wire_signed(&wire, -(int64_t)(numbers[i] / 2));
	}
	from = reader_of(&wire);
	for (size_t i = 0; i < countof(numbers); i++) {
		assert_true(wire_take_number(&from) == numbers[i]);
		assert_true(wire_take_signed(&from) == (int64_t)numbers[i]);
		assert_true(wire_take_signed(&from) == -(int64_t)(numbers[i] / 2));
	}
	assert_false(from.failed);
	assert_ptr_equal(from.at, from.end);
	free(wire.bytes);
}

static void small_numbers_are_short(void **state)
{
	struct wire wire = { 0 };

	(void)state;
	wire_number(&wire, 127);
	wire_signed(&wire, -64);
	wire_signed(&wire, 63);
	assert_int_equal(wire.len, 3);
	wire_number(&wire, UINT64_MAX);
	assert_int_equal(wire.len, 13);
	free(wire.bytes);
}

static void texts_come_back(void **state)
{
	struct wire wire = { 0 };
	struct wire_reader from;
	char *text;

	(void)state;
	wire_text(&wire, "a text");
	wire_text(&wire, NULL);
	wire_text(&wire, "");
	from = reader_of(&wire);
	text = wire_take_text(&from);
	assert_string_equal(text, "a text");
	free(text);
	assert_null(wire_take_text(&from));
	assert_false(from.failed);
	text = wire_take_text(&from);
	assert_string_equal(text, "");
	free(text);
	assert_false(from.failed);
	free(wire.bytes);
}

static void the_end_fails_for_good(void **state)
{
	const uint8_t bytes[] = { 5, 0x80 };
	struct wire_reader from = { bytes, bytes + 2, false };

	(void)state;
	assert_int_equal(wire_take_number(&from), 5);
	assert_int_equal(wire_take_number(&from), 0);
	assert_true(from.failed);
	assert_ptr_equal(from.at, from.end);
	assert_null(wire_take_text(&from));
	assert_int_equal(wire_take_signed(&from), 0);
	assert_true(from.failed);
}

static void a_number_that_is_too_long_is_none(void **state)
{
	static const uint8_t most[] = { 255, 255, 255, 255, 255, 255, 255, 255, 255, 1 };
	static const uint8_t more[] = { 255, 255, 255, 255, 255, 255, 255, 255, 255, 2 };
	static const uint8_t longer[] = { 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 0 };
	struct wire_reader from = { most, most + sizeof(most), false };

	(void)state;
	assert_true(wire_take_number(&from) == UINT64_MAX && !from.failed);
	from = (struct wire_reader){ more, more + sizeof(more), false };
	assert_true(wire_take_number(&from) == 0 && from.failed);
	from = (struct wire_reader){ longer, longer + sizeof(longer), false };
	assert_true(wire_take_number(&from) == 0 && from.failed);
}

static void limits_are_kept(void **state)
{
	const uint8_t bytes[] = { 2, 2, 3, 9, 9, 9 };
	struct wire_reader from = { bytes, bytes + 1, false };

	(void)state;
	assert_true(wire_take_flag(&from) == 0 && from.failed);
	from = (struct wire_reader){ bytes, bytes + 6, false };
	assert_int_equal(wire_take_most(&from, 2), 2);
	assert_int_equal(wire_take_count(&from, 2), 2); /* of four bytes that are left */
	assert_false(from.failed);
	assert_int_equal(wire_take_count(&from, 2), 0); /* three, of three bytes */
	assert_true(from.failed);
}

static void a_text_that_is_not_all_there_is_none(void **state)
{
	const uint8_t cut[] = { 4, 'a', 'b' }, with_zero[] = { 4, 'a', 0, 'b' };
	const uint8_t endless[] = { 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 'a' };
	struct wire_reader from = { cut, cut + sizeof(cut), false };

	(void)state;
	assert_true(!wire_take_text(&from) && from.failed);
	from = (struct wire_reader){ with_zero, with_zero + sizeof(with_zero), false };
	assert_true(!wire_take_text(&from) && from.failed);
	from = (struct wire_reader){ endless, endless + sizeof(endless), false };
	assert_true(!wire_take_text(&from) && from.failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_come_back),
		cmocka_unit_test(small_numbers_are_short),
		cmocka_unit_test(texts_come_back),
		cmocka_unit_test(the_end_fails_for_good),
		cmocka_unit_test(a_number_that_is_too_long_is_none),
		cmocka_unit_test(limits_are_kept),
		cmocka_unit_test(a_text_that_is_not_all_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
