/* The live blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analysis/live.h"

#define PLACES 2000
#define OPERATIONS 200000
#define MANY 400000

static taddr_t address(unsigned i)
{
	return 0x555555550010 + 32 * (taddr_t)i;
}

static struct block block_of(uint64_t n)
{
	return (struct block){ .size = n * 3, .site = n % 1000, .tid = n % 77, .time_ns = n };
}

static bool is_same(const struct block *a, const struct block *b)
{
	return a->size == b->size && a->site == b->site && a->tid == b->tid &&
	       a->time_ns == b->time_ns;
}

static void add_new(struct live *live, taddr_t addr, uint64_t n)
{
	struct block block = block_of(n), old;
	bool had_old = true;

	assert_true(live_add(live, addr, &block, &old, &had_old));
	assert_false(had_old);
}

static void take_out(struct live *live, taddr_t addr, uint64_t n)
{
	struct block block, expected = block_of(n);

	assert_true(live_remove(live, addr, &block));
	assert_true(is_same(&block, &expected));
}

static void block_comes_and_goes(void **state)
{
	struct live live = { 0 };
	struct block block;

	(void)state;
	assert_false(live_remove(&live, address(1), &block));
	assert_null(live_freed(&live, address(1)));
	add_new(&live, address(1), 42);
	assert_null(live_freed(&live, address(1)));
	assert_false(live_remove(&live, address(1) + 8, &block));
	take_out(&live, address(1), 42);
	assert_non_null(live_freed(&live, address(1)));
	assert_false(live_remove(&live, address(1), &block));
	assert_non_null(live_freed(&live, address(1)));
	add_new(&live, address(1), 43);
	assert_null(live_freed(&live, address(1)));
	take_out(&live, address(1), 43);
	live_deinit(&live);
}

static void block_that_is_there_is_replaced(void **state)
{
	struct live live = { 0 };
	struct block first = block_of(1), second = block_of(2), old;
	bool had_old;

	(void)state;
	add_new(&live, address(1), 1);
	assert_true(live_add(&live, address(1), &second, &old, &had_old));
	assert_true(had_old);
	assert_true(is_same(&old, &first));
	assert_null(live_freed(&live, address(1)));
	take_out(&live, address(1), 2);
	assert_false(live_remove(&live, address(1), &old));
	live_deinit(&live);
}

static void unknown_address_was_never_freed(void **state)
{
	struct live live = { 0 };
	struct block block;

	(void)state;
	assert_false(live_remove(&live, address(5), &block));
	assert_null(live_freed(&live, address(5)));
	live_deinit(&live);
}

static void what_was_handed_out_unseen_was_not_freed(void **state)
{
	struct live live = { 0 };
	struct block out;

	(void)state;
	add_new(&live, address(1), 1);
	assert_true(live_remove(&live, address(1), &out));
	live_forget_freed(&live, address(1));
	live_forget_freed(&live, address(2));
	assert_null(live_freed(&live, address(1)));
	assert_false(live_remove(&live, address(1), &out));
	live_deinit(&live);
}

static void address_has_one_place(void **state)
{
	struct live live = { 0 };

	(void)state;
	for (unsigned round = 0; round < 100; round++) {
		for (unsigned i = 0; i < 50; i++)
			add_new(&live, address(i), round + i);
		for (unsigned i = 0; i < 50; i++)
			take_out(&live, address(i), round + i);
	}
	assert_int_equal(live.used, 50);
	assert_int_equal(live.freed, 50);
	live_deinit(&live);
}

/* Freed addresses are forgotten, the first ones first, before they take more. */
static void nothing_grows_while_few_live(void **state)
{
	struct live live = { 0 }, was;

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		if (i == MANY / 2)
			was = live;
		add_new(&live, address(i), i);
		if (i >= 10)
			take_out(&live, address(i - 10), i - 10);
	}
	assert_int_equal(live.used, was.used);
	assert_int_equal(live.capacity, was.capacity);
	assert_int_equal(live.index_bits, was.index_bits);
	assert_null(live_freed(&live, address(MANY - 11 - live.freed)));
	for (unsigned i = 0; i < live.freed; i++)
		assert_non_null(live_freed(&live, address(MANY - 11 - i)));
	for (unsigned i = MANY - 10; i < MANY; i++)
		take_out(&live, address(i), i);
	live_deinit(&live);
}

static size_t bytes(const struct live *live)
{
	return live->capacity * sizeof(*live->blocks) +
	       (sizeof(*live->index) << live->index_bits);
}

static void block_takes_48_bytes(void **state)
{
	struct live live = { 0 };

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		add_new(&live, address(i), i);
		if (i > 100000)
			assert_in_range(bytes(&live), 0, (i + 1) * 48);
	}
	for (unsigned i = 0; i < MANY; i++)
		take_out(&live, address(i * 7919u % MANY), i * 7919u % MANY);
	live_deinit(&live);
}

static void walk_meets_what_lives(void **state)
{
	bool met[100] = { false };
	struct live live = { 0 };
	const struct live_block *block;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		add_new(&live, address(i), i);
	for (unsigned i = 0; i < 100; i += 2)
		take_out(&live, address(i), i);
	live_forget_freed(&live, address(0));
	for (size_t at = 0; (block = live_next(&live, &at));) {
		uint64_t i = block->block.time_ns;

		assert_int_equal(block->addr, address(i));
		assert_ptr_equal(live_at(&live, block->addr), &block->block);
		assert_false(met[i]);
		met[i] = true;
	}
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(met[i], i % 2);
	assert_null(live_at(&live, address(0)));
	assert_null(live_at(&live, address(2)));
	live_deinit(&live);
}

