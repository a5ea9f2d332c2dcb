/* The image of a stack, and changes to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analysis/unwind.h"

#define END UINT64_C(0x7fffffffe000)
#define SIZE 65536 /* of the model's stack, which ends at END */

static uint8_t bytes[SIZE];

static void fill(unsigned seed)
{
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = seed * 31 + i * 7 + i / 256;
}

static bool apply(struct stack_image *image, taddr_t at, size_t len, taddr_t end)
{
	return image_apply(image, at, bytes, len, end);
}

static struct stack_image image_of(size_t len)
{
	struct stack_image image = { 0 };

	fill(1);
	assert_true(apply(&image, END - len, len, END));
	return image;
}

static void expect(const struct stack_image *image, taddr_t at, const void *expected, size_t len)
{
	uint8_t *buf = malloc(len + 1);

	buf[len] = 0xaa;
	assert_true(image_read(image, at, buf, len));
	assert_memory_equal(buf, expected, len);
	assert_int_equal(buf[len], 0xaa);
	free(buf);
}

static void image_is_read_as_it_was_written(void **state)
{
	struct stack_image image = image_of(100);

	(void)state;
	assert_int_equal(image.begin, END - 100);
	assert_int_equal(image.end, END);
	expect(&image, END - 100, bytes, 100);
	expect(&image, END - 100, bytes, 1);
	expect(&image, END - 1, bytes + 99, 1);
	expect(&image, END - 57, bytes + 43, 8);
	image_deinit(&image);
	assert_null(image.bytes);
}

static void nothing_is_read_outside(void **state)
{
	struct stack_image image = image_of(100);
	uint64_t word = 0x1122334455667788;

	(void)state;
	assert_false(image_read(&image, END - 101, &word, 8));
	assert_false(image_read(&image, END - 7, &word, 8));
	assert_false(image_read(&image, END, &word, 1));
	assert_false(image_read(&image, END + 1, &word, 1));
	assert_false(image_read(&image, 0, &word, 8));
	assert_false(image_read(&image, UINT64_MAX - 3, &word, 8));
	assert_false(image_read(&image, END - 8, &word, SIZE_MAX));
	assert_int_equal(word, 0x1122334455667788);
	image_deinit(&image);
}

static void empty_image_has_nothing(void **state)
{
	struct stack_image image = { 0 };
	uint64_t word;

	(void)state;
	assert_false(image_read(&image, END - 8, &word, 8));
	assert_false(image_read(&image, 0, &word, 8));
	image_deinit(&image);
}

static void change_keeps_what_is_above(void **state)
{
	struct stack_image image = image_of(1000);
	uint8_t old[1000];

	(void)state;
	memcpy(old, bytes, sizeof(old));
	fill(2);
	assert_true(apply(&image, END - 1000, 300, END));
	expect(&image, END - 1000, bytes, 300);
	expect(&image, END - 700, old + 300, 700);
	image_deinit(&image);
}

static void image_grows_downwards(void **state)
{
	struct stack_image image = image_of(1000);
	uint8_t *old = malloc(1000);

	(void)state;
	memcpy(old, bytes, 1000);
	fill(2);
	assert_true(apply(&image, END - 60000, 59000, END)); /* adjoining */
	assert_int_equal(image.begin, END - 60000);
	expect(&image, END - 60000, bytes, 59000);
	expect(&image, END - 1000, old, 1000);
	fill(3);
	assert_true(apply(&image, END - 60008, 59508, END)); /* overlapping */
	expect(&image, END - 60008, bytes, 59508);
	expect(&image, END - 500, old + 500, 500);
	image_deinit(&image);
	free(old);
}

static void image_shrinks(void **state)
{
	struct stack_image image = image_of(1000);
	uint8_t old[1000], byte;

	(void)state;
	memcpy(old, bytes, sizeof(old));
	fill(2);
	assert_true(apply(&image, END - 600, 100, END));
	assert_int_equal(image.begin, END - 600);
	expect(&image, END - 600, bytes, 100);
	expect(&image, END - 500, old + 500, 500);
	assert_false(image_read(&image, END - 601, &byte, 1));
	assert_true(apply(&image, END - 200, 0, END)); /* nothing new */
	expect(&image, END - 200, old + 800, 200);
	assert_false(image_read(&image, END - 201, &byte, 1));
	assert_true(apply(&image, END, 0, END)); /* nothing at all */
	assert_false(image_read(&image, END - 1, &byte, 1));
	image_deinit(&image);
}

static void whole_one_replaces(void **state)
{
	struct stack_image image = image_of(1000);
	uint8_t byte;

	(void)state;
	fill(2);
	assert_true(apply(&image, 0x10000, 5000, 0x10000 + 5000)); /* of another stack */
	expect(&image, 0x10000, bytes, 5000);
	assert_false(image_read(&image, END - 1, &byte, 1));
	fill(3);
	assert_true(apply(&image, END - 16, 16, END));
	expect(&image, END - 16, bytes, 16);
	assert_false(image_read(&image, END - 17, &byte, 1));
	image_deinit(&image);
}

static void refuse(struct stack_image *image, taddr_t at, size_t len, taddr_t end)
{
	struct stack_image before = *image;

	assert_false(apply(image, at, len, end));
	assert_memory_equal(image, &before, sizeof(before));
}

static void change_to_what_is_unknown_is_refused(void **state)
{
	struct stack_image image = { 0 };
	uint8_t old[1000];

	(void)state;
	refuse(&image, END - 16, 8, END); /* no base at all */
	image = image_of(1000);
	memcpy(old, bytes, sizeof(old));
	fill(2);
	refuse(&image, END - 500, 100, END + 8); /* another end */
	refuse(&image, END - 500, 100, END - 8);
	refuse(&image, END - 2000, 999, END); /* a gap of one byte */
	refuse(&image, END - 2000, 0, END);
	refuse(&image, END - 8, 16, END); /* ends behind the end */
	expect(&image, END - 1000, old, 1000);
	assert_true(apply(&image, END - 2000, 1000, END));
	image_deinit(&image);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Changes that may be applied and ones that may not, against a plain array. */
static void as_a_plain_array_has_it(void **state)
{
	uint8_t *model = calloc(1, SIZE);
	struct stack_image image = { 0 };
	uint64_t random = 88172645463325252u;
	size_t known = 0;

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		size_t up_to = next_random(&random) % (i % 10 ? 3000 : SIZE); /* from END */
		size_t len = next_random(&random) % (SIZE - up_to);
		bool applies = up_to == 0 || up_to <= known;

		len %= i % 10 ? 3000 : SIZE;
		up_to *= i % 7 != 0;
		applies |= up_to == 0;
		fill(i);
		assert_int_equal(apply(&image, END - up_to - len, len, END), applies);
		if (applies) {
			memcpy(model + SIZE - up_to - len, bytes, len);
			known = up_to + len;
		}
		expect(&image, END - known, model + SIZE - known, known);
		assert_false(image_read(&image, END - known - 1, bytes, 1));
	}
	image_deinit(&image);
	free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(image_is_read_as_it_was_written),
		cmocka_unit_test(nothing_is_read_outside),
		cmocka_unit_test(empty_image_has_nothing),
		cmocka_unit_test(change_keeps_what_is_above),
		cmocka_unit_test(image_grows_downwards),
		cmocka_unit_test(image_shrinks),
		cmocka_unit_test(whole_one_replaces),
		cmocka_unit_test(change_to_what_is_unknown_is_refused),
		cmocka_unit_test(as_a_plain_array_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
