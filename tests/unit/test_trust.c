/* Calls of functions that were found by their code, as the tracer records them: what the heap
 * makes of them, and what it takes back when one turns out to be something else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "analysis/account.h"
#include "analysis/stripped.h"
#include "analysis/trust.h"

#define AREA UINT64_C(0x5555000000) /* memory of the allocator's */
#define PAGES 256
#define CODE UINT64_C(0x400000)
#define TID 7
#define SLOT UINT64_C(0x7ffd0000)

enum { MALLOC, FREE, CALLOC, REALLOC, NAMED, FUNCTIONS };

static const char *const symbols[FUNCTIONS] = { "malloc", "free", "calloc", "realloc", "malloc" };
static char path[] = "/program";
static struct module program = { .path = path, .begin = CODE, .end = CODE + 0x10000, .users = 2 };
static struct heap *heap;

/* ---- the heap ------------------------------------------------------------------------------ */

static void add_functions(void)
{
	heap->functions.list = calloc(FUNCTIONS, sizeof(*heap->functions.list));
	assert_non_null(heap->functions.list);
	heap->functions.count = FUNCTIONS;
	for (unsigned i = 0; i < FUNCTIONS; i++)
		heap->functions.list[i] = (struct function){
			.module = &program, .addr = CODE + 0x100 * i, .traps = 2,
			.entry = catalog_find(symbols[i]),
			.table = i == NAMED ? ".symtab" : stripped_table,
		};
}

static void begin(const char *lacks)
{
	const struct analysis_options options = { .depth = 8 };
	const struct plan plan = { .table = stripped_table, .library = "glibc", .lacks = lacks };
	struct vma area = { .begin = AREA, .end = AREA + PAGES * 4096,
		            .prot = PROT_READ | PROT_WRITE };

	heap = model_new(&options);
	assert_non_null(heap);
	model_reset_stats(heap);
	heap->modules.mapped = calloc(1, sizeof(*heap->modules.mapped));
	heap->modules.mapped[0] = &program;
	heap->modules.mapped_count = 1;
	add_functions();
	heap->maps.known = true;
	heap->program.pid = getpid(); /* whose list has no such place */
	assert_true(vmas_put(&heap->maps.space.vmas, &area));
	trust_begin(heap, &program, &plan, 0);
}

static int set_up(void **state)
{
	(void)state;
	begin(NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	heap_free(heap);
	return 0;
}

static enum heap_trust trust_in(unsigned function)
{
	return heap->functions.list[function].trial.trust;
}

/* ---- what the tracer records ----------------------------------------------------------------- */

static struct record_call call_of(unsigned function, enum record_kind kind, size_t len)
{
	return (struct record_call){ .record = { .len = len, .kind = kind, .tid = TID, .pid = TID },
		                     .function = function, .slot = SLOT };
}

/* From a place of its own for each function. */
static void hand_out(unsigned function, uint64_t size, taddr_t result)
{
	static uint64_t buffer[(sizeof(struct record_return) + sizeof(taddr_t)) / sizeof(uint64_t)];
	struct record_return *record = (struct record_return *)buffer;
	taddr_t caller = CODE + 0x5000 + 16 * function;

	*record = (struct record_return){
		.call = call_of(function, REC_RETURN, sizeof(buffer)), .result = result,
		.frame = { .pc = caller, .sp = SLOT + 8 },
		.stack = { .addr = SLOT, .end = SLOT + 8, .len = 8 },
	};
	memcpy(record->stack.bytes, &caller, sizeof(caller));
	record->call.args[0] = size;
	record->call.args[1] = 1;
	heap_apply(heap, &record->call.record);
}

static void take_back(taddr_t addr)
{
	struct record_call record = call_of(FREE, REC_ENTER, sizeof(record));

	record.args[0] = addr;
	heap_apply(heap, &record.record);
}

static void hand_out_many(unsigned function, unsigned first, unsigned count)
{
	for (unsigned i = first; i < first + count; i++)
		hand_out(function, 32, AREA + 64 * i);
}

/* ---- what is expected ------------------------------------------------------------------------ */

static const char *note(void)
{
	const struct heap_ledger *ledger = heap_ledger(heap);

	assert_int_equal(ledger->note_count, 1);
	return ledger->notes[0];
}

static void expect_note(const char *expected)
{
	assert_string_equal(note(), expected);
}

static void expect_totals(uint64_t allocs, uint64_t bytes, uint64_t live)
{
	const struct heap_totals *totals = heap_totals(heap);

	assert_int_equal(totals->allocs, allocs);
	assert_int_equal(totals->bytes_allocated, bytes);
	assert_int_equal(totals->live_blocks, live);
	assert_int_equal(totals->allocs - totals->frees, live);
	assert_int_equal(totals->bytes_allocated - totals->bytes_freed, totals->live_bytes);
	assert_true(totals->peak_live_bytes >= totals->live_bytes);
}

static uint64_t calls_of(const char *name)
{
	const struct heap_function *list;
	size_t count = heap_functions(heap, &list);

	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i].name, name) == 0)
			return list[i].calls;
	return 0;
}

