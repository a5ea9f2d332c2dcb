/* What a function that was found by its code is believed for, call by call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "analysis/trial.h"

#define HEAP UINT64_C(0x5555000000)
#define RW (PROT_READ | PROT_WRITE)

static const struct trial fresh = { .trust = HEAP_ON_TRIAL };

static bool count_all(struct trial *trial, enum fit fit, unsigned times)
{
	bool stands = true;

	for (unsigned i = 0; i < times; i++)
		stands = trial_count(trial, fit);
	return stands;
}

/* ---- how many ----------------------------------------------------------------------------- */

static void enough_that_fit_confirm(void **state)
{
	struct trial trial = fresh;

	(void)state;
	assert_true(count_all(&trial, FIT_YES, TRIAL_CALLS - 1));
	assert_int_equal(trial.trust, HEAP_ON_TRIAL);
	assert_true(trial_count(&trial, FIT_YES));
	assert_int_equal(trial.trust, HEAP_CONFIRMED);
	assert_int_equal(trial.fitted, TRIAL_CALLS);
	assert_true(trial_count(&trial, FIT_NEVER)); /* it is watched no more */
	assert_int_equal(trial.trust, HEAP_CONFIRMED);
}

static void one_that_cannot_be_refutes(void **state)
{
	struct trial trial = fresh;

	(void)state;
	assert_true(count_all(&trial, FIT_YES, TRIAL_CALLS - 1));
	assert_false(trial_count(&trial, FIT_NEVER));
	assert_int_equal(trial.trust, HEAP_REFUTED);
}

static void one_odd_call_is_the_programs(void **state)
{
	struct trial trial = fresh;

	(void)state;
	assert_true(trial_count(&trial, FIT_ODD));
	assert_int_equal(trial.trust, HEAP_ON_TRIAL);
	assert_false(trial_count(&trial, FIT_ODD));
	assert_int_equal(trial.trust, HEAP_REFUTED);
}

static void odd_calls_refute_when_they_are_the_most(void **state)
{
	struct trial trial = fresh;

	(void)state;
	assert_true(count_all(&trial, FIT_YES, 5));
	assert_true(count_all(&trial, FIT_ODD, 5));
	assert_int_equal(trial.trust, HEAP_ON_TRIAL);
	assert_false(trial_count(&trial, FIT_ODD));
}

static void what_is_not_known_counts_for_nothing(void **state)
{
	struct trial trial = fresh;

	(void)state;
	assert_true(count_all(&trial, FIT_UNKNOWN, 10 * TRIAL_CALLS));
	assert_int_equal(trial.trust, HEAP_ON_TRIAL);
	assert_int_equal(trial.fitted, 0);
	assert_int_equal(trial.unknown, 10 * TRIAL_CALLS);
}

static void one_with_a_name_needs_no_trial(void **state)
{
	struct trial trial = { .trust = HEAP_NAMED };

	(void)state;
	assert_true(count_all(&trial, FIT_NEVER, 3));
	assert_int_equal(trial.trust, HEAP_NAMED);
}

/* ---- where -------------------------------------------------------------------------------- */

static void map(struct vmas *vmas, taddr_t begin, uint64_t pages, uint8_t prot, uint8_t flags)
{
	struct vma vma = { .begin = begin, .end = begin + pages * 4096, .prot = prot,
		           .flags = flags };

	assert_true(vmas_put(vmas, &vma));
}

static void an_address_alone_may_be_none(void **state)
{
	(void)state;
	assert_int_equal(trial_address(0x10, 16), PLACE_NOWHERE);
	assert_int_equal(trial_address(0xfff0, 16), PLACE_NOWHERE);
	assert_int_equal(trial_address(0x10000, 16), PLACE_HEAP);
	assert_int_equal(trial_address(0x7fffffffff8, 16), PLACE_CROOKED);
	assert_int_equal(trial_address(0x7fffffffff0, 16), PLACE_HEAP);
	assert_int_equal(trial_address(UINT64_C(1) << 56, 16), PLACE_NOWHERE);
	assert_int_equal(trial_address(UINT64_MAX & ~UINT64_C(15), 16), PLACE_NOWHERE); /* -ENOMEM */
}

