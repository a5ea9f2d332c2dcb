/* Where system calls are made, against functions of this program's own and against every
 * call that real programs make, as the kernel sees it. */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "analysis/syscalls.h"

#define PROC ".cfi_startproc\n"
#define END ".cfi_endproc\n"

__asm__(".text\n"
	"plain:		" PROC
	"plain_before:	mov $9, %eax\n"
	"plain_call:	syscall\n"
	"		ret\n" END

	"zeroed:	" PROC "xor %eax, %eax\n"
	"zeroed_before:	mov %rsi, %rdx\n"
	"zeroed_call:	syscall\n"
	"		ret\n" END

	"low:		" PROC "xor %eax, %eax\n"
	"		mov $56, %al\n"
	"low_before:	mov %rsi, %rdx\n"
	"low_call:	syscall\n"
	"		ret\n" END

	/* through another register, and again: the kernel gives it back */
	"copied:	" PROC "mov $12, %esi\n"
	"copied_before:	mov %esi, %eax\n"
	"copied_call:	syscall\n"
	"		lea 8(%rax), %rdi\n"
	"copied_before2: mov %esi, %eax\n"
	"copied_call2:	syscall\n"
	"		ret\n" END

	"wide:		" PROC
	"wide_before:	mov $15, %rax\n"
	"wide_call:	syscall\n"
	"		ret\n" END

	"argument:	" PROC
	"argument_before: mov %rdi, %rax\n"
	"argument_call:	syscall\n"
	"		ret\n" END

	/* one of two */
	"either:	" PROC "mov $11, %eax\n"
	"		test %edi, %edi\n"
	"		je 1f\n"
	"		mov $9, %eax\n"
	"1:\n"
	"either_before:	mov %rsi, %rdi\n"
	"either_call:	syscall\n"
	"		ret\n" END

	/* the same either way */
	"both:		" PROC "test %edi, %edi\n"
	"		je 1f\n"
	"		mov $9, %eax\n"
	"		jmp 2f\n"
	"1:		mov $9, %eax\n"
	"2:\n"
	"both_before:	mov %rsi, %rdi\n"
	"both_call:	syscall\n"
	"		ret\n" END

	/* padding leads nowhere */
	"looped:	" PROC "mov $202, %r9d\n"
	"		jmp 2f\n"
	"		nopw 0(%rax, %rax)\n"
	"1:		xor %edx, %edx\n"
	"2:\n"
	"looped_before:	mov %r9d, %eax\n"
	"looped_call:	syscall\n"
	"		test %eax, %eax\n"
	"		jne 1b\n"
	"		ret\n" END

	/* a call that is known to leave r9 alone */
	"across:	" PROC "mov $202, %r9d\n"
	"		call plain\n"
	"across_before:	mov %r9d, %eax\n"
	"across_call:	syscall\n"
	"		ret\n" END

	"answered:	" PROC "mov $9, %eax\n"
	"		call plain\n"
	"answered_before: mov %rsi, %rdi\n"
	"answered_call:	syscall\n"
	"		ret\n" END

	"jumped_to:	" PROC "mov $9, %eax\n"
	"		test %edi, %edi\n"
	"		je jumped_to_call\n"
	"		mov $1, %esi\n"
	"jumped_to_call: syscall\n"
	"		ret\n" END

	"refused:	" PROC "mov $9, %eax\n"
	"		movaps %xmm0, %xmm1\n"
	"refused_call:	syscall\n"
	"		ret\n" END

	"loaded:	" PROC "mov $9, %eax\n"
	"loaded_before:	mov 8(%rsp), %rax\n"
	"loaded_call:	syscall\n"
	"		ret\n" END

	"constant:	" PROC "mov $0x050f, %ecx\n" /* the bytes, but no instruction */
	"		ret\n" END

	"nameless_before: mov $11, %eax\n" /* no unwind table tells of it */
	"nameless_call:	syscall\n"
	"		ret\n"
	"		.byte 0xc7, 0xc3\n"
	"lone_call:	syscall\n"
	"		ret\n"

	/* nor of this one, but it is a function */
	"		.type bare, @function\n"
	"bare:		mov $9, %eax\n"
	"		test %edi, %edi\n"
	"		je 1f\n"
	"bare_before:	mov %rsi, %rdi\n"
	"bare_call:	syscall\n"
	"1:		ret\n");