static void expect_nothing(void)
{
	const struct heap_ledger *ledger = heap_ledger(heap);
	const struct heap_function *functions;
	const struct heap_error *errors;
	size_t at = 0;

	expect_totals(0, 0, 0);
	assert_int_equal(heap_totals(heap)->peak_live_bytes, 0);
	assert_int_equal(heap_functions(heap, &functions), 0);
	assert_int_equal(heap_errors(heap, &errors), 0);
	assert_null(live_next(&heap->live, &at));
	assert_int_equal(ledger->missed_calls, 0);
	assert_int_equal(ledger->unknown_frees, 0);
	assert_int_equal(ledger->double_frees, 0);
	assert_int_equal(ledger->truncated_stacks, 0);
}

/* The one command there is: these functions' traps go. */
static void expect_lift(uint32_t first, uint32_t end, bool shared)
{
	const struct command_lift *lift = (const struct command_lift *)heap_command(heap);

	assert_non_null(lift);
	assert_int_equal(lift->record.kind, CMD_LIFT);
	assert_int_equal(lift->record.len, sizeof(*lift));
	assert_int_equal(lift->begin, first);
	assert_int_equal(lift->end, end);
	assert_int_equal(lift->shared, shared);
	heap_sent(heap);
	assert_null(heap_command(heap));
}

/* ---- as it should be ------------------------------------------------------------------------- */

static void a_note_says_how_sure(void **state)
{
	(void)state;
	expect_note("/program has no symbols: its allocator was found by the code of glibc's, "
	            "and was not seen at work yet");
	hand_out_many(MALLOC, 0, 3);
	take_back(AREA);
	expect_note("/program has no symbols: its allocator was found by the code of glibc's, and "
	            "is on trial; its calls fit: malloc in 3; free in 1");
	hand_out_many(MALLOC, 3, TRIAL_CALLS);
	expect_note("/program has no symbols: its allocator was found by the code of glibc's, and "
	            "confirmed at work, by 64 calls each: malloc; on trial, whose calls fit: free "
	            "in 1");
	for (unsigned i = 1; i < TRIAL_CALLS; i++)
		take_back(AREA + 64 * i);
	expect_note("/program has no symbols: its allocator was found by the code of glibc's, and "
	            "confirmed at work, by 64 calls each: malloc, free");
	expect_totals(3 + TRIAL_CALLS, 32 * (3 + TRIAL_CALLS), 3);
	assert_null(heap_command(heap));
}

static void failures_and_null_tell_nothing(void **state)
{
	(void)state;
	hand_out(MALLOC, UINT64_MAX, 0);
	take_back(0);
	assert_int_equal(trust_in(MALLOC), HEAP_ON_TRIAL);
	assert_int_equal(heap->functions.list[MALLOC].trial.fitted, 0);
	assert_int_equal(heap->functions.list[FREE].trial.fitted, 0);
	assert_int_equal(calls_of("malloc"), 1);
	assert_int_equal(calls_of("free"), 1);
}

static void what_is_confirmed_is_not_doubted_again(void **state)
{
	(void)state;
	hand_out_many(MALLOC, 0, TRIAL_CALLS);
	hand_out(MALLOC, 8, AREA + 0x8008);
	assert_int_equal(trust_in(MALLOC), HEAP_CONFIRMED);
	expect_totals(TRIAL_CALLS + 1, 32 * TRIAL_CALLS + 8, TRIAL_CALLS + 1);
}

static void a_fault_of_the_program_stays_one(void **state)
{
	const struct heap_error *errors;

	(void)state;
	hand_out_many(MALLOC, 0, 2);
	take_back(AREA);
	take_back(AREA + 0x8000);
	assert_int_equal(trust_in(FREE), HEAP_ON_TRIAL);
	assert_int_equal(heap_ledger(heap)->unknown_frees, 1);
	assert_int_equal(heap_errors(heap, &errors), 1);
	take_back(AREA);
	assert_int_equal(heap_ledger(heap)->double_frees, 1);
	assert_int_equal(heap_errors(heap, &errors), 2);
	assert_false(errors[1].doubted);
	assert_non_null(strstr(note(), "its calls fit: malloc in 2; free in 2, not in 1"));
}

