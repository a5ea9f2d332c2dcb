/* mapbad KIND: maps in ways that fail, fail half way, or are done by the kernel on its own;
 * says "ready PID", does it at a line, says "done", ends with 0 at another. `mapbad fork KIND`:
 * in a forked child, which says so; its parent waits for it.
 *
 *   failures  calls that are refused and change nothing
 *   gap       calls that are refused after having unmapped what they were to replace
 *   half      mprotect up to where it is refused
 *   break     brk below its start, absurdly high, up and down
 *   shm       shared memory that is not there, and whose beginning is not
 *   truncated a file that shrinks under its mapping
 *   replaced  mapped over again and again, in a thread, until the line
 *   stack     protects, unmaps and maps over parts of the main stack that has grown
 *   deep      the same with a stack that has not
 *   grows     a mapping that grows down when it is touched, of which parts go
 *   dontfork  mappings that a child does not inherit
 *   huge      lengths that are rounded up to huge pages, none of which is touched
 *   virgin    a first break, where libc knows it already: nothing has been allocated
 *   leader    maps in a thread, after the first one has ended */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define noipa __attribute__((noipa))
#define HUGE (2ul << 20)

enum { PAGE = 4096, UNSUPPORTED = 77 };

static const int RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS;

/* No buffer is allocated for it. */
static void say(const char *word)
{
	char line[64];
	int len = snprintf(line, sizeof(line), "%s %d\n", word, (int)getpid());

	if (write(1, line, (size_t)len) != len)
		abort();
}

static void await_line(void)
{
	char c;

	do
		if (read(0, &c, 1) != 1)
			_exit(1);
	while (c != '\n');
}

static char *checked(void *at)
{
	if (at == MAP_FAILED)
		abort();
	return at;
}

static void refused(long result, int why)
{
	if (result != -1 || errno != why) {
		fprintf(stderr, "%ld, %s instead of %s\n", result, strerror(errno), strerror(why));
		abort();
	}
}

static void done(bool well)
{
	if (!well)
		abort();
}

static long call(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, int fd, uint64_t f)
{
	return syscall(number, a, b, c, d, (long)fd, f);
}

/* ---- refused ---------------------------------------------------------------------------- */

static noipa char *map_known(size_t pages)
{
	return checked(mmap(NULL, pages * PAGE, RW, ANON, -1, 0));
}

