/* The outermost-call judge. Slots grow towards the stack's base, so that a caller's
 * is the higher one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plan.h"
#include "tracer/call.h"

#define MALLOC UINT64_C(0x7f0000001000)
#define CALLOC UINT64_C(0x7f0000002000)

#define MAIN UINT64_C(0x7ffff000) /* a slot on the main stack */
#define ABOVE UINT64_C(0x9ffff000) /* slots on handlers' own stacks */
#define BELOW UINT64_C(0x1ffff000)

static struct call call_at(taddr_t slot, taddr_t entry, uint8_t flags)
{
	return (struct call){ .slot = slot, .entry = entry, .flags = flags };
}

static void push(struct calls *calls, taddr_t slot, taddr_t entry)
{
	struct call call = call_at(slot, entry, PROBE_AWAIT);

	assert_int_equal(calls_push(calls, &call), 0);
}

static void push_barrier(struct calls *calls, taddr_t slot)
{
	push(calls, slot, 0);
}

static void pop(struct calls *calls, unsigned count)
{
	assert_true(calls->depth >= count);
	calls->depth -= count;
}

static void judge(const struct calls *calls, taddr_t slot, taddr_t entry,
		  enum call_verdict expected)
{
	static const char *const names[] = { "outermost", "nested", "abandoned", "left" };
	enum call_verdict verdict = calls_judge(calls, slot, entry);

	if (verdict != expected)
		fail_msg("%#llx: %s, not %s", (unsigned long long)slot, names[verdict],
			 names[expected]);
}

static void nothing_pending(void **state)
{
	struct calls calls = { .depth = 0 };

	(void)state;
	judge(&calls, MAIN, MALLOC, CALL_OUTERMOST);
	judge(&calls, 0, MALLOC, CALL_OUTERMOST);
	judge(&calls, UINT64_MAX, MALLOC, CALL_OUTERMOST);
	assert_null(calls_top(&calls));
	assert_null(calls_find(&calls, MAIN));
	calls_handler_returned(&calls, MAIN);
	assert_int_equal(calls.depth, 0);
}

static void lower_slot_is_nested(void **state)
{
	struct calls calls = { .depth = 0 };

	(void)state;
	push(&calls, MAIN, CALLOC);
	judge(&calls, MAIN - 8, MALLOC, CALL_NESTED);
	judge(&calls, MAIN - 0x10000, MALLOC, CALL_NESTED);
	judge(&calls, MAIN - 0x10000, CALLOC, CALL_NESTED);
	assert_int_equal(calls.depth, 1);
}

static void higher_slot_abandons(void **state)
{
	struct calls calls = { .depth = 0 };

	(void)state;
	push(&calls, MAIN, CALLOC);
	judge(&calls, MAIN + 8, MALLOC, CALL_ABANDONED);
	judge(&calls, MAIN + 0x10000, CALLOC, CALL_ABANDONED);
	pop(&calls, 1);
	judge(&calls, MAIN + 8, MALLOC, CALL_OUTERMOST);
}

static void tail_jump_is_nested(void **state)
{
	struct calls calls = { .depth = 0 };
	struct call call = call_at(MAIN, CALLOC, PROBE_AWAIT | PROBE_TAIL);

	(void)state;
	assert_int_equal(calls_push(&calls, &call), 0);
	judge(&calls, MAIN, MALLOC, CALL_NESTED);
	judge(&calls, MAIN - 8, MALLOC, CALL_NESTED);
	judge(&calls, MAIN + 8, MALLOC, CALL_ABANDONED);
}

static void same_place_again_abandons(void **state)
{
	struct calls calls = { .depth = 0 };
	struct call call = call_at(MAIN, MALLOC, PROBE_AWAIT | PROBE_TAIL);

	(void)state;
	assert_int_equal(calls_push(&calls, &call), 0);
	judge(&calls, MAIN, MALLOC, CALL_ABANDONED); /* it does not jump to itself */
	pop(&calls, 1);
	judge(&calls, MAIN, MALLOC, CALL_OUTERMOST);
	push(&calls, MAIN, CALLOC); /* one that makes no tail jump */
	judge(&calls, MAIN, MALLOC, CALL_ABANDONED);
	judge(&calls, MAIN, CALLOC, CALL_ABANDONED);
}

static void handler_on_the_same_stack(void **state)
{
	struct calls calls = { .depth = 0 };

	(void)state;
	push(&calls, MAIN, MALLOC);
	push_barrier(&calls, MAIN - 0x800);
	judge(&calls, MAIN - 0x880, MALLOC, CALL_OUTERMOST);
	push(&calls, MAIN - 0x880, MALLOC);
	judge(&calls, MAIN - 0x900, MALLOC, CALL_NESTED);
	pop(&calls, 1);
	calls_handler_returned(&calls, MAIN - 0x800);
	assert_int_equal(calls.depth, 1);
	judge(&calls, MAIN - 0x880, MALLOC, CALL_NESTED);
}