/* ---- as it should not be --------------------------------------------------------------------- */

static void expect_malloc_refuted(taddr_t addr, uint64_t size, const char *why)
{
	char expected[512];

	hand_out_many(MALLOC, 0, 5);
	hand_out_many(CALLOC, 5, 5);
	take_back(AREA);
	hand_out(MALLOC, size, addr);
	for (unsigned i = MALLOC; i <= REALLOC; i++) {
		assert_int_equal(trust_in(i), HEAP_REFUTED);
		assert_int_equal(heap->functions.list[i].traps, 0);
	}
	snprintf(expected, sizeof(expected),
	         "/program: what was taken for glibc's malloc by its code is something else, it "
	         "gave 0x%llx, which is %s; all traps were taken out, and nothing that was found so is "
	         "counted", (unsigned long long)addr, why);
	expect_note(expected);
	expect_nothing();
	expect_lift(MALLOC, NAMED, true);
}

static void a_crooked_address_refutes(void **state)
{
	(void)state;
	expect_malloc_refuted(AREA + 0x8008, 8, "not aligned");
}

static void a_number_refutes(void **state)
{
	(void)state;
	expect_malloc_refuted(0x20, 8, "no address");
}

static void the_programs_own_data_refute(void **state)
{
	(void)state;
	expect_malloc_refuted(CODE + 0x800, 8, "in the program itself");
}

static void what_is_not_mapped_refutes_when_it_is_the_most(void **state)
{
	(void)state;
	hand_out(MALLOC, 8, AREA - 0x10000);
	assert_int_equal(trust_in(MALLOC), HEAP_ON_TRIAL);
	hand_out(MALLOC, 8, AREA - 0x20000);
	assert_int_equal(trust_in(MALLOC), HEAP_REFUTED);
	expect_nothing();
}

static void what_is_in_use_is_not_handed_out(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		hand_out(MALLOC, 8, AREA);
	assert_int_equal(trust_in(MALLOC), HEAP_REFUTED);
	assert_non_null(strstr(note(), "which is in use"));
	expect_nothing();
}

static void a_free_of_what_nobody_gave_is_none(void **state)
{
	const struct heap_error *errors;

	(void)state;
	hand_out_many(MALLOC, 0, 10);
	take_back(AREA + 0x8000);
	assert_int_equal(heap_errors(heap, &errors), 1);
	assert_true(errors[0].doubted);
	take_back(AREA + 0x8010);
	assert_int_equal(trust_in(FREE), HEAP_REFUTED);
	assert_int_equal(trust_in(MALLOC), HEAP_REFUTED);
	assert_non_null(strstr(note(), "it took back 0x5555008010, which was never handed out"));
	expect_nothing();
}

static void after_an_attach_a_block_may_be_older(void **state)
{
	(void)state;
	heap->attached = true;
	for (unsigned i = 0; i < TRIAL_CALLS; i++)
		take_back(AREA + 0x8000 + 16 * i);
	assert_int_equal(trust_in(FREE), HEAP_CONFIRMED);
	assert_int_equal(heap_ledger(heap)->earlier_frees, TRIAL_CALLS);
}

static void after_an_attach_it_must_be_a_place_for_one(void **state)
{
	(void)state;
	heap->attached = true;
	take_back(AREA + 0x8008);
	take_back(CODE + 0x800);
	assert_int_equal(trust_in(FREE), HEAP_REFUTED);
	assert_int_equal(heap_ledger(heap)->earlier_frees, 0);
}

static void others_go_alone(void **state)
{
	(void)state;
	hand_out_many(MALLOC, 0, 5);
	hand_out_many(CALLOC, 5, 5);
	hand_out(CALLOC, 8, AREA + 0x8008);
	assert_int_equal(trust_in(CALLOC), HEAP_REFUTED);
	assert_int_equal(trust_in(MALLOC), HEAP_ON_TRIAL);
	expect_lift(CALLOC, CALLOC + 1, false);
	expect_totals(5, 5 * 32, 5);
	assert_int_equal(calls_of("calloc"), 0);
	assert_int_equal(calls_of("malloc"), 5);
	assert_int_equal(heap_ledger(heap)->note_count, 2);
	take_back(AREA);
	expect_totals(5, 5 * 32, 4);
}

static void one_alone_speaks_for_none(void **state)
{
	(void)state;
	hand_out_many(CALLOC, 5, 5);
	hand_out(CALLOC, 8, AREA + 0x8008);
	expect_lift(MALLOC, NAMED, true);
	expect_nothing();
}