static void all_of_a_block_must_be_memory(void **state)
{
	struct vmas vmas = { 0 };

	(void)state;
	map(&vmas, HEAP, 1, RW, 0);
	map(&vmas, HEAP + 4096, 1, RW | PROT_EXEC, 0);
	assert_int_equal(trial_place(&vmas, HEAP, 0), PLACE_HEAP);
	assert_int_equal(trial_place(&vmas, HEAP, 8192), PLACE_HEAP);
	assert_int_equal(trial_place(&vmas, HEAP + 8176, 16), PLACE_HEAP);
	assert_int_equal(trial_place(&vmas, HEAP, 8193), PLACE_NOT_MAPPED);
	assert_int_equal(trial_place(&vmas, HEAP + 8192, 0), PLACE_NOT_MAPPED);
	assert_int_equal(trial_place(&vmas, HEAP - 16, 1), PLACE_NOT_MAPPED);
	assert_int_equal(trial_place(&vmas, HEAP, UINT64_MAX), PLACE_NOT_MAPPED);
	assert_int_equal(trial_place(&vmas, HEAP + 8, 16), PLACE_CROOKED);
	assert_int_equal(trial_place(&vmas, HEAP + 8, 15), PLACE_HEAP);
	assert_int_equal(trial_place(&vmas, HEAP + 4, 4), PLACE_CROOKED);
	vmas_clear(&vmas);
}

static void other_memory_is_told_apart(void **state)
{
	struct vmas vmas = { 0 };

	(void)state;
	map(&vmas, HEAP, 1, RW, 0);
	map(&vmas, HEAP + 4096, 1, PROT_READ, 0);
	map(&vmas, HEAP + 2 * 4096, 1, RW, VMA_GROWS_DOWN);
	map(&vmas, HEAP + 3 * 4096, 1, RW, VMA_FILE);
	assert_int_equal(trial_place(&vmas, HEAP, 4097), PLACE_LOCKED);
	assert_int_equal(trial_place(&vmas, HEAP + 4096, 1), PLACE_LOCKED);
	assert_int_equal(trial_place(&vmas, HEAP + 2 * 4096, 1), PLACE_STACK);
	assert_int_equal(trial_place(&vmas, HEAP + 3 * 4096, 1), PLACE_FILE);
	vmas_clear(&vmas);
}

static void what_a_place_means(void **state)
{
	static const enum fit fits[] = {
		[PLACE_HEAP] = FIT_YES, [PLACE_CROOKED] = FIT_NEVER, [PLACE_NOWHERE] = FIT_NEVER,
		[PLACE_MODULE] = FIT_NEVER, [PLACE_NOT_MAPPED] = FIT_ODD, [PLACE_LOCKED] = FIT_ODD,
		[PLACE_STACK] = FIT_ODD, [PLACE_FILE] = FIT_UNKNOWN, [PLACE_UNKNOWN] = FIT_UNKNOWN,
	};

	(void)state;
	for (unsigned place = 0; place < countof(fits); place++) {
		assert_int_equal(trial_fit(place), fits[place]);
		assert_non_null(trial_tell(place));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(enough_that_fit_confirm),
		cmocka_unit_test(one_that_cannot_be_refutes),
		cmocka_unit_test(one_odd_call_is_the_programs),
		cmocka_unit_test(odd_calls_refute_when_they_are_the_most),
		cmocka_unit_test(what_is_not_known_counts_for_nothing),
		cmocka_unit_test(one_with_a_name_needs_no_trial),
		cmocka_unit_test(an_address_alone_may_be_none),
		cmocka_unit_test(all_of_a_block_must_be_memory),
		cmocka_unit_test(other_memory_is_told_apart),
		cmocka_unit_test(what_a_place_means),
	};

	return cmocka_run_group_tests_name("trial", tests, NULL, NULL);
}