static void handler_on_a_stack_above(void **state)
{
	struct calls calls = { .depth = 0 };

	(void)state;
	push(&calls, MAIN, MALLOC);
	push_barrier(&calls, ABOVE);
	judge(&calls, ABOVE - 0x80, MALLOC, CALL_OUTERMOST);
	push(&calls, ABOVE - 0x80, MALLOC);
	judge(&calls, ABOVE - 0x100, MALLOC, CALL_NESTED);
	pop(&calls, 1);
	calls_handler_returned(&calls, ABOVE);
	judge(&calls, MAIN - 0x80, MALLOC, CALL_NESTED);
}

static void handler_on_a_stack_below(void **state)
{
	struct calls calls = { .depth = 0 };

	(void)state;
	push(&calls, MAIN, MALLOC);
	push_barrier(&calls, BELOW);
	judge(&calls, BELOW - 0x80, MALLOC, CALL_OUTERMOST);
	push(&calls, BELOW - 0x80, MALLOC);
	judge(&calls, BELOW - 0x100, MALLOC, CALL_NESTED);
	judge(&calls, BELOW - 0x40, MALLOC, CALL_ABANDONED);
	pop(&calls, 1);
	calls_handler_returned(&calls, BELOW);
	judge(&calls, MAIN - 0x80, MALLOC, CALL_NESTED);
}

static void handler_with_no_call_pending(void **state)
{
	struct calls calls = { .depth = 0 };

	(void)state;
	push_barrier(&calls, MAIN);
	judge(&calls, MAIN - 0x80, MALLOC, CALL_OUTERMOST);
	judge(&calls, MAIN, MALLOC, CALL_LEFT);
	judge(&calls, MAIN + 0x80, MALLOC, CALL_LEFT);
}

static void handler_is_jumped_out_of_on_the_same_stack(void **state)
{
	struct calls calls = { .depth = 0 };

	(void)state;
	push(&calls, MAIN, MALLOC);
	push_barrier(&calls, MAIN - 0x800);
	judge(&calls, MAIN - 0x800, MALLOC, CALL_LEFT);
	judge(&calls, MAIN - 0x7f8, MALLOC, CALL_LEFT);
	judge(&calls, MAIN, MALLOC, CALL_LEFT);
	judge(&calls, MAIN + 0x80, MALLOC, CALL_LEFT);
	pop(&calls, 2);
	judge(&calls, MAIN + 0x80, MALLOC, CALL_OUTERMOST);
}

static void handler_is_jumped_out_of_on_a_stack_above(void **state)
{
	struct calls calls = { .depth = 0 };

	(void)state;
	push(&calls, MAIN, MALLOC);
	push_barrier(&calls, ABOVE);
	judge(&calls, MAIN, MALLOC, CALL_LEFT);
	judge(&calls, MAIN - 0x80, MALLOC, CALL_LEFT);
	judge(&calls, ABOVE + 0x80, MALLOC, CALL_LEFT);
	judge(&calls, MAIN + 0x80, MALLOC, CALL_OUTERMOST); /* may be the handler's */
}

static void handler_is_jumped_out_of_on_a_stack_below(void **state)
{
	struct calls calls = { .depth = 0 };

	(void)state;
	push(&calls, MAIN, MALLOC);
	push_barrier(&calls, BELOW);
	judge(&calls, BELOW, MALLOC, CALL_LEFT);
	judge(&calls, MAIN - 0x80, MALLOC, CALL_LEFT);
	judge(&calls, MAIN, MALLOC, CALL_LEFT);
	judge(&calls, MAIN + 0x80, MALLOC, CALL_LEFT);
}

static void handlers_in_handlers(void **state)
{
	struct calls calls = { .depth = 0 };

	(void)state;
	push(&calls, MAIN, MALLOC);
	push_barrier(&calls, MAIN - 0x800);
	push(&calls, MAIN - 0x880, CALLOC);
	push_barrier(&calls, MAIN - 0x1000);
	judge(&calls, MAIN - 0x1080, MALLOC, CALL_OUTERMOST);
	judge(&calls, MAIN - 0x900, MALLOC, CALL_LEFT);
	push(&calls, MAIN - 0x1080, MALLOC);
	calls_handler_returned(&calls, MAIN - 0x1000);
	assert_int_equal(calls.depth, 3);
	judge(&calls, MAIN - 0x900, MALLOC, CALL_NESTED);
	calls_handler_returned(&calls, MAIN - 0x800);
	assert_int_equal(calls.depth, 1);
	assert_int_equal(calls_top(&calls)->slot, MAIN);
}