static void what_has_a_name_keeps_its_figures(void **state)
{
	(void)state;
	hand_out(NAMED, 100, AREA + 0x10000);
	hand_out(NAMED, 200, AREA + 0x10080);
	hand_out_many(MALLOC, 0, 5);
	take_back(AREA + 0x10000);
	hand_out(MALLOC, 8, 0x20);
	assert_int_equal(trust_in(NAMED), HEAP_NAMED);
	expect_totals(2, 300, 1);
	assert_int_equal(calls_of("malloc"), 2);
	assert_int_equal(calls_of("free"), 0);
	hand_out(NAMED, 8, CODE + 0x808);
	expect_totals(3, 308, 2);
}

static void what_comes_late_is_not_counted(void **state)
{
	struct record_call gone = call_of(MALLOC, REC_ABANDON, sizeof(gone));

	(void)state;
	hand_out(MALLOC, 8, 0x20);
	hand_out_many(MALLOC, 0, 3);
	hand_out_many(CALLOC, 3, 3);
	take_back(AREA);
	heap_apply(heap, &gone.record);
	expect_nothing();
	expect_lift(MALLOC, NAMED, true);
}

static void where_one_is_missing_any_block_may_come(void **state)
{
	(void)state;
	heap_free(heap);
	begin("; its calloc was not found");
	hand_out_many(MALLOC, 0, 2);
	for (unsigned i = 0; i < TRIAL_CALLS; i++)
		take_back(AREA + 0x8000 + 16 * i);
	assert_int_equal(trust_in(FREE), HEAP_CONFIRMED);
	assert_int_equal(heap_ledger(heap)->note_count, 2);
	assert_non_null(strstr(heap_ledger(heap)->notes[0], "; its calloc was not found"));
	assert_non_null(strstr(heap_ledger(heap)->notes[1],
	                       "no free by free is called an error of the program"));
}

/* ---- images ---------------------------------------------------------------------------------- */

static void a_child_goes_on_with_the_trial(void **state)
{
	struct heap *copy;
	const struct record_fork record = {
		.record = { .len = sizeof(record), .kind = REC_FORK, .image = 2, .tid = 9,
		            .pid = 9 },
		.from = 1, .parent = TID,
	};
	struct heap *parent = heap;

	(void)state;
	hand_out_many(MALLOC, 0, 5);
	heap->maps.known = false; /* nobody has the child's list */
	copy = heap_fork(heap, &record);
	assert_non_null(copy);
	heap->maps.known = true;
	heap = copy;
	heap_sent(heap); /* its CMD_GO */
	assert_int_equal(heap->functions.list[MALLOC].trial.fitted, 5);
	expect_note("/program has no symbols: its allocator was found by the code of glibc's, and "
	            "is on trial; its calls fit: malloc in 5");
	assert_int_equal(heap_totals(heap)->inherited_blocks, 5);
	hand_out(MALLOC, 8, 0x20);
	expect_nothing();
	assert_int_equal(heap_totals(heap)->inherited_blocks, 0);
	assert_int_equal(heap_totals(heap)->inherited_bytes, 0);
	expect_lift(MALLOC, NAMED, true);
	heap_free(copy);
	heap = parent;
	assert_int_equal(trust_in(MALLOC), HEAP_ON_TRIAL);
	expect_totals(5, 160, 5);
}

static void another_program_begins_anew(void **state)
{
	(void)state;
	hand_out_many(MALLOC, 0, 5);
	trust_forget(heap);
	assert_int_equal(heap_ledger(heap)->note_count, 0);
	assert_int_equal(heap->trust.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_note_says_how_sure),
		TEST(failures_and_null_tell_nothing),
		TEST(what_is_confirmed_is_not_doubted_again),
		TEST(a_fault_of_the_program_stays_one),
		TEST(a_crooked_address_refutes),
		TEST(a_number_refutes),
		TEST(the_programs_own_data_refute),
		TEST(what_is_not_mapped_refutes_when_it_is_the_most),
		TEST(what_is_in_use_is_not_handed_out),
		TEST(a_free_of_what_nobody_gave_is_none),
		TEST(after_an_attach_a_block_may_be_older),
		TEST(after_an_attach_it_must_be_a_place_for_one),
		TEST(others_go_alone),
		TEST(one_alone_speaks_for_none),
		TEST(what_has_a_name_keeps_its_figures),
		TEST(what_comes_late_is_not_counted),
		TEST(where_one_is_missing_any_block_may_come),
		TEST(a_child_goes_on_with_the_trial),
		TEST(another_program_begins_anew),
	};

	return cmocka_run_group_tests_name("trust", tests, NULL, NULL);
}
