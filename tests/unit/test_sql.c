/* Rows on their way to a database: what is put in comes out, and the schema holds together. */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sql/batch.h"
#include "sql/known.h"
#include "sql/queue.h"

static void assert_number(const struct value *value, int64_t expected)
{
	assert_int_equal(value->kind, VALUE_NUMBER);
	assert_true(value->number == expected);
}

static void numbers_of_every_length(void **state)
{
	static const uint64_t edges[] = { 0, 1, 0xff, 0x100, 0xffff, 0x10000, 0xffffff, 0x1000000,
		                          UINT32_MAX, UINT64_C(1) << 32, UINT64_C(1) << 40,
		                          UINT64_C(1) << 48, UINT64_C(1) << 56, INT64_MAX,
		                          UINT64_C(1) << 63, UINT64_MAX };
	struct batch *batch = batch_new();
	struct value values[COLUMNS_MAX];
	enum relation_id relation;
	size_t at = 0;

	(void)state;
	for (size_t i = 0; i < countof(edges); i++)
		assert_true(batch_add(batch, TRACE, (const struct value[COLUMNS_MAX]){
			[TRACE_VERSION] = number(edges[i]),
			[TRACE_COMPLETE] = number(UINT64_MAX - edges[i]) }));
	for (size_t i = 0; i < countof(edges); i++) {
		assert_true(batch_next(batch, &at, &relation, values));
		assert_int_equal(relation, TRACE);
		assert_number(&values[TRACE_VERSION], (int64_t)edges[i]);
		assert_int_equal(values[TRACE_BEGAN_US].kind, VALUE_NULL);
		assert_number(&values[TRACE_COMPLETE], (int64_t)(UINT64_MAX - edges[i]));
	}
	assert_false(batch_next(batch, &at, &relation, values));
	batch_free(batch);
}

static void assert_text(const struct value *value, const char *expected)
{
	assert_int_equal(value->kind, VALUE_TEXT);
	assert_int_equal(value->len, strlen(expected));
	assert_memory_equal(value->text, expected, value->len);
}

static void texts_are_utf8(void **state)
{
	struct batch *batch = batch_new();
	struct value values[COLUMNS_MAX];
	size_t at = 0;

	(void)state;
	batch_add(batch, MARKS, (const struct value[COLUMNS_MAX]){
		[MARK_EVENT] = id(7), [MARK_ACTION] = text("a\xff\n"), [MARK_NAME] = text(""),
		[MARK_DETAIL] = text("\xc3\xa9'\t\\") });
	batch_add(batch, TRACE, (const struct value[COLUMNS_MAX]){ [TRACE_VERSION] = id(0) });
	assert_false(batch_next_of(batch, &at, EVENTS, values));
	at = 0;
	assert_true(batch_next_of(batch, &at, TRACE, values));
	assert_int_equal(values[TRACE_VERSION].kind, VALUE_NULL);
	at = 0;
	assert_true(batch_next_of(batch, &at, MARKS, values));
	assert_number(&values[MARK_EVENT], 7);
	assert_text(&values[MARK_ACTION], "a\xef\xbf\xbd\n");
	assert_text(&values[MARK_NAME], "");
	assert_text(&values[MARK_DETAIL], "\xc3\xa9'\t\\");
	assert_int_equal(batch->rows[MARKS], 1);
	batch_free(batch);
}

static void many_rows(void **state)
{
	struct batch *batch = batch_new();
	struct value values[COLUMNS_MAX];
	enum relation_id relation;
	size_t at = 0;

	(void)state;
	for (uint64_t i = 0; i < 100000; i++)
		assert_true(batch_add(batch, i % 2 ? EVENTS : BLOCKS,
		                      (const struct value[COLUMNS_MAX]){ number(i) }));
	for (uint64_t i = 0; i < 100000; i++) {
		assert_true(batch_next(batch, &at, &relation, values));
		assert_int_equal(relation, i % 2 ? EVENTS : BLOCKS);
		assert_number(&values[0], (int64_t)i);
	}
	batch_free(batch);
}

/* Every column has a name, what refers to a table refers to one with an id. */
static void the_schema_is_whole(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RELATIONS; i++) {
		bool has_key = false;

		assert_non_null(relations[i].name);
		assert_in_range(relations[i].count, 1, COLUMNS_MAX);
		for (unsigned c = 0; c < relations[i].count; c++) {
			const struct column *column = &relations[i].columns[c];

			assert_non_null(column->name);
			has_key |= column->key;
			if (column->to != TRACE)
				assert_string_equal(relations[column->to].columns[0].name, "id");
		}
		assert_true(has_key);
		for (unsigned c = relations[i].count; c < COLUMNS_MAX; c++)
			assert_null(relations[i].columns[c].name);
	}
}

/* ---- live blocks --------------------------------------------------------------------------- */

