/* Interned frames and sites, over modules of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analysis/catalog.h"
#include "analysis/site.h"

#define DEPTH 64

static struct named_range wrapper = { 0x401100, 0x401200, 17 };
static struct module prog = { .begin = 0x400000, .end = 0x410000, .named = &wrapper,
			      .named_count = 1 };
static struct module library = { .begin = 0x7f0000000000, .end = 0x7f0000200000 };
static struct module successor = { .begin = 0x7f0000000000, .end = 0x7f0000300000 };

static struct module *at_first[] = { &prog, &library }, *later[] = { &prog, &successor };
static struct modules modules;

static struct sites sites_new(void)
{
	modules = (struct modules){ .mapped = at_first, .mapped_count = countof(at_first) };
	return (struct sites){ .modules = &modules };
}

static uint32_t frame_at(struct sites *sites, taddr_t pc, bool exact)
{
	struct unwound_frame frame = { .regs.pc = pc, .exact = exact };
	uint32_t number = site_frame(sites, &frame);

	assert_in_range(number, 1, sites->frame_count);
	assert_int_equal(sites->frames[number - 1].addr, pc);
	assert_int_equal(sites->frames[number - 1].exact, exact);
	return number;
}

static const struct frame *frame(const struct sites *sites, uint32_t number)
{
	return &sites->frames[number - 1];
}

/* Innermost first. */
static uint32_t stack_with(struct sites *sites, const uint32_t *frames, unsigned count)
{
	uint32_t stack = 0;

	while (count--) {
		stack = site_stack(sites, frames[count], stack);
		assert_in_range(stack, 1, sites->stack_count);
	}
	return stack;
}

static void assert_stack(const struct sites *sites, uint32_t stack, const uint32_t *frames,
			 unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const struct stack *at = &sites->stacks[stack - 1];

		assert_in_range(stack, 1, sites->stack_count);
		assert_int_equal(at->frame, frames[i]);
		stack = at->callers;
	}
	assert_int_equal(stack, 0);
}

static uint32_t intern(struct sites *sites, int entry, int name, const uint32_t *frames,
		       unsigned count, bool expect_new)
{
	struct site_key key = { entry, name, stack_with(sites, frames, count) };
	bool is_new = !expect_new;
	uint32_t index = site_intern(sites, &key, &is_new);

	assert_int_equal(is_new, expect_new);
	assert_in_range(index, 0, sites->count - 1);
	assert_int_equal(sites->sites[index].view.id, index + 1);
	assert_int_equal(sites->sites[index].call_entry, entry);
	assert_int_equal(sites->sites[index].call_name, name);
	assert_stack(sites, sites->sites[index].stack, frames, count);
	return index;
}

static void equal_frames_have_one_number(void **state)
{
	struct sites sites = sites_new();
	uint32_t first = frame_at(&sites, 0x401000, false);

	(void)state;
	assert_int_equal(first, 1);
	assert_int_equal(frame_at(&sites, 0x401000, false), first);
	assert_int_equal(frame_at(&sites, 0x401001, false), 2);
	assert_int_equal(frame_at(&sites, 0x401000, true), 3);
	assert_int_equal(frame_at(&sites, 0x401000, true), 3);
	assert_int_equal(frame_at(&sites, 0x401000, false), first);
	assert_int_equal(sites.frame_count, 3);
	sites_deinit(&sites);
}

static void frames_know_their_module(void **state)
{
	struct sites sites = sites_new();

	(void)state;
	assert_ptr_equal(frame(&sites, frame_at(&sites, 0x401000, false))->module, &prog);
	assert_ptr_equal(frame(&sites, frame_at(&sites, 0x7f0000000123, false))->module,
			 &library);
	assert_null(frame(&sites, frame_at(&sites, 0x600000, false))->module);
	/* a call that is a module's last instruction returns behind its end */
	assert_ptr_equal(frame(&sites, frame_at(&sites, 0x410000, false))->module, &prog);
	assert_null(frame(&sites, frame_at(&sites, 0x410000, true))->module);
	assert_null(frame(&sites, frame_at(&sites, 0x400000, false))->module);
	assert_ptr_equal(frame(&sites, frame_at(&sites, 0x400000, true))->module, &prog);
	sites_deinit(&sites);
}

static void return_addresses_in_wrappers_are_named(void **state)
{
	struct sites sites = sites_new();

	(void)state;
	assert_int_equal(frame(&sites, frame_at(&sites, 0x401100, false))->named, CATALOG_NONE);
	assert_int_equal(frame(&sites, frame_at(&sites, 0x401101, false))->named, 17);
	assert_int_equal(frame(&sites, frame_at(&sites, 0x401200, false))->named, 17);
	assert_int_equal(frame(&sites, frame_at(&sites, 0x401201, false))->named, CATALOG_NONE);
	assert_int_equal(frame(&sites, frame_at(&sites, 0x7f0000001110, false))->named,
			 CATALOG_NONE);
	sites_deinit(&sites);
}

