/* The proof of late entries by doing it: a program is stepped through every call of a function
 * that has some, one instruction at a time, and at each trap that is planned what it would tell
 * is held against what the function was really called with.
 *
 * test_steps [NAME=VALUE]... PROGRAM [WORD]... does so with a program that stops itself before
 * it begins; without arguments it is this one, and its C library. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "analysis/resolve.h"

static struct {
	pid_t pid;
	struct functions functions;
	struct plan plan;
	unsigned calls, *hits; /* of each probe */
} target;

#define REQUIRE(condition)                                                                    \
	do {                                                                                  \
		if (!(condition)) {                                                           \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			kill(target.pid, SIGKILL);                                            \
			exit(1);                                                              \
		}                                                                             \
	} while (0)

/* ---- the target ----------------------------------------------------------------------------- */

static int await(void)
{
	int status;

	REQUIRE(waitpid(target.pid, &status, 0) == target.pid);
	return status;
}

static int go(int how, int number)
{
	REQUIRE(ptrace(how, target.pid, NULL, (long)number) == 0);
	return await();
}

static struct arch_regs registers(void)
{
	struct user_regs_struct user;
	struct arch_regs regs;

	_Static_assert(sizeof(user) == sizeof(regs), "the kernel's layout");
	REQUIRE(ptrace(PTRACE_GETREGS, target.pid, NULL, &user) == 0);
	memcpy(&regs, &user, sizeof(regs));
	return regs;
}

static void step_back(struct arch_regs *regs)
{
	arch_set_pc(regs, arch_pc(regs) - ARCH_TRAP_SKID);
	REQUIRE(ptrace(PTRACE_SETREGS, target.pid, NULL, regs) == 0);
}

static int read_target(void *ctx, taddr_t addr, void *buf, size_t len)
{
	struct iovec local = { buf, len }, remote = { (void *)(uintptr_t)addr, len };

	(void)ctx;
	return process_vm_readv(target.pid, &local, 1, &remote, 1, 0) == (ssize_t)len ? 0 : -1;
}

static int write_nothing(void *ctx, taddr_t addr, const void *buf, size_t len)
{
	(void)ctx, (void)addr, (void)buf, (void)len;
	return -1;
}

static uint64_t word_at(taddr_t addr)
{
	uint64_t word = 0;

	REQUIRE(read_target(NULL, addr, &word, sizeof(word)) == 0);
	return word;
}

static void set_byte(taddr_t addr, uint8_t byte)
{
	uint64_t word = (word_at(addr) & ~UINT64_C(0xff)) | byte;

	REQUIRE(ptrace(PTRACE_POKETEXT, target.pid, (void *)(uintptr_t)addr, (void *)word) == 0);
}

/* ---- the plan ------------------------------------------------------------------------------- */

static void plan_module(void *resolver, struct module *module)
{
	resolve_module(resolver, module, &target.functions, &target.plan);
}

static void no_module(void *ctx, struct module *module)
{
	(void)ctx, (void)module;
}

static void no_file(void *ctx, const char *path)
{
	(void)ctx, (void)path;
}

static void plan_all(void)
{
	static struct modules modules;
	const struct module_events events = { no_module, plan_module, no_file, resolver_new() };

	REQUIRE(events.ctx && modules_scan(&modules, target.pid, &events) == 0);
	target.hits = calloc(target.plan.count + 1, sizeof(*target.hits));
	REQUIRE(target.hits && target.functions.count);
}

static const struct probe *probe_at(taddr_t addr)
{
	for (size_t i = 0; i < target.plan.count; i++)
		if (target.plan.probes[i].addr == addr)
			return &target.plan.probes[i];
	return NULL;
}

static bool is_fused(uint32_t function)
{
	for (size_t i = 0; i < target.plan.count; i++)
		if (target.plan.probes[i].function == function &&
		    target.plan.probes[i].flags & PROBE_LATE)
			return true;
	return false;
}

static void set_breaks(bool on)
{
	for (uint32_t i = 0; i < target.functions.count; i++) {
		static uint8_t original[1024];
		taddr_t addr = target.functions.list[i].addr;

		REQUIRE(i < countof(original));
		if (!is_fused(i))
			continue;
		if (on)
			original[i] = word_at(addr);
		set_byte(addr, on ? ARCH_TRAP : original[i]);
	}
}

/* ---- one call -------------------------------------------------------------------------------- */

struct call {
	uint32_t function;
	uint64_t size;
	taddr_t slot;
	bool seen, left;
	bool foretold; /* what the registers will be at the ret */
	struct arch_regs then;
};

/* Of another call than this one, while it has not been seen to begin. */
static bool is_another(const struct call *call, taddr_t pc)
{
	for (uint32_t i = 0; i < target.functions.count; i++)
		if (target.functions.list[i].addr == pc &&
		    catalog[target.functions.list[i].entry].role <= CATALOG_FREE)
			return i != call->function;
	return false;
}

/* The tracer does what stands between a late entry and the ret. */
static void foretell(struct call *call, const struct probe *probe, const struct arch_regs *now)
{
	const struct arch_mem mem = { read_target, write_nothing, NULL };

	call->then = *now;
	for (const struct probe *at = probe; at; at = probe_at(arch_pc(&call->then))) {
		if (at->kind == PROBE_EXIT) {
			call->foretold = true;
			return;
		}
		if (arch_emulate(&at->insn, &call->then, &mem) < 0)
			return;
	}
}

