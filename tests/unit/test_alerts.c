/* What is held by whom, and what is told of it. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alerts.h"
#include "analysis.h"

enum { LIMIT = 1000, SITE = 7, OTHER_SITE = 8, OWNER = 100, HELPER = 101, MS = 1000000 };

static const struct heap_program program;
static const struct heap_totals totals = { .live_bytes = 1 };
static struct alert_limits limits;
static struct alerts alerts;
static struct alert told[8];
static unsigned count;
static uint64_t now_ns;

const struct heap_program *heap_program(const struct heap *heap)
{
	(void)heap;
	return &program;
}

const struct heap_totals *heap_totals(const struct heap *heap)
{
	(void)heap;
	return &totals;
}

static void note(void *ctx, struct heap *heap, const struct alert *alert)
{
	(void)ctx, (void)heap;
	assert_true(count < sizeof(told) / sizeof(*told));
	told[count++] = *alert;
}

static int set_up(void **state)
{
	(void)state;
	limits = (struct alert_limits){ .delta = LIMIT, .time_ms = 60000 };
	alerts_init(&alerts, &limits, note, NULL);
	count = 0;
	now_ns = MS;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	alerts_deinit(&alerts);
	return 0;
}

static void hear(struct heap_event event)
{
	event.time_ns = now_ns += MS;
	alerts_hear(&alerts, (struct heap *)&program, &event);
}

static void allocate(int tid, uint32_t site, uint64_t size)
{
	hear((struct heap_event){ .kind = HEAP_EVENT_ALLOC, .tid = tid, .site = site, .size = size,
	                          .block = 0x1000 });
}

/* tid frees what OWNER has from SITE. */
static void free_of_owner(int tid, uint64_t size, uint64_t was_ns)
{
	hear((struct heap_event){ .kind = HEAP_EVENT_FREE, .tid = tid, .site = OTHER_SITE,
	                          .given = 0x1000, .state = HEAP_GIVEN_LIVE, .was_ns = was_ns,
	                          .was = { .size = size, .site = SITE, .tid = OWNER } });
}

static void reallocate(uint32_t site, uint64_t old, uint64_t new)
{
	hear((struct heap_event){ .kind = HEAP_EVENT_REALLOC, .tid = OWNER, .site = site,
	                          .given = 0x1000, .block = 0x2000, .size = new, .gone = true,
	                          .state = HEAP_GIVEN_LIVE, .was_ns = now_ns,
	                          .was = { .size = old, .site = SITE, .tid = OWNER } });
}

static void end(int tid)
{
	hear((struct heap_event){ .kind = HEAP_EVENT_THREAD_END, .tid = tid });
}

static void assert_told(unsigned i, enum alert_kind kind, int64_t delta, uint64_t total)
{
	assert_true(i < count);
	assert_int_equal(told[i].kind, kind);
	assert_int_equal(told[i].tid, OWNER);
	assert_int_equal(told[i].delta, delta);
	assert_int_equal(told[i].total, total);
}

static void pass_the_quiet_time(void)
{
	now_ns += (limits.time_ms + 1) * MS;
}

/* ---- realloc ------------------------------------------------------------------------------ */

static void a_large_block_that_grows_a_little_is_no_alert(void **state)
{
	(void)state;
	allocate(OWNER, SITE, 4 * LIMIT);
	for (int i = 0; i < 10; i++) {
		pass_the_quiet_time();
		reallocate(SITE, 4 * LIMIT + i, 4 * LIMIT + i + 1);
	}
	assert_int_equal(count, 1);
	assert_told(0, ALERT_GROWTH, 4 * LIMIT, 4 * LIMIT);
	reallocate(SITE, 4 * LIMIT + 10, 5 * LIMIT + 1);
	assert_int_equal(count, 2);
	assert_told(1, ALERT_GROWTH, LIMIT + 1, 5 * LIMIT + 1);
}