static void frames_outlive_their_module(void **state)
{
	struct sites sites = sites_new();
	uint32_t in_prog = frame_at(&sites, 0x401000, false);
	uint32_t in_library = frame_at(&sites, 0x7f0000001000, false);
	uint32_t in_successor;

	(void)state;
	modules.mapped = later;
	assert_int_equal(frame_at(&sites, 0x401000, false), in_prog);
	in_successor = frame_at(&sites, 0x7f0000001000, false);
	assert_int_not_equal(in_successor, in_library);
	assert_ptr_equal(frame(&sites, in_library)->module, &library);
	assert_ptr_equal(frame(&sites, in_successor)->module, &successor);
	modules.mapped = at_first; /* back at its place */
	assert_int_equal(frame_at(&sites, 0x7f0000001000, false), in_library);
	assert_int_equal(sites.frame_count, 3);
	sites_deinit(&sites);
}

static void many_frames_stay_apart(void **state)
{
	struct sites sites = sites_new();

	(void)state;
	for (int round = 0; round < 2; round++)
		for (uint32_t i = 0; i < 100000; i++) {
			taddr_t pc = i % 2 ? 0x400001 + i / 4 : 0x7f0000000001 + i / 4 * 16;

			assert_int_equal(frame_at(&sites, pc, i / 2 % 2), i + 1);
		}
	assert_int_equal(sites.frame_count, 100000);
	sites_deinit(&sites);
}

/* Each in a stack of its own, and the old slots as well, while a table grows. */
static void frame_takes_200_bytes(void **state)
{
	struct sites sites = sites_new();

	(void)state;
	for (size_t n = 1; n <= 100000; n++) {
		size_t bytes = sites.frame_capacity * sizeof(*sites.frames) +
		               sites.stack_capacity * sizeof(*sites.stacks);
		size_t slots = sites.frame_by_key.capacity + sites.stack_by_key.capacity;

		site_stack(&sites, frame_at(&sites, 0x401000 + n, false), 0);
		if (n > 20000)
			assert_in_range(bytes + slots * 3 / 2 * sizeof(struct table_slot), 0,
			                n * 200);
	}
	sites_deinit(&sites);
}

static void equal_callers_are_there_once(void **state)
{
	struct sites sites = sites_new();
	const uint32_t first[] = { 5, 6, 7 }, second[] = { 8, 6, 7 }, third[] = { 8, 5, 6, 7 };

	(void)state;
	assert_int_equal(stack_with(&sites, first, 3), 3);
	assert_int_equal(stack_with(&sites, second, 3), 4);
	assert_int_equal(stack_with(&sites, third, 4), 5);
	assert_int_equal(stack_with(&sites, first + 1, 2), 2);
	assert_int_equal(sites.stack_count, 5);
	assert_stack(&sites, 4, second, 3);
	assert_stack(&sites, 5, third, 4);
	sites_deinit(&sites);
}

static void stack_is_walked_outwards(void **state)
{
	struct sites sites = sites_new();
	const uint32_t frames[] = { frame_at(&sites, 0x401000, false),
		                    frame_at(&sites, 0x401050, false) };
	uint32_t stack = stack_with(&sites, frames, 2), at = stack;

	(void)state;
	assert_ptr_equal(site_walk(&sites, &at), frame(&sites, frames[0]));
	assert_ptr_equal(site_walk(&sites, &at), frame(&sites, frames[1]));
	assert_null(site_walk(&sites, &at));
	assert_null(site_walk(&sites, &at));
	assert_ptr_equal(site_frame_at(&sites, stack, 0), frame(&sites, frames[0]));
	assert_ptr_equal(site_frame_at(&sites, stack, 1), frame(&sites, frames[1]));
	assert_null(site_frame_at(&sites, stack, 2));
	assert_null(site_frame_at(&sites, 0, 0));
	sites_deinit(&sites);
}

static void equal_stacks_are_one_site(void **state)
{
	struct sites sites = sites_new();
	uint32_t frames[] = { 5, 6, 7 };

	(void)state;
	assert_int_equal(intern(&sites, 0, CATALOG_NONE, frames, 3, true), 0);
	assert_int_equal(intern(&sites, 0, CATALOG_NONE, frames, 3, false), 0);
	assert_int_equal(sites.sites[0].entry, 0);
	assert_int_equal(sites.count, 1);
	assert_int_equal(sites.stack_count, 3);
	sites_deinit(&sites);
}