static void blocks_come_and_go(void **state)
{
	struct known *known = known_new(NULL, 1);
	struct live_block block;

	(void)state;
	for (uint64_t i = 1; i <= 5000; i++)
		assert_true(known_add(known, &(struct live_block){ .id = i, .address = i * 16 }));
	for (uint64_t i = 1; i <= 5000; i += 2) {
		assert_true(known_take(known, i * 16, &block));
		assert_int_equal(block.id, i);
		assert_false(known_take(known, i * 16, &block));
	}
	for (uint64_t i = 2; i <= 5000; i += 2) {
		assert_true(known_take(known, i * 16, &block));
		assert_int_equal(block.id, i);
	}
	assert_int_equal(known->count, 0);
	assert_false(known_take(known, 0, &block));
	known_free(known);
}

static void a_child_inherits_what_is_live(void **state)
{
	struct known *parent = known_new(NULL, 1), *child = known_new(NULL, 2);
	struct known *grandchild = known_new(NULL, 3);
	struct live_block block = { .id = 5, .address = 16 }, held = { .id = 6, .address = 32 };

	(void)state;
	known_add(parent, &block);
	known_hold(parent, 77, &held);
	assert_true(known_inherit(child, parent));
	assert_true(known_inherit(grandchild, child));
	assert_int_equal(grandchild->count, 2);
	assert_true(known_take(grandchild, 16, &block));
	assert_true(block.id == 0 && block.inherited == 5);
	assert_true(known_take(grandchild, 32, &block));
	assert_true(block.id == 0 && block.inherited == 6);
	assert_int_equal(known_held(parent, 77)->id, 6);
	assert_null(known_held(child, 77));
	assert_true(known_release(parent, 77, &block));
	assert_false(known_release(parent, 77, &block));
	known_free(parent);
	known_free(child);
	known_free(grandchild);
}

/* ---- the queue ----------------------------------------------------------------------------- */

#define TOO_MANY 2000 /* batches */

static sem_t may_write;
static uint64_t rows_written;
static bool finished;

static bool begin(struct store *store)
{
	(void)store;
	return true;
}

static bool write_slowly(struct store *store, const struct batch *batch)
{
	(void)store;
	sem_wait(&may_write);
	rows_written += batch->rows[TRACE];
	return true;
}

static bool write_never(struct store *store, const struct batch *batch)
{
	(void)batch;
	return store_fails(store, "%s", "it burns");
}

static bool finish(struct store *store)
{
	(void)store;
	return finished = true;
}

static bool close_store(struct store *store, bool untouched)
{
	assert_false(untouched);
	free(store);
	return true;
}

static const struct dialect slow = { .begin = begin, .write = write_slowly, .finish = finish,
	                             .close = close_store };
static const struct dialect broken = { .begin = begin, .write = write_never, .finish = finish,
	                               .close = close_store };

static struct queue *new_queue(const struct dialect *dialect, bool waits)
{
	char why[SQL_WHY];

	rows_written = 0;
	finished = false;
	sem_init(&may_write, 0, 0);
	return queue_new(store_new(dialect, sizeof(struct store), why), waits);
}

static void put_row(struct queue *queue)
{
	queue_put(queue, TRACE, (const struct value[COLUMNS_MAX]){ id(1) });
	queue_flush(queue);
}

static void let_write(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		sem_post(&may_write);
}

/* Nobody waits; what was taken is written, and that it is not all is told. */
static void a_disk_that_cannot_keep_up(void **state)
{
	struct queue *queue = new_queue(&slow, false);
	char why[SQL_WHY];
	uint64_t taken = 0;

	(void)state;
	for (unsigned i = 0; i < TOO_MANY; i++) {
		taken += queue_takes(queue);
		put_row(queue);
	}
	assert_false(queue_takes(queue));
	assert_true(queue_failed(queue, why));
	let_write(TOO_MANY);
	assert_false(queue_close(queue, why));
	assert_string_equal(why, "the disk cannot keep up; --on-block wait makes the program wait "
	                         "for it");
	assert_true(rows_written == taken && taken < TOO_MANY && finished);
}

static void *release_later(void *unused)
{
	(void)unused;
	let_write(TOO_MANY);
	return NULL;
}

static void a_disk_that_is_waited_for(void **state)
{
	struct queue *queue = new_queue(&slow, true);
	char why[SQL_WHY];
	pthread_t thread;

	(void)state;
	pthread_create(&thread, NULL, release_later, NULL);
	for (unsigned i = 0; i < TOO_MANY; i++)
		put_row(queue);
	assert_true(queue_takes(queue));
	assert_true(queue_close(queue, why));
	pthread_join(thread, NULL);
	assert_true(rows_written == TOO_MANY && finished);
}

static void a_disk_that_fails(void **state)
{
	struct queue *queue = new_queue(&broken, true);
	char why[SQL_WHY];

	(void)state;
	while (queue_takes(queue))
		put_row(queue);
	assert_true(queue_failed(queue, why));
	assert_false(queue_close(queue, why));
	assert_string_equal(why, "it burns");
	assert_false(finished);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_of_every_length),
		cmocka_unit_test(texts_are_utf8),
		cmocka_unit_test(many_rows),
		cmocka_unit_test(the_schema_is_whole),
		cmocka_unit_test(blocks_come_and_go),
		cmocka_unit_test(a_child_inherits_what_is_live),
		cmocka_unit_test(a_disk_that_cannot_keep_up),
		cmocka_unit_test(a_disk_that_is_waited_for),
		cmocka_unit_test(a_disk_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