static void expect_foretold(const struct call *call, struct arch_regs *now)
{
	struct arch_regs then = call->then;

	for (unsigned reg = 0; call->foretold && reg < ARCH_REGS; reg++)
		REQUIRE(*arch_reg(&then, reg) == *arch_reg(now, reg));
	REQUIRE(!call->foretold || arch_pc(&then) == arch_pc(now));
}

static void look(struct call *call, const struct probe *probe, struct arch_regs *regs)
{
	taddr_t slot = arch_sp(regs) + probe->slot_delta;

	target.hits[probe - target.plan.probes]++;
	if (probe->kind == PROBE_ENTRY && probe->flags & PROBE_LATE &&
	    probe->function == call->function) {
		REQUIRE(slot == call->slot);
		REQUIRE(!call->seen || probe->flags & PROBE_SEEN);
		REQUIRE(call->seen || *arch_reg(regs, probe->arg) == call->size);
		call->seen = true;
		foretell(call, probe, regs);
	} else if (probe->kind == PROBE_EXIT && slot == call->slot) {
		REQUIRE(call->seen);
		expect_foretold(call, regs);
		call->left = true;
	} else {
		REQUIRE(call->seen || probe->kind != PROBE_ENTRY);
	}
}

static uint64_t size_of(uint32_t function, const struct arch_regs *regs)
{
	const struct catalog_entry *entry = &catalog[target.functions.list[function].entry];

	return arch_arg(regs, entry->size) *
	       (entry->count == CATALOG_NONE ? 1 : arch_arg(regs, entry->count));
}

static void step_through(uint32_t function, struct arch_regs regs)
{
	struct call call = { function, size_of(function, &regs), arch_sp(&regs), .seen = false };
	bool first = true;

	set_breaks(false);
	while (!call.left) {
		const struct probe *probe = probe_at(arch_pc(&regs));
		int status;

		REQUIRE(arch_sp(&regs) <= call.slot);
		REQUIRE(first || call.seen || !is_another(&call, arch_pc(&regs)));
		if (probe)
			look(&call, probe, &regs);
		first = false;
		status = go(PTRACE_SINGLESTEP, 0);
		REQUIRE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
		regs = registers();
	}
	set_breaks(true);
	target.calls++;
}

static uint32_t fused_at(taddr_t addr)
{
	for (uint32_t i = 0; i < target.functions.count; i++)
		if (target.functions.list[i].addr == addr && is_fused(i))
			return i;
	return NO_FUNCTION;
}

/* ---- a program ------------------------------------------------------------------------------- */

static void start(char **argv)
{
	target.pid = fork();
	if (!target.pid) {
		for (; strchr(*argv, '='); argv++)
			putenv(*argv);
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execv(*argv, argv);
		_exit(127);
	}
	REQUIRE(target.pid > 0);
	REQUIRE(WIFSTOPPED(await()));
	REQUIRE(ptrace(PTRACE_SETOPTIONS, target.pid, NULL, (long)PTRACE_O_EXITKILL) == 0);
}

static void tell(void)
{
	for (uint32_t i = 0; i < target.functions.count; i++)
		if (is_fused(i))
			printf("fused %s\n", catalog[target.functions.list[i].entry].name);
	for (size_t i = 0; i < target.plan.count; i++)
		if (target.plan.probes[i].flags & PROBE_LATE)
			printf("met %u\n", target.hits[i]);
	printf("calls %u\n", target.calls);
}

/* Steps the program to its end; it must succeed. */
static void prove(char **argv)
{
	int status;

	start(argv);
	status = go(PTRACE_CONT, 0);
	REQUIRE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	plan_all();
	set_breaks(true);
	while (WIFSTOPPED(status = go(PTRACE_CONT, 0))) {
		struct arch_regs regs = registers();

		REQUIRE(WSTOPSIG(status) == SIGTRAP);
		step_back(&regs);
		REQUIRE(fused_at(arch_pc(&regs)) != NO_FUNCTION);
		step_through(fused_at(arch_pc(&regs)), regs);
	}
	REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- this program ---------------------------------------------------------------------------- */

static int allocate(void)
{
	raise(SIGSTOP);
	for (size_t size = 0; size < 3000000; size = size * 5 / 3 + 7) {
		char *volatile block = malloc(size);

		free(calloc(size / 3, 3));
		free(block);
	}
	return 0;
}

static void this_one(void **state)
{
	char self[] = "/proc/self/exe", word[] = "allocate";
	char *argv[] = { self, word, NULL };

	(void)state;
#ifdef __SANITIZE_ADDRESS__
	skip(); /* its malloc is the sanitizer's */
#endif
	prove(argv);
	for (uint32_t i = 0; i < target.functions.count; i++)
		if (is_fused(i)) {
			assert_true(target.calls >= 50);
			return;
		}
	skip(); /* no function of this C library has late entries */
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(this_one) };

	if (argc == 2 && strcmp(argv[1], "allocate") == 0)
		return allocate();
	if (argc == 1)
		return cmocka_run_group_tests_name("steps", tests, NULL, NULL);
	prove(argv + 1);
	tell();
	return 0;
}