/* The outer one returns, the inner one's barrier can be no more. */
static void handler_returns_past_one_that_was_left(void **state)
{
	struct calls calls = { .depth = 0 };

	(void)state;
	push(&calls, MAIN, MALLOC);
	push_barrier(&calls, MAIN - 0x800);
	push_barrier(&calls, MAIN - 0x1000);
	push(&calls, MAIN - 0x1080, MALLOC);
	calls_handler_returned(&calls, MAIN - 0x800);
	assert_int_equal(calls.depth, 1);
}

static void only_a_barrier_is_a_handler(void **state)
{
	struct calls calls = { .depth = 0 };

	(void)state;
	push(&calls, MAIN, MALLOC);
	push_barrier(&calls, MAIN - 0x800);
	calls_handler_returned(&calls, MAIN);
	calls_handler_returned(&calls, MAIN - 0x808);
	calls_handler_returned(&calls, MAIN - 0x7f8);
	assert_int_equal(calls.depth, 2);
}

static void calls_are_found_by_their_slot(void **state)
{
	struct calls calls = { .depth = 0 };

	(void)state;
	push(&calls, MAIN, MALLOC);
	push_barrier(&calls, MAIN - 0x800);
	push(&calls, MAIN - 0x880, CALLOC);
	assert_ptr_equal(calls_find(&calls, MAIN), &calls.stack[0]);
	assert_null(calls_find(&calls, MAIN - 0x800));
	assert_ptr_equal(calls_find(&calls, MAIN - 0x880), &calls.stack[2]);
	assert_null(calls_find(&calls, MAIN + 8));
	pop(&calls, 1);
	assert_null(calls_find(&calls, MAIN - 0x880));
}

static void top_is_the_call_as_it_was_pushed(void **state)
{
	struct calls calls = { .depth = 0 };
	struct call call;

	(void)state;
	memset(&call, 0x5a, sizeof(call));
	push(&calls, MAIN, MALLOC);
	assert_int_equal(calls_push(&calls, &call), 0);
	assert_memory_equal(calls_top(&calls), &call, sizeof(call));
}

static void full_stack_takes_no_more(void **state)
{
	static struct calls calls, before;
	struct call one_more = call_at(1, MALLOC, 0);

	(void)state;
	for (unsigned i = 0; i < CALLS_MAX; i++)
		push(&calls, MAIN - 8 * i, i % 2 ? 0 : MALLOC);
	before = calls;
	assert_int_equal(calls_push(&calls, &one_more), -ENOSPC);
	assert_memory_equal(&calls, &before, sizeof(calls));
	pop(&calls, 1);
	assert_int_equal(calls_push(&calls, &one_more), 0);
	assert_int_equal(calls.depth, CALLS_MAX);
}

static void what_is_dropped_is_not_awaited(void **state)
{
	struct calls calls = { .depth = 0 };
	struct call call = call_at(MAIN, MALLOC, PROBE_AWAIT);

	(void)state;
	call.function = 3;
	assert_int_equal(calls_push(&calls, &call), 0);
	push_barrier(&calls, MAIN - 0x800);
	call = call_at(MAIN - 0x900, CALLOC, PROBE_AWAIT);
	call.function = 5;
	assert_int_equal(calls_push(&calls, &call), 0);
	calls_drop(&calls, 4, 5);
	assert_int_equal(calls.depth, 3);
	calls_drop(&calls, 3, 4);
	assert_int_equal(calls.depth, 2);
	assert_null(calls_find(&calls, MAIN));
	assert_non_null(calls_find(&calls, MAIN - 0x900));
	calls_drop(&calls, 0, 6);
	assert_int_equal(calls.depth, 1);
	calls_handler_returned(&calls, MAIN - 0x800);
	judge(&calls, MAIN - 0x1000, MALLOC, CALL_OUTERMOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_pending),
		cmocka_unit_test(lower_slot_is_nested),
		cmocka_unit_test(higher_slot_abandons),
		cmocka_unit_test(tail_jump_is_nested),
		cmocka_unit_test(same_place_again_abandons),
		cmocka_unit_test(handler_on_the_same_stack),
		cmocka_unit_test(handler_on_a_stack_above),
		cmocka_unit_test(handler_on_a_stack_below),
		cmocka_unit_test(handler_with_no_call_pending),
		cmocka_unit_test(handler_is_jumped_out_of_on_the_same_stack),
		cmocka_unit_test(handler_is_jumped_out_of_on_a_stack_above),
		cmocka_unit_test(handler_is_jumped_out_of_on_a_stack_below),
		cmocka_unit_test(handlers_in_handlers),
		cmocka_unit_test(handler_returns_past_one_that_was_left),
		cmocka_unit_test(only_a_barrier_is_a_handler),
		cmocka_unit_test(calls_are_found_by_their_slot),
		cmocka_unit_test(what_is_dropped_is_not_awaited),
		cmocka_unit_test(top_is_the_call_as_it_was_pushed),
		cmocka_unit_test(full_stack_takes_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
