/* Who was given a block last before it was handed out again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analysis/lives.h"

enum { BLOCK = 0x1000, OTHER = 0x2000, FREE = 1, WRAPPER, INNER, READER };

static struct lives lives;
static struct life before;

static int tear_down(void **state)
{
	(void)state;
	lives_deinit(&lives);
	return 0;
}

static void give(uint32_t to, int32_t tid, uint64_t slot)
{
	struct life *life = lives_of(&lives, BLOCK);

	assert_non_null(life);
	lives_given(&lives, life, to, tid, slot);
}

static void a_first_life_has_none_before_it(void **state)
{
	(void)state;
	assert_null(lives_of(&lives, BLOCK));
	assert_false(lives_handed(&lives, BLOCK, 24, &before));
	assert_int_equal(lives_of(&lives, BLOCK)->size, 24);
	assert_true(lives_handed(&lives, BLOCK, 8, &before));
	assert_int_equal(before.size, 24);
	assert_int_equal(before.count, 0);
	assert_int_equal(lives.handed, 2);
	assert_int_equal(lives.again, 1);
	assert_int_equal(lives.given_again, 0);
}

static void the_last_took_it(void **state)
{
	(void)state;
	lives_handed(&lives, BLOCK, 8, &before);
	give(READER, 7, 100);
	lives_handed(&lives, OTHER, 8, &before);
	give(FREE, 7, 200);
	lives_handed(&lives, BLOCK, 8, &before);
	assert_int_equal(before.count, 1);
	assert_int_equal(before.chain[0], FREE);
	assert_int_equal(before.before_count, 1);
	assert_int_equal(before.before[0], READER);
	assert_true(before.apart);
	assert_int_equal(lives.given_again, 1);
}

static void those_that_call_it_go_with_it(void **state)
{
	(void)state;
	lives_handed(&lives, BLOCK, 8, &before);
	give(WRAPPER, 7, 300);
	give(FREE, 7, 200);
	give(INNER, 7, 200); /* jumped on to */
	lives_handed(&lives, BLOCK, 8, &before);
	assert_int_equal(before.count, 3);
	assert_int_equal(before.chain[2], INNER);
	assert_int_equal(before.before_count, 0);
	assert_false(before.apart);
}

static void another_thread_begins_anew(void **state)
{
	(void)state;
	lives_handed(&lives, BLOCK, 8, &before);
	give(READER, 7, 300);
	give(FREE, 8, 200);
	lives_handed(&lives, BLOCK, 8, &before);
	assert_int_equal(before.count, 1);
	assert_int_equal(before.chain[0], FREE);
}

static void a_long_chain_keeps_its_end(void **state)
{
	(void)state;
	lives_handed(&lives, BLOCK, 8, &before);
	for (uint32_t i = 1; i <= LIFE_CHAIN + 2; i++)
		give(i, 7, 300 - i);
	lives_handed(&lives, BLOCK, 8, &before);
	assert_int_equal(before.count, LIFE_CHAIN);
	assert_int_equal(before.chain[LIFE_CHAIN - 1], LIFE_CHAIN + 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_first_life_has_none_before_it, tear_down),
		cmocka_unit_test_teardown(the_last_took_it, tear_down),
		cmocka_unit_test_teardown(those_that_call_it_go_with_it, tear_down),
		cmocka_unit_test_teardown(another_thread_begins_anew, tear_down),
		cmocka_unit_test_teardown(a_long_chain_keeps_its_end, tear_down),
	};

	return cmocka_run_group_tests_name("lives", tests, NULL, NULL);
}