static void whatever_differs_makes_another_site(void **state)
{
	struct sites sites = sites_new();
	const uint32_t frames[] = { 5, 6, 7 }, swapped[] = { 6, 5, 7 }, other[] = { 5, 6, 8 };

	(void)state;
	for (int round = 0; round < 2; round++) {
		bool first = round == 0;

		assert_int_equal(intern(&sites, 1, CATALOG_NONE, frames, 3, first), 0);
		assert_int_equal(intern(&sites, 2, CATALOG_NONE, frames, 3, first), 1);
		assert_int_equal(intern(&sites, 1, 2, frames, 3, first), 2);
		assert_int_equal(intern(&sites, 2, 1, frames, 3, first), 3);
		assert_int_equal(intern(&sites, 1, CATALOG_NONE, swapped, 3, first), 4);
		assert_int_equal(intern(&sites, 1, CATALOG_NONE, other, 3, first), 5);
		assert_int_equal(intern(&sites, 1, CATALOG_NONE, frames, 2, first), 6);
		assert_int_equal(intern(&sites, 1, CATALOG_NONE, frames + 1, 2, first), 7);
		assert_int_equal(intern(&sites, 1, CATALOG_NONE, frames, 1, first), 8);
		assert_int_equal(intern(&sites, 1, CATALOG_NONE, frames, 0, first), 9);
		assert_int_equal(intern(&sites, 2, CATALOG_NONE, frames, 0, first), 10);
	}
	assert_int_equal(sites.count, 11);
	sites_deinit(&sites);
}

/* The stack of number n: its digits to the base of 3, long common beginnings. */
static unsigned stack_of(uint32_t n, uint32_t *frames)
{
	for (unsigned i = 0; i < DEPTH; i++)
		frames[i] = 1000;
	for (unsigned i = DEPTH; n; n /= 3)
		frames[--i] = 1 + n % 3;
	return DEPTH;
}

static void many_sites_keep_their_order(void **state)
{
	struct sites sites = sites_new();
	uint32_t frames[DEPTH];

	(void)state;
	for (int round = 0; round < 2; round++)
		for (uint32_t n = 0; n < 20000; n++) {
			unsigned count = stack_of(n, frames);

			assert_int_equal(intern(&sites, n % 3, CATALOG_NONE, frames, count,
						round == 0), n);
		}
	assert_int_equal(sites.count, 20000);
	sites_deinit(&sites);
}

static void cleared_it_starts_anew(void **state)
{
	struct sites sites = sites_new();
	uint32_t frames[] = { 1, 2 };

	(void)state;
	for (int round = 0; round < 3; round++) {
		assert_int_equal(frame_at(&sites, 0x401000 + 16 * round, false), 1);
		assert_int_equal(frame_at(&sites, 0x401001 + 16 * round, false), 2);
		sites.frames[1].views = calloc(1, sizeof(*sites.frames->views));
		sites.frames[1].view_count = 1;
		sites.frames[1].views->function = strdup("a name that the sites own");
		assert_int_equal(intern(&sites, 3, CATALOG_NONE, frames, 2, true), 0);
		assert_int_equal(intern(&sites, 3, CATALOG_NONE, frames, 1, true), 1);
		assert_int_equal(intern(&sites, 3, CATALOG_NONE, frames, 2, false), 0);
		sites_clear(&sites);
		assert_int_equal(sites.count, 0);
		assert_int_equal(sites.frame_count, 0);
	}
	sites_deinit(&sites);
}

static void copy_has_the_same_numbers_and_counts_anew(void **state)
{
	struct sites sites = sites_new(), copy = { .modules = &modules };
	uint32_t stack[] = { frame_at(&sites, 0x401000, false), frame_at(&sites, 0x401050, true) };
	struct heap_site *view;

	(void)state;
	assert_int_equal(intern(&sites, 1, CATALOG_NONE, stack, 2, true), 0);
	assert_int_equal(intern(&sites, 2, CATALOG_NONE, stack, 1, true), 1);
	view = &sites.sites[1].view;
	*view = (struct heap_site){ .id = 2, .function = "malloc", .live_blocks = 3,
		                    .live_bytes = 30, .allocs = 5, .frees = 2, .peak_bytes = 50 };
	assert_true(sites_copy(&copy, &sites));
	sites_deinit(&sites);
	view = &copy.sites[1].view;
	assert_string_equal(view->function, "malloc");
	assert_int_equal(view->live_blocks, 3);
	assert_int_equal(view->live_bytes, 30);
	assert_int_equal(view->peak_bytes, 30);
	assert_int_equal(view->allocs + view->frees, 0);
	assert_int_equal(frame_at(&copy, 0x401000, false), stack[0]);
	assert_int_equal(frame_at(&copy, 0x401050, true), stack[1]);
	assert_int_equal(intern(&copy, 1, CATALOG_NONE, stack, 2, false), 0);
	assert_int_equal(intern(&copy, 2, CATALOG_NONE, stack, 2, true), 2);
	sites_deinit(&copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_frames_have_one_number),
		cmocka_unit_test(frames_know_their_module),
		cmocka_unit_test(return_addresses_in_wrappers_are_named),
		cmocka_unit_test(frames_outlive_their_module),
		cmocka_unit_test(many_frames_stay_apart),
		cmocka_unit_test(frame_takes_200_bytes),
		cmocka_unit_test(equal_callers_are_there_once),
		cmocka_unit_test(stack_is_walked_outwards),
		cmocka_unit_test(equal_stacks_are_one_site),
		cmocka_unit_test(whatever_differs_makes_another_site),
		cmocka_unit_test(many_sites_keep_their_order),
		cmocka_unit_test(cleared_it_starts_anew),
		cmocka_unit_test(copy_has_the_same_numbers_and_counts_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
