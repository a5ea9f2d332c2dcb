/* The tracer's bits for what lives, against a simple model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tracer/blocks.h"

enum { PLACES = 4096, STEPS = 200000 };

/* Many on one page, some in other regions, the two ends of the address space among them. */
static taddr_t address(unsigned i)
{
	taddr_t region = (i % 7) * UINT64_C(0x155555400000);

	return i == 1 ? UINT64_C(0x7ffffffffff8) : region + (i / 7) * 8 + (i % 3) * 0x10000;
}

static void what_was_put_is_taken_once(void **state)
{
	struct blocks blocks = { 0 };

	(void)state;
	assert_int_equal(blocks_take(&blocks, 0x1000), BLOCK_NEVER);
	blocks_put(&blocks, 0x1000);
	assert_int_equal(blocks_take(&blocks, 0x1008), BLOCK_NEVER);
	assert_int_equal(blocks_take(&blocks, 0xff8), BLOCK_NEVER);
	assert_int_equal(blocks_take(&blocks, 0x1000), BLOCK_LIVE);
	assert_int_equal(blocks_take(&blocks, 0x1000), BLOCK_FREED);
	assert_int_equal(blocks_take(&blocks, 0x1008), BLOCK_NEVER);
	blocks_deinit(&blocks);
}

static void an_odd_address_never_lives(void **state)
{
	struct blocks blocks = { 0 };

	(void)state;
	blocks_put(&blocks, 0x1001);
	assert_int_equal(blocks_take(&blocks, 0x1001), BLOCK_NEVER);
	assert_int_equal(blocks_take(&blocks, 0x1000), BLOCK_NEVER);
	blocks_deinit(&blocks);
}

static void as_a_simple_model_has_it(void **state)
{
	struct blocks blocks = { 0 };
	enum block_was was[PLACES] = { BLOCK_NEVER };

	(void)state;
	srandom(7);
	for (unsigned n = 0; n < STEPS; n++) {
		unsigned i = (unsigned)random() % PLACES;

		if (random() & 1) {
			blocks_put(&blocks, address(i));
			was[i] = BLOCK_LIVE;
		} else {
			assert_int_equal(blocks_take(&blocks, address(i)), was[i]);
			was[i] = was[i] ? BLOCK_FREED : BLOCK_NEVER;
		}
	}
	blocks_deinit(&blocks);
}

static void a_copy_goes_its_own_way(void **state)
{
	struct blocks blocks = { 0 }, copy = { 0 };

	(void)state;
	for (unsigned i = 0; i < PLACES; i += 2)
		blocks_put(&blocks, address(i));
	blocks_copy(&copy, &blocks);
	for (unsigned i = 0; i < PLACES; i++)
		assert_int_equal(blocks_take(&blocks, address(i)), i % 2 ? BLOCK_NEVER : BLOCK_LIVE);
	blocks_deinit(&blocks);
	for (unsigned i = 0; i < PLACES; i++)
		assert_int_equal(blocks_take(&copy, address(i)), i % 2 ? BLOCK_NEVER : BLOCK_LIVE);
	blocks_deinit(&copy);
}

static void places_are_different(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PLACES; i++)
		for (unsigned k = 0; k < i; k++)
			assert_int_not_equal(address(i), address(k));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_are_different),
		cmocka_unit_test(what_was_put_is_taken_once),
		cmocka_unit_test(an_odd_address_never_lives),
		cmocka_unit_test(as_a_simple_model_has_it),
		cmocka_unit_test(a_copy_goes_its_own_way),
	};

	return cmocka_run_group_tests_name("blocks", tests, NULL, NULL);
}