static void what_realloc_moves_to_another_site_is_judged_at_both(void **state)
{
	(void)state;
	allocate(OWNER, SITE, 4 * LIMIT);
	pass_the_quiet_time();
	reallocate(OTHER_SITE, 4 * LIMIT, 4 * LIMIT);
	assert_int_equal(count, 3);
	assert_told(1, ALERT_SHRINKAGE, -4 * LIMIT, 0);
	assert_int_equal(told[1].site, SITE);
	assert_told(2, ALERT_GROWTH, 4 * LIMIT, 4 * LIMIT);
	assert_int_equal(told[2].site, OTHER_SITE);
}

/* ---- threads that have ended ---------------------------------------------------------------- */

static void what_an_ended_thread_has_left_is_freed_by_another(void **state)
{
	(void)state;
	allocate(OWNER, SITE, 2 * LIMIT);
	end(OWNER);
	pass_the_quiet_time();
	free_of_owner(HELPER, 2 * LIMIT, now_ns);
	assert_int_equal(count, 2);
	assert_told(1, ALERT_SHRINKAGE, -2 * LIMIT, 0);
}

static void the_next_one_of_its_number_begins_anew(void **state)
{
	(void)state;
	allocate(OWNER, SITE, 2 * LIMIT);
	free_of_owner(OWNER, 2 * LIMIT, now_ns);
	end(OWNER);
	allocate(OWNER, SITE, 3 * LIMIT);
	assert_int_equal(count, 2);
	assert_told(1, ALERT_GROWTH, 3 * LIMIT, 3 * LIMIT);
}

static void and_is_not_told_of_for_what_the_last_one_left(void **state)
{
	(void)state;
	allocate(OWNER, SITE, LIMIT);
	end(OWNER);
	allocate(OWNER, SITE, LIMIT);
	assert_int_equal(count, 0);
	allocate(OWNER, SITE, 1);
	assert_int_equal(count, 1);
	assert_told(0, ALERT_GROWTH, LIMIT + 1, 2 * LIMIT + 1);
	end(OWNER);
}

/* ---- what is kept ------------------------------------------------------------------------- */

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t allocated_bytes(void)
{
	return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes() :
	                                                 mallinfo2().uordblks;
}

static void run_threads(unsigned number)
{
	for (unsigned tid = 1; tid <= number; tid++) {
		for (uint32_t site = 1; site <= 256; site++)
			allocate((int)tid, site, 0);
		end((int)tid);
	}
}

static void nothing_is_kept_of_threads_that_have_ended_and_left_nothing(void **state)
{
	size_t before;

	(void)state;
	run_threads(1);
	before = allocated_bytes();
	run_threads(100);
	assert_int_equal(allocated_bytes(), before);
}

static void nothing_is_kept_by_thread_and_site_for_the_whole_process_alone(void **state)
{
	size_t before;

	(void)state;
	limits = (struct alert_limits){ .live = LIMIT, .time_ms = 1 };
	allocate(OWNER, SITE, 1);
	before = allocated_bytes();
	for (uint32_t site = 1; site <= 1000; site++)
		allocate(OWNER, site, 1);
	assert_int_equal(allocated_bytes(), before);
}

static void what_was_there_when_growth_is_asked_for_later_does_not_count(void **state)
{
	uint64_t then;

	(void)state;
	limits.delta = 0;
	limits.live = LIMIT;
	allocate(OWNER, SITE, 5 * LIMIT);
	then = now_ns;
	limits.delta = LIMIT;
	allocate(OWNER, SITE, LIMIT + 1);
	pass_the_quiet_time();
	free_of_owner(OWNER, 5 * LIMIT, then);
	assert_int_equal(count, 1);
	assert_told(0, ALERT_GROWTH, LIMIT + 1, LIMIT + 1);
}

#define with_alerts(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_alerts(a_large_block_that_grows_a_little_is_no_alert),
		with_alerts(what_realloc_moves_to_another_site_is_judged_at_both),
		with_alerts(what_an_ended_thread_has_left_is_freed_by_another),
		with_alerts(the_next_one_of_its_number_begins_anew),
		with_alerts(and_is_not_told_of_for_what_the_last_one_left),
		with_alerts(nothing_is_kept_of_threads_that_have_ended_and_left_nothing),
		with_alerts(nothing_is_kept_by_thread_and_site_for_the_whole_process_alone),
		with_alerts(what_was_there_when_growth_is_asked_for_later_does_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