static void cleared_it_forgets_and_works_on(void **state)
{
	struct live live = { 0 };
	struct block block;

	(void)state;
	for (unsigned i = 0; i < 5000; i++)
		add_new(&live, address(i), i);
	for (unsigned i = 0; i < 2500; i++)
		take_out(&live, address(i), i);
	live_clear(&live);
	for (unsigned i = 0; i < 5000; i++) {
		assert_null(live_freed(&live, address(i)));
		assert_false(live_remove(&live, address(i), &block));
	}
	for (unsigned i = 0; i < 5000; i++)
		add_new(&live, address(i), 2 * i);
	for (unsigned i = 0; i < 5000; i++)
		take_out(&live, address(i), 2 * i);
	live_deinit(&live);
	assert_null(live.blocks);
	live_clear(&live);
	live_deinit(&live);
}

static void a_freed_one_is_remembered(void **state)
{
	struct live live = { 0 };
	struct block block;

	(void)state;
	add_new(&live, address(1), 77);
	assert_true(live_free(&live, address(1), 5, 1234, &block));
	assert_int_equal(live_freed(&live, address(1))->site, block.site);
	assert_int_equal(live_freed(&live, address(1))->free_site, 5);
	assert_int_equal(live_freed(&live, address(1))->freed_ms, 1234);
	live_deinit(&live);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

struct model {
	bool live[PLACES], freed[PLACES];
	struct block block[PLACES];
};

static void add_any(struct live *live, struct model *model, unsigned i, uint64_t n)
{
	struct block block = block_of(n), old;
	bool had_old;

	assert_true(live_add(live, address(i), &block, &old, &had_old));
	assert_int_equal(had_old, model->live[i]);
	assert_true(!had_old || is_same(&old, &model->block[i]));
	model->block[i] = block;
	model->live[i] = true;
	model->freed[i] = false;
}

static void remove_any(struct live *live, struct model *model, unsigned i)
{
	struct block block;

	assert_int_equal(live_remove(live, address(i), &block), model->live[i]);
	assert_true(!model->live[i] || is_same(&block, &model->block[i]));
	model->freed[i] |= model->live[i];
	model->live[i] = false;
}

static void as_a_simple_model_has_it(void **state)
{
	struct model *model = calloc(1, sizeof(*model));
	struct live live = { 0 };
	uint64_t random = 88172645463325252u;

	(void)state;
	for (unsigned n = 0; n < OPERATIONS; n++) {
		uint64_t what = next_random(&random);
		unsigned i = what / 2 % PLACES;

		if (what % 2)
			add_any(&live, model, i, what / 2);
		else
			remove_any(&live, model, i);
		assert_int_equal(live_freed(&live, address(i)) != NULL, model->freed[i]);
	}
	for (unsigned i = 0; i < PLACES; i++) {
		assert_int_equal(live_freed(&live, address(i)) != NULL, model->freed[i]);
		remove_any(&live, model, i);
	}
	assert_int_equal(live.freed, live.used);
	live_deinit(&live);
	free(model);
}

static void copy_goes_its_own_way(void **state)
{
	struct live live = { 0 }, copy = { 0 }, empty = { 0 };
	struct block block;

	(void)state;
	assert_true(live_copy(&copy, &empty));
	assert_false(live_remove(&copy, address(1), &block));
	live_deinit(&copy);
	for (unsigned i = 0; i < 3000; i++)
		add_new(&live, address(i), i);
	for (unsigned i = 0; i < 3000; i += 3)
		take_out(&live, address(i), i);
	assert_true(live_copy(&copy, &live));
	for (unsigned i = 0; i < 3000; i++) {
		assert_int_equal(live_freed(&copy, address(i)) != NULL, i % 3 == 0);
		if (i % 3 == 0)
			add_new(&copy, address(i), i + 7);
		else
			take_out(&copy, address(i), i);
	}
	for (unsigned i = 0; i < 3000; i++) {
		assert_int_equal(live_freed(&live, address(i)) != NULL, i % 3 == 0);
		if (i % 3)
			take_out(&live, address(i), i);
	}
	live_deinit(&live);
	for (unsigned i = 0; i < 3000; i += 3)
		take_out(&copy, address(i), i + 7);
	live_deinit(&copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(block_comes_and_goes),
		cmocka_unit_test(block_that_is_there_is_replaced),
		cmocka_unit_test(unknown_address_was_never_freed),
		cmocka_unit_test(what_was_handed_out_unseen_was_not_freed),
		cmocka_unit_test(address_has_one_place),
		cmocka_unit_test(nothing_grows_while_few_live),
		cmocka_unit_test(block_takes_48_bytes),
		cmocka_unit_test(walk_meets_what_lives),
		cmocka_unit_test(cleared_it_forgets_and_works_on),
		cmocka_unit_test(a_freed_one_is_remembered),
		cmocka_unit_test(as_a_simple_model_has_it),
		cmocka_unit_test(copy_goes_its_own_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
