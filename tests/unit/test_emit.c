/* For whom the analysis is woken from a nap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/emit.h"
#include "tracer/space.h"

#define SIZE (64 * 1024)

static bool is_gone(void)
{
	return false;
}

static bool rings(struct tracer *tracer)
{
	uint64_t times;

	return read(tracer->doorbell, &times, sizeof(times)) == sizeof(times);
}

static void test_who_is_held_at_a_mapping_does_not_wait_for_the_end_of_it(void **state)
{
	const struct arch_frame nowhere = { 0 };
	const struct map_call call = { 0 };
	struct space space = { 0 };
	struct thread thread = { .space = &space };
	struct tracer tracer = { .doorbell = eventfd(0, EFD_NONBLOCK) };

	(void)state;
	assert_int_equal(ring_init(&tracer.records, SIZE), 0);
	emit_init(&tracer, is_gone);
	ring_set_reader(&tracer.records, RING_NAPPING);
	emit_map(&thread, &call, &nowhere, false);
	assert_false(rings(&tracer));
	emit_map(&thread, &call, &nowhere, true);
	assert_true(rings(&tracer));
	ring_deinit(&tracer.records);
	close(tracer.doorbell);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_is_held_at_a_mapping_does_not_wait_for_the_end_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