static struct module module;
static struct decoder *decoder;

/* ---- one site ---------------------------------------------------------------------------- */

struct wanted {
	taddr_t vaddr;
	struct syscall_site found;
};

static bool is_wanted(void *ctx, const struct syscall_site *site)
{
	struct wanted *wanted = ctx;

	if (site->vaddr == wanted->vaddr)
		wanted->found = *site;
	return site->vaddr != wanted->vaddr;
}

static struct syscall_site site_at(const char *call)
{
	struct wanted wanted = { .vaddr = (taddr_t)call - module.bias };

	assert_int_equal(syscalls_find(&module, decoder, is_wanted, &wanted), 0);
	return wanted.found;
}

static void check(const char *call, const char *before, int number)
{
	struct syscall_site site = site_at(call);

	assert_int_equal(site.vaddr, (taddr_t)call - module.bias);
	assert_true(site.decoded);
	assert_int_equal(site.number, number);
	assert_int_equal(site.before, before ? (taddr_t)before - module.bias : 0);
}

#define CHECK(name, number)                                                    \
	do {                                                                   \
		extern const char name##_call[], name##_before[];              \
		check(name##_call, name##_before, number);                     \
	} while (0)

static void constants(void **state)
{
	(void)state;
	CHECK(plain, 9);
	CHECK(zeroed, 0);
	CHECK(low, 56);
	CHECK(bare, 9);
	CHECK(copied, 12);
	CHECK(wide, 15);
	CHECK(both, 9);
	CHECK(looped, 202);
	CHECK(across, 202);
	CHECK(nameless, 11);
	{
		extern const char copied_call2[], copied_before2[];

		check(copied_call2, copied_before2, 12);
	}
}

static void variables(void **state)
{
	(void)state;
	CHECK(argument, SYSCALL_ANY);
	CHECK(either, SYSCALL_ANY);
	CHECK(answered, SYSCALL_ANY);
	CHECK(loaded, SYSCALL_ANY);
}

static void no_place_before(void **state)
{
	extern const char jumped_to_call[], refused_call[];

	(void)state;
	check(jumped_to_call, NULL, 9);
	check(refused_call, NULL, 9);
}

static void no_code(void **state)
{
	extern const char constant[], lone_call[];

	(void)state;
	assert_int_equal(site_at(constant + 1).vaddr, 0);
	assert_int_equal(site_at(lone_call).vaddr, (taddr_t)lone_call - module.bias);
	assert_false(site_at(lone_call).decoded);
	assert_int_equal(site_at(lone_call).number, SYSCALL_ANY);
}

/* ---- real programs ------------------------------------------------------------------------ */

struct sites {
	struct table numbers; /* file address -> number + 2 */
};

static bool add(void *ctx, const struct syscall_site *site)
{
	struct sites *sites = ctx;

	*table_put(&sites->numbers, site->vaddr) = (uint64_t)(site->number + 2);
	assert_true(site->decoded);
	return true;
}

static struct {
	char path[256];
	struct sites sites;
	struct module module;
} files[32];
static size_t file_count, seen, fixed;

static struct sites *sites_of(const char *path, struct module **out)
{
	size_t i = 0;

	while (i < file_count && strcmp(files[i].path, path) != 0)
		i++;
	*out = &files[i].module;
	if (i < file_count)
		return &files[i].sites;
	assert_true(file_count < 32);
	strcpy(files[file_count++].path, path);
	assert_int_equal(elf_open(&files[i].module.elf, open(path, O_RDONLY)), 0);
	files[i].module.path = files[i].path;
	files[i].module.end = UINT64_MAX;
	syscalls_find(&files[i].module, decoder, add, &files[i].sites);
	return &files[i].sites;
}

/* The file that is mapped at pc, and the address it has there. False: none (the vDSO). */
static bool place_of(pid_t pid, uint64_t pc, char *path, uint64_t *offset)
{
	unsigned long begin, end, at;
	char line[512], maps[32];
	bool found = false;
	FILE *file;

	snprintf(maps, sizeof(maps), "/proc/%d/maps", pid);
	file = fopen(maps, "r");
	assert_non_null(file);
	while (!found && fgets(line, sizeof(line), file)) {
		found = sscanf(line, "%lx-%lx %*s %lx %*s %*s %255s", &begin, &end, &at, path) == 4 &&
		        pc >= begin && pc < end && *path == '/';
		*offset = pc - begin + at;
	}
	fclose(file);
	return found;
}

static taddr_t vaddr_of(const struct module *of, uint64_t offset)
{
	for (unsigned i = 0; i < of->elf.segment_count; i++) {
		const struct elf_segment *segment = &of->elf.segments[i];

		if (offset >= segment->offset && offset < segment->offset + segment->filesz)
			return offset - segment->offset + segment->vaddr;
	}
	return 0;
}

static void check_call(pid_t pid, const struct user_regs_struct *regs)
{
	uint64_t offset, *number;
	struct module *of;
	struct sites *sites;
	char path[256];

	if (!place_of(pid, regs->rip - 2, path, &offset))
		return;
	sites = sites_of(path, &of);
	number = table_find(&sites->numbers, vaddr_of(of, offset));
	if (!number)
		fail_msg("%s+0x%lx calls %lld and was not found", path, offset, regs->orig_rax);
	seen++;
	fixed += *number != SYSCALL_ANY + 2;
	if (*number != SYSCALL_ANY + 2)
		assert_int_equal(*number - 2, regs->orig_rax);
}

static void run(char *const argv[])
{
	struct user_regs_struct regs;
	int status, null = open("/dev/null", O_RDWR);
	pid_t pid = fork();
	bool entry = true;

	if (pid == 0) {
		dup2(null, 1);
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		execv(argv[0], argv);
		_exit(127);
	}
	close(null);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	while (ptrace(PTRACE_SYSCALL, pid, 0, 0) == 0 && waitpid(pid, &status, 0) == pid &&
	       WIFSTOPPED(status)) {
		if (WSTOPSIG(status) != (SIGTRAP | 0x80))
			continue;
		ptrace(PTRACE_GETREGS, pid, 0, &regs);
		if (entry)
			check_call(pid, &regs);
		entry = !entry;
	}
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void real_programs(void **state)
{
	(void)state;
	run((char *[]){ "/usr/bin/python3", "-c",
	                "import os, json, mmap, time, socket\n"
	                "m = mmap.mmap(-1, 1 << 20); m.close()\n"
	                "os.listdir('/'); time.sleep(0.001); socket.socket().close()\n", NULL });
	run((char *[]){ "/usr/bin/sort", "/proc/self/status", NULL });
	run((char *[]){ "/bin/dash", "-c", "trap : USR1; kill -USR1 $$; cd /; pwd", NULL });
	assert_true(seen > 500);
	assert_true(fixed * 100 > seen * 95);
}

/* ------------------------------------------------------------------------------------------ */

static int find_self(struct dl_phdr_info *info, size_t size, void *ctx)
{
	(void)size;
	(void)ctx;
	module.bias = info->dlpi_addr; /* the program itself comes first */
	return 1;
}

static int open_self(void **state)
{
	(void)state;
	decoder = decoder_new();
	dl_iterate_phdr(find_self, NULL);
	if (!decoder || elf_open(&module.elf, open("/proc/self/exe", O_RDONLY)) < 0)
		return -1;
	module.path = "self";
	module.begin = module.bias;
	module.end = UINT64_MAX;
	return 0;
}

static int close_self(void **state)
{
	(void)state;
	module_close(&module);
	for (size_t i = 0; i < file_count; i++) {
		module_close(&files[i].module);
		table_deinit(&files[i].sites.numbers);
	}
	decoder_free(decoder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(constants),
		cmocka_unit_test(variables),
		cmocka_unit_test(no_place_before),
		cmocka_unit_test(no_code),
		cmocka_unit_test(real_programs),
	};

	return cmocka_run_group_tests(tests, open_self, close_self);
}