static noipa void fail_to_map(char *at)
{
	int folder = open("/", O_RDONLY | O_DIRECTORY);

	refused(call(SYS_mmap, 0, 0, RW, ANON, -1, 0), EINVAL);
	refused(call(SYS_mmap, 0, SIZE_MAX, RW, ANON, -1, 0), ENOMEM);
	refused(call(SYS_mmap, 0, SIZE_MAX - PAGE, RW, ANON, -1, 0), ENOMEM);
	refused(call(SYS_mmap, 0, (size_t)1 << 60, RW, ANON, -1, 0), ENOMEM);
	refused(call(SYS_mmap, 0, PAGE, RW, MAP_PRIVATE, -1, 0), EBADF);
	refused(call(SYS_mmap, 0, PAGE, RW, MAP_PRIVATE, 12345, 0), EBADF);
	refused(call(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, folder, 0), ENODEV);
	refused(call(SYS_mmap, (uintptr_t)at, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, folder, 0),
	        ENODEV);
	refused(call(SYS_mmap, (uintptr_t)at, SIZE_MAX - PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	refused(call(SYS_mmap, (uintptr_t)at + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
	refused(call(SYS_mmap, -(uint64_t)PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	refused(call(SYS_mmap, (uintptr_t)at, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	refused(call(SYS_mmap, 0, PAGE, RW, MAP_PRIVATE, folder, 1), EINVAL);
	close(folder);
}

static noipa void fail_to_unmap(char *at)
{
	const uint64_t here = (uintptr_t)at;

	refused(call(SYS_munmap, here + 1, PAGE, 0, 0, 0, 0), EINVAL);
	refused(call(SYS_munmap, here, 0, 0, 0, 0, 0), EINVAL);
	refused(call(SYS_munmap, here, SIZE_MAX, 0, 0, 0, 0), EINVAL);
	refused(call(SYS_munmap, here, SIZE_MAX - PAGE, 0, 0, 0, 0), EINVAL);
	refused(call(SYS_munmap, here, -here, 0, 0, 0, 0), EINVAL);
	refused(call(SYS_munmap, -(uint64_t)PAGE, PAGE, 0, 0, 0, 0), EINVAL);
	done(call(SYS_munmap, PAGE, PAGE, 0, 0, 0, 0) == 0); /* of nothing */
}

static noipa void fail_to_move(char *at)
{
	const uint64_t here = (uintptr_t)at, to = here + 2 * PAGE, fixed = MREMAP_MAYMOVE | MREMAP_FIXED;

	refused(call(SYS_mremap, PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0, 0), EFAULT);
	refused(call(SYS_mremap, here, PAGE, 0, MREMAP_MAYMOVE, 0, 0), EINVAL);
	refused(call(SYS_mremap, here + 1, PAGE, PAGE, MREMAP_MAYMOVE, 0, 0), EINVAL);
	refused(call(SYS_mremap, here, PAGE, PAGE, fixed, -1, 0), EINVAL);
	refused(call(SYS_mremap, here, SIZE_MAX, PAGE, MREMAP_MAYMOVE, 0, 0), EINVAL);
	refused(call(SYS_mremap, here, PAGE, SIZE_MAX, MREMAP_MAYMOVE, 0, 0), EINVAL);
	if (call(SYS_mremap, here, PAGE, SIZE_MAX - PAGE, MREMAP_MAYMOVE, 0, 0) != -1 ||
	    syscall(SYS_mremap, PAGE, PAGE, PAGE, fixed, to) != -1) /* not everywhere the same errno */
		abort();
}

static noipa void fail_to_protect(char *at)
{
	const uint64_t here = (uintptr_t)at;

	refused(call(SYS_mprotect, PAGE, PAGE, PROT_READ, 0, 0, 0), ENOMEM);
	refused(call(SYS_mprotect, here, SIZE_MAX, PROT_READ, 0, 0, 0), ENOMEM);
	refused(call(SYS_mprotect, here, SIZE_MAX - PAGE, PROT_READ, 0, 0, 0), ENOMEM);
	refused(call(SYS_mprotect, here, -here, PROT_READ, 0, 0, 0), ENOMEM);
	refused(call(SYS_mprotect, here + 1, PAGE, PROT_READ, 0, 0, 0), EINVAL);
	refused(call(SYS_mprotect, here, PAGE, PROT_READ | PROT_GROWSDOWN, 0, 0, 0), EINVAL);
	refused(call(SYS_mprotect, here, PAGE, PROT_READ | 0x1000, 0, 0, 0), EINVAL);
	done(call(SYS_mprotect, here, 0, PROT_NONE, 0, 0, 0) == 0);
	refused(call(SYS_madvise, here, SIZE_MAX - PAGE, MADV_DONTNEED, 0, 0, 0), EINVAL);
	refused(call(SYS_madvise, here, -here, MADV_DONTNEED, 0, 0, 0), EINVAL);
}

static void failures(void)
{
	char *at = map_known(8);

	munmap(at + 2 * PAGE, PAGE);
	munmap(at + 4 * PAGE, PAGE);
	fail_to_map(at);
	fail_to_unmap(at);
	fail_to_move(at);
	fail_to_protect(at);
}

static noipa void fail_half_way(char *at)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	refused(call(SYS_mmap, (uintptr_t)at + 4 * PAGE, 4 * PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd, 0),
	        ENODEV);
	refused(call(SYS_mmap, 0, 4 * PAGE, RW, MAP_PRIVATE, fd, 0), ENODEV);
	close(fd);
}

static void gap(void)
{
	fail_half_way(map_known(16));
}

static noipa void *map_file(int fd, size_t pages, int prot, int how)
{
	return checked(mmap(NULL, pages * PAGE, prot, how, fd, 0));
}

static noipa void protect_half(char *at)
{
	int fd = open("/proc/self/exe", O_RDONLY);

	checked(mmap(at + 4 * PAGE, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0));
	close(fd);
	refused(mprotect(at + PAGE, 5 * PAGE, PROT_READ | PROT_WRITE), EACCES);
	munmap(at + 10 * PAGE, PAGE);
	refused(mprotect(at + 6 * PAGE, 10 * PAGE, PROT_READ), ENOMEM);
	refused(mprotect(at + 10 * PAGE, 2 * PAGE, PROT_NONE), ENOMEM);
}

static void half(void)
{
	char *at = map_known(16);

	mprotect(at, 6 * PAGE, PROT_NONE);
	protect_half(at);
}

/* ---- the break ---------------------------------------------------------------------------- */

static noipa void move_break(void)
{
	uint64_t now = (uint64_t)call(SYS_brk, 0, 0, 0, 0, 0, 0);

	done((uint64_t)call(SYS_brk, PAGE, 0, 0, 0, 0, 0) == now);
	done((uint64_t)call(SYS_brk, SIZE_MAX, 0, 0, 0, 0, 0) == now);
	done((uint64_t)call(SYS_brk, (uint64_t)1 << 46, 0, 0, 0, 0, 0) == now);
	done((uint64_t)call(SYS_brk, now + 5 * PAGE + 1, 0, 0, 0, 0, 0) == now + 5 * PAGE + 1);
	done((uint64_t)call(SYS_brk, now + 2 * PAGE - 1, 0, 0, 0, 0, 0) == now + 2 * PAGE - 1);
	checked(mmap((void *)(((now + PAGE - 1) & -(uint64_t)PAGE) + 10 * PAGE), PAGE, RW,
	             ANON | MAP_FIXED_NOREPLACE, -1, 0));
	done((uint64_t)call(SYS_brk, now + 20 * PAGE, 0, 0, 0, 0, 0) == now + 2 * PAGE - 1);
}

static noipa void break_first(void)
{
	if (sbrk(3 * PAGE) == (void *)-1)
		abort();
}

/* ---- shared memory ------------------------------------------------------------------------ */

static noipa char *attach_shared(void)
{
	int id = shmget(IPC_PRIVATE, 8 * PAGE, IPC_CREAT | 0600);
	char *at = shmat(id, NULL, 0);

	refused((long)shmat(id, (char *)1, 0), EINVAL);
	refused((long)shmat(-1, NULL, 0), EINVAL);
	refused((long)shmat(0x7ffffff0, NULL, 0), EINVAL);
	refused(shmdt((char *)PAGE), EINVAL);
	refused((long)shmat(id, at, 0), EINVAL); /* not without SHM_REMAP */
	shmctl(id, IPC_RMID, NULL);
	return checked(at);
}

static noipa void shm(void)
{
	char *first = attach_shared(), *second = attach_shared();

	munmap(first, 2 * PAGE); /* the rest is still attached */
	munmap(second, 2 * PAGE);
	munmap(second + 5 * PAGE, PAGE);
	if (shmdt(second))
		abort();
}

static noipa void truncated(void)
{
	int fd = fileno(tmpfile());
	char *at;

	if (ftruncate(fd, 16 * PAGE))
		abort();
	at = map_file(fd, 16, RW, MAP_SHARED);
	memset(at, 1, 16 * PAGE);
	map_file(fd, 4, PROT_READ, MAP_PRIVATE);
	if (ftruncate(fd, 0))
		abort();
	munmap(at + 4 * PAGE, PAGE);
}

/* ---- replaced again and again ------------------------------------------------------------- */

static noipa void replace_anonymous(char *at)
{
	checked(mmap(at, 8 * PAGE, RW, ANON | MAP_FIXED, -1, 0));
}

static noipa void replace_file(char *at, int fd)
{
	checked(mmap(at + 2 * PAGE, 3 * PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0));
}

static volatile bool ending;

static void *replace(void *at)
{
	int fd = open("/proc/self/exe", O_RDONLY);

	while (!ending) {
		replace_anonymous(at);
		replace_file(at, fd);
		mprotect((char *)at + 4 * PAGE, 3 * PAGE, PROT_READ);
	}
	return NULL;
}

static void replaced(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, replace, map_known(8)))
		abort();
	say("working");
	await_line();
	ending = true;
	pthread_join(thread, NULL);
}

/* ---- the stack ---------------------------------------------------------------------------- */

enum { DEEP = 100 }; /* pages */

/* The lowest address it has touched. */
static noipa uintptr_t touch(unsigned pages)
{
	char room[PAGE];
	uintptr_t lowest;

	memset(room, 1, sizeof(room));
	lowest = pages ? touch(pages - 1) : (uintptr_t)room;
	__asm__ volatile("" : : "r"(room) : "memory");
	return lowest;
}

static noipa void map_over_stack(char *at)
{
	checked(mmap(at, 2 * PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0));
}

/* Below where it is in use. */
static noipa void cut_stack(uintptr_t low)
{
	char *at = (char *)(low & -(uintptr_t)PAGE) + 8 * PAGE;

	if (mprotect(at, 2 * PAGE, PROT_READ) || munmap(at + 6 * PAGE, 3 * PAGE))
		abort();
	map_over_stack(at + 12 * PAGE);
	checked(mremap(at + 16 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, map_known(1)));
}

static void stack(void)
{
	cut_stack(touch(DEEP));
}

static noipa void deep(void)
{
	char *here = __builtin_frame_address(0);

	munmap((char *)((uintptr_t)here & -(uintptr_t)PAGE) - 200 * PAGE, 10 * PAGE);
	map_over_stack((char *)((uintptr_t)here & -(uintptr_t)PAGE) - 300 * PAGE);
}

static noipa char *map_growing(char *top)
{
	return checked(mmap(top - PAGE, PAGE, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, -1, 0));
}

static noipa void grows(void)
{
	char *room = checked(mmap(NULL, 1000 * PAGE, PROT_NONE, ANON, -1, 0)), *top;

	top = room + 999 * PAGE;
	munmap(room + PAGE, 998 * PAGE);
	map_growing(top);
	for (unsigned i = 2; i <= 40; i++)
		*(volatile char *)(top - i * PAGE) = 1;
	done(mprotect(top - 30 * PAGE, 2 * PAGE, PROT_READ) == 0);
	done(munmap(top - 20 * PAGE, 2 * PAGE) == 0);
	for (unsigned i = 41; i <= 50; i++)
		*(volatile char *)(top - i * PAGE) = 1;
	done(mprotect(top - 45 * PAGE, PAGE, PROT_READ | PROT_GROWSDOWN) == 0);
}

/* ---- without the first thread ------------------------------------------------------------- */

static noipa void map_alone(void)
{
	checked(mmap(NULL, 7 * PAGE, RW, ANON, -1, 0));
}

static void *go_on_alone(void *first)
{
	pthread_join(*(pthread_t *)first, NULL);
	map_alone();
	say("done");
	await_line();
	_exit(0);
}

static void leader(void)
{
	static pthread_t first;
	pthread_t thread;

	first = pthread_self();
	if (pthread_create(&thread, NULL, go_on_alone, &first))
		abort();
	pthread_exit(NULL);
}

/* ---- children ----------------------------------------------------------------------------- */

static void dontfork(void)
{
	char *at = map_known(8);

	if (madvise(at, 8 * PAGE, MADV_DONTFORK) || madvise(at + 3 * PAGE, 2 * PAGE, MADV_DOFORK))
		abort();
}

/* ---- huge pages --------------------------------------------------------------------------- */

static noipa void map_huge(void)
{
	checked(mmap(NULL, HUGE + 1, RW, ANON | MAP_HUGETLB | MAP_NORESERVE, -1, 0));
}

static noipa void map_huge_file(void)
{
	int fd = memfd_create("huge", MFD_HUGETLB);
	char *at = checked(mmap(NULL, 3 * HUGE - 5 * PAGE, RW, MAP_SHARED | MAP_NORESERVE, fd, 0));

	refused(munmap(at, PAGE), EINVAL);
	done(munmap(at + HUGE, HUGE) == 0);
	close(fd);
}

static void huge(void)
{
	void *at = mmap(NULL, HUGE, RW, ANON | MAP_HUGETLB | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		_exit(UNSUPPORTED);
	munmap(at, HUGE);
	map_huge();
	map_huge_file();
}

static const struct {
	const char *name;
	void (*work)(void);
} kinds[] = {
	{ "failures", failures }, { "gap", gap }, { "half", half }, { "break", move_break },
	{ "shm", shm }, { "truncated", truncated }, { "replaced", replaced }, { "stack", stack },
	{ "deep", deep }, { "grows", grows }, { "dontfork", dontfork }, { "huge", huge },
	{ "virgin", break_first }, { "leader", leader },
};

static void work(const char *name)
{
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kinds[i].name, name))
			kinds[i].work();
	say("done");
	await_line();
}

/* Before "ready". */
static void prepare(const char *name)
{
	if (!strcmp(name, "virgin"))
		sbrk(0);
}

/* Before it forks, it maps what the child does not inherit. */
static int in_child(const char *name)
{
	int status;
	pid_t child;

	prepare(name);
	if (!strcmp(name, "dontfork"))
		dontfork();
	child = fork();
	if (!child) {
		say("ready");
		await_line();
		work(name);
		_exit(0);
	}
	return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
	if (argc == 3)
		return in_child(argv[2]);
	if (argc != 2)
		return 2;
	prepare(argv[1]);
	say("ready");
	await_line();
	work(argv[1]);
	return 0;
}
