/* Traps in the memory of real processes, which are copies of this one. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch.h"
#include "tracer/bp.h"
#include "tracer/mem.h"

static uint8_t code[4096] __attribute__((aligned(4096)));

enum { ENTRY, EXIT, SHARED, INTERNAL, OTHER, CALL, SITES };

static struct process {
	pid_t pid;
	struct space *space;
} original, copy;

static taddr_t place(unsigned site)
{
	return (taddr_t)(uintptr_t)&code[16 * site];
}

static struct probe probe_at(unsigned site)
{
	static const struct probe probes[SITES] = {
		[ENTRY] = { .kind = PROBE_ENTRY, .function = 3 },
		[EXIT] = { .kind = PROBE_EXIT, .function = 3 },
		[SHARED] = { .kind = PROBE_EXIT, .function = 3, .flags = PROBE_SHARED },
		[INTERNAL] = { .kind = PROBE_INTERNAL, .function = 3 },
		[OTHER] = { .kind = PROBE_ENTRY, .function = 4 },
		[CALL] = { .kind = PROBE_SYSRET, .function = 3 }, /* a system call's number */
	};
	struct probe probe = probes[site];

	probe.addr = place(site);
	probe.original = code[16 * site];
	return probe;
}

static void begin(struct process *process)
{
	process->pid = fork();
	if (!process->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	assert_true(process->pid > 0);
	process->space = space_new();
	assert_non_null(process->space);
	assert_int_equal(space_open(process->space, process->pid), 0);
}

static void end(struct process *process)
{
	kill(process->pid, SIGKILL);
	assert_int_equal(waitpid(process->pid, NULL, 0), process->pid);
	space_leave(process->space);
}

static int set_up(void **state)
{
	(void)state;
	memset(code, 0x90, sizeof(code));
	begin(&original);
	begin(&copy);
	for (unsigned i = 0; i < SITES; i++) {
		struct probe probe = probe_at(i);

		assert_int_equal(bp_plant(original.space, &probe), 0);
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	end(&original);
	end(&copy);
	return 0;
}

static void expect(const struct process *process, uint32_t trapped)
{
	for (unsigned i = 0; i < SITES; i++) {
		uint8_t byte;

		assert_int_equal(mem_read(process->space->mem, place(i), &byte, 1), 0);
		assert_int_equal(byte, trapped & 1u << i ? ARCH_TRAP : 0x90);
	}
}

/* As fork leaves it, when all stood. */
static void copy_traps(void)
{
	const uint8_t trap = ARCH_TRAP;

	for (unsigned i = 0; i < SITES; i++)
		assert_int_equal(mem_write(copy.space->mem, place(i), &trap, 1), 0);
}

static void lift(uint32_t shared)
{
	const struct command_lift command = { .begin = 3, .end = 4, .shared = shared };

	bp_lift(original.space, &command);
}

#define ALL ((1u << SITES) - 1)

static void a_functions_traps_are_taken_out(void **state)
{
	(void)state;
	expect(&original, ALL);
	lift(0);
	expect(&original, 1u << SHARED | 1u << OTHER | 1u << CALL);
	assert_int_equal(bp_find(original.space, place(ENTRY))->kind, PROBE_LIFTED);
	lift(1);
	expect(&original, 1u << OTHER | 1u << CALL);
	assert_int_equal(bp_lift_all(original.space, original.pid, original.space->mem), 0);
	expect(&original, 0);
}

static void what_the_program_has_written_there_stays(void **state)
{
	const uint8_t its = 0xc3;
	uint8_t byte;

	(void)state;
	assert_int_equal(mem_write(original.space->mem, place(ENTRY), &its, 1), 0);
	lift(1);
	assert_int_equal(mem_read(original.space->mem, place(ENTRY), &byte, 1), 0);
	assert_int_equal(byte, its);
}

static void a_copy_from_before_is_cleaned_of_them(void **state)
{
	(void)state;
	copy_traps();
	lift(1);
	expect(&copy, ALL);
	assert_int_equal(bp_count_in(original.space, copy.space->mem), SITES);
	assert_int_equal(bp_lift_all(original.space, copy.pid, copy.space->mem), 0);
	expect(&copy, 0);
}

static void a_copy_that_is_followed_has_them_taken_out(void **state)
{
	(void)state;
	copy_traps();
	lift(1);
	assert_true(bp_copy(copy.space, original.space));
	expect(&copy, 1u << OTHER | 1u << CALL);
	assert_int_equal(bp_find(copy.space, place(ENTRY))->kind, PROBE_LIFTED);
}

static void where_one_was_taken_out_another_may_stand(void **state)
{
	struct probe probe = probe_at(ENTRY);

	(void)state;
	assert_int_equal(bp_plant(original.space, &probe), -EEXIST);
	lift(1);
	probe.function = 9;
	assert_int_equal(bp_plant(original.space, &probe), 0);
	expect(&original, 1u << ENTRY | 1u << OTHER | 1u << CALL);
	assert_int_equal(bp_find(original.space, place(ENTRY))->function, 9);
	assert_int_equal(bp_lift_all(original.space, original.pid, original.space->mem), 0);
	expect(&original, 0);
}

static void what_is_watched_gives_way(void **state)
{
	struct probe watch = probe_at(ENTRY), entry = watch;

	(void)state;
	lift(1);
	watch.kind = PROBE_WATCH;
	assert_int_equal(bp_plant(original.space, &watch), 0);
	assert_int_equal(bp_plant(original.space, &watch), -EEXIST);
	assert_int_equal(bp_plant(original.space, &entry), 0);
	assert_int_equal(bp_plant(original.space, &watch), -EEXIST);
	assert_int_equal(bp_find(original.space, place(ENTRY))->kind, PROBE_ENTRY);
	assert_int_equal(bp_lift_all(original.space, original.pid, original.space->mem), 0);
	expect(&original, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_functions_traps_are_taken_out),
		TEST(what_the_program_has_written_there_stays),
		TEST(a_copy_from_before_is_cleaned_of_them),
		TEST(a_copy_that_is_followed_has_them_taken_out),
		TEST(where_one_was_taken_out_another_may_stand),
		TEST(what_is_watched_gives_way),
	};

	return cmocka_run_group_tests_name("bp", tests, NULL, NULL);
}
