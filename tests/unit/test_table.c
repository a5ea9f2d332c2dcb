/* The table, against a model that is too simple to be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "table.h"

#define KEYS 3000
#define OPERATIONS 200000

struct model { /* of table keys key_of(0) to key_of(KEYS - 1) */
	uint64_t (*key_of)(unsigned);
	bool there[KEYS];
	uint64_t value[KEYS];
	size_t count;
};

static uint64_t consecutive(unsigned i)
{
	return i + 1;
}

static uint64_t address(unsigned i)
{
	return 0x7ffff0000010 + 16 * (uint64_t)i;
}

/* Multiples of 2^44 begin their search at the same slot, whatever the capacity. */
static uint64_t colliding(unsigned i)
{
	return (uint64_t)(i + 1) << 44;
}

/* Runs of colliding keys between others, some of which run into the table's end. */
static uint64_t mixed(unsigned i)
{
	return i % 3 ? colliding(i) : UINT64_MAX - i;
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void put(struct table *table, struct model *model, unsigned i, uint64_t value)
{
	uint64_t *at = table_put(table, model->key_of(i));

	assert_non_null(at);
	assert_int_equal(*at, model->there[i] ? model->value[i] : 0);
	*at = model->value[i] = value;
	model->count += !model->there[i];
	model->there[i] = true;
}

static void find(const struct table *table, const struct model *model, unsigned i)
{
	const uint64_t *at = table_find(table, model->key_of(i));

	assert_int_equal(at != NULL, model->there[i]);
	if (at)
		assert_int_equal(*at, model->value[i]);
}

static void take_out(struct table *table, struct model *model, unsigned i)
{
	assert_int_equal(table_remove(table, model->key_of(i)), model->there[i]);
	model->count -= model->there[i];
	model->there[i] = false;
}

static unsigned number_of(const struct model *model, uint64_t key)
{
	for (unsigned i = 0; i < KEYS; i++)
		if (model->key_of(i) == key)
			return i;
	fail_msg("no such key: %#llx", (unsigned long long)key);
	return 0;
}

static void next_visits_each_once(const struct table *table, const struct model *model)
{
	bool *visited = calloc(KEYS, sizeof(*visited));
	const struct table_slot *slot;
	size_t at = 0, count = 0;

	while ((slot = table_next(table, &at))) {
		unsigned i = number_of(model, slot->key);

		assert_true(model->there[i]);
		assert_false(visited[i]);
		assert_int_equal(slot->value, model->value[i]);
		visited[i] = true;
		count++;
	}
	assert_null(table_next(table, &at));
	assert_int_equal(count, model->count);
	free(visited);
}

/* Keys in [0, range) only: a small range makes every key come and go often. */
static void operate(struct table *table, struct model *model, unsigned operations,
		    unsigned range)
{
	uint64_t random = 88172645463325252u + range;

	for (unsigned n = 0; n < operations; n++) {
		uint64_t what = next_random(&random), value = next_random(&random);
		unsigned i = what / 8 % range;

		if (what % 8 < 3)
			put(table, model, i, value);
		else if (what % 8 < 6)
			take_out(table, model, i);
		else
			find(table, model, i);
		assert_int_equal(table->used, model->count);
		if (n % 20000 == 0)
			next_visits_each_once(table, model);
	}
	for (unsigned i = 0; i < KEYS; i++)
		find(table, model, i);
	next_visits_each_once(table, model);
}

static void compare(uint64_t (*key_of)(unsigned), unsigned range)
{
	struct model *model = calloc(1, sizeof(*model));
	struct table table = { 0 };

	model->key_of = key_of;
	operate(&table, model, OPERATIONS, range);
	table_deinit(&table);
	assert_null(table.slots);
	free(model);
}

static void consecutive_keys(void **state)
{
	(void)state;
	compare(consecutive, KEYS);
}

static void addresses(void **state)
{
	(void)state;
	compare(address, KEYS);
}

static void colliding_keys(void **state)
{
	(void)state;
	compare(colliding, 150);
}

static void colliding_keys_among_others(void **state)
{
	(void)state;
	compare(mixed, 90);
}

static void empty_table_has_nothing(void **state)
{
	struct table table = { 0 };
	size_t at = 0;

	(void)state;
	assert_null(table_find(&table, 1));
	assert_false(table_remove(&table, 1));
	assert_null(table_next(&table, &at));
	table_clear(&table);
	table_deinit(&table);
}

static void greatest_key_is_one_like_others(void **state)
{
	struct table table = { 0 };

	(void)state;
	*table_put(&table, UINT64_MAX) = 5;
	assert_int_equal(*table_find(&table, UINT64_MAX), 5);
	assert_null(table_find(&table, UINT64_MAX - 1));
	assert_true(table_remove(&table, UINT64_MAX));
	assert_false(table_remove(&table, UINT64_MAX));
	table_deinit(&table);
}

static void clear_keeps_the_memory_and_works_on(void **state)
{
	struct model *model = calloc(1, sizeof(*model));
	struct table table = { 0 };

	(void)state;
	model->key_of = mixed;
	for (int round = 0; round < 3; round++) {
		size_t capacity, at = 0;

		operate(&table, model, 5000, KEYS);
		capacity = table.capacity;
		table_clear(&table);
		*model = (struct model){ .key_of = mixed };
		assert_int_equal(table.capacity, capacity);
		assert_int_equal(table.used, 0);
		assert_null(table_next(&table, &at));
		for (unsigned i = 0; i < KEYS; i++)
			find(&table, model, i);
	}
	table_deinit(&table);
	free(model);
}

static void entries_may_be_changed_while_walking(void **state)
{
	struct table table = { 0 };
	struct table_slot *slot;
	size_t at = 0;

	(void)state;
	for (uint64_t key = 1; key <= 1000; key++)
		*table_put(&table, key) = key;
	while ((slot = table_next(&table, &at)))
		slot->value *= 3;
	for (uint64_t key = 1; key <= 1000; key++)
		assert_int_equal(*table_find(&table, key), 3 * key);
	table_deinit(&table);
}

static void copy_goes_its_own_way(void **state)
{
	struct table table = { 0 }, copy = { 0 };

	(void)state;
	assert_true(table_copy(&copy, &table));
	assert_null(table_find(&copy, 1));
	for (uint64_t key = 1; key <= 1000; key++)
		*table_put(&table, key) = key;
	assert_true(table_copy(&copy, &table));
	for (uint64_t key = 1; key <= 1000; key += 2)
		assert_true(table_remove(&copy, key));
	*table_put(&copy, 2000) = 1;
	for (uint64_t key = 1; key <= 1000; key++) {
		assert_int_equal(*table_find(&table, key), key);
		assert_int_equal(table_find(&copy, key) != NULL, key % 2 == 0);
	}
	assert_null(table_find(&table, 2000));
	table_deinit(&copy);
	table_deinit(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_table_has_nothing),
		cmocka_unit_test(greatest_key_is_one_like_others),
		cmocka_unit_test(consecutive_keys),
		cmocka_unit_test(addresses),
		cmocka_unit_test(colliding_keys),
		cmocka_unit_test(colliding_keys_among_others),
		cmocka_unit_test(clear_keeps_the_memory_and_works_on),
		cmocka_unit_test(entries_may_be_changed_while_walking),
		cmocka_unit_test(copy_goes_its_own_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
