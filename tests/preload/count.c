/* libcount.so, a counting preload library: what its host asks of the malloc
 * family and what it gives back, in requested bytes, by the rules of
 * INTERFACE.md. The tests compare a trace with it to the byte.
 *
 * Where the counts are. In a page shared with the file $COUNT_OUT.PID, eight
 * numbers in the order of enum count. They are thus complete up to the last
 * call the process makes: past every destructor, through _exit, quick_exit and
 * exit_group, and also when it is killed. An exec starts the file anew.
 *
 * Which call counts. The outermost one of a thread; a thread-local depth tells.
 * A signal handler that allocates while its thread is inside a real function is
 * therefore not counted; targets that do so keep their own books.
 *
 * Sizes. Every block's requested size stands in an open-addressing table of our
 * own. A block has one owner at a time, it is entered after the real function
 * handed it out and removed before that gets it back, so a compare-and-swap on
 * an empty slot is all the locking there is. A freed slot is a grave: a search
 * walks over it, an entry may take it.
 *
 * Start. The real functions are looked up inside the first call, where what
 * dlsym allocates is nested; it comes from a static buffer and is never freed.
 *
 * Children. A page that the kernel wipes on fork tells a child that it must
 * open a file of its own; it keeps the table. A vfork child or another process
 * sharing the memory counts for the process it shares with. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum count { ALLOCS, FREES, BYTES_ALLOCATED, BYTES_FREED, CALLS, FAILED, NULLS, UNKNOWN, COUNTS };

#define PAGE 4096
#define SLOTS ((size_t)1 << 24)
#define GRAVE 1

struct slot {
	uintptr_t block;
	size_t size;
};

static uint64_t *counts;
static struct slot *slots;
static char *ours; /* reads 0 after a fork */

static __thread int depth __attribute__((tls_model("initial-exec")));

static struct {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void *(*reallocarray)(void *, size_t, size_t);
	void *(*memalign)(size_t, size_t);
	int (*posix_memalign)(void **, size_t, size_t);
	void *(*aligned_alloc)(size_t, size_t);
	void *(*valloc)(size_t);
	void *(*pvalloc)(size_t);
	void (*free)(void *);
} real;

/* ---- the page and the table ----------------------------------------------- */

static void die(const char *why)
{
	if (write(2, why, strlen(why)) < 0)
		_exit(99);
	abort();
}

static void *map(void *at, size_t size, int flags, int fd)
{
	void *mapped = mmap(at, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (mapped == MAP_FAILED)
		die("libcount: mmap failed\n");
	return mapped;
}

static int open_counts(void)
{
	const char *prefix = getenv("COUNT_OUT");
	char path[512];
	int fd;

	if (!prefix)
		return -1;
	snprintf(path, sizeof(path), "%s.%d", prefix, getpid());
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || ftruncate(fd, PAGE))
		die("libcount: cannot write $COUNT_OUT.PID\n");
	return fd;
}

static void share_counts(void)
{
	int fixed = counts ? MAP_FIXED : 0;
	int fd = open_counts();

	counts = map(counts, PAGE, fixed | (fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED), fd);
	if (fd >= 0)
		close(fd);
}

static void begin(void)
{
	int error = errno;

	if (!slots) {
		slots = map(NULL, SLOTS * sizeof(*slots),
		            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
		ours = map(NULL, PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
		if (madvise(ours, PAGE, MADV_WIPEONFORK))
			die("libcount: no MADV_WIPEONFORK\n");
	}
	share_counts();
	*ours = 1;
	errno = error;
}

__attribute__((constructor)) static void begin_at_load(void)
{
	if (!ours || !*ours)
		begin();
}

static void add(enum count which, uint64_t value)
{
	__atomic_fetch_add(&counts[which], value, __ATOMIC_RELAXED);
}

static size_t home_of(uintptr_t block)
{
	return (block >> 4) & (SLOTS - 1);
}

static bool claim(struct slot *slot, uintptr_t block)
{
	uintptr_t seen = __atomic_load_n(&slot->block, __ATOMIC_RELAXED);

	return seen <= GRAVE && __atomic_compare_exchange_n(&slot->block, &seen, block, false,
	                                                    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static void enter_block(void *at, size_t size)
{
	size_t i = home_of((uintptr_t)at);

	for (size_t tries = SLOTS; tries--; i = (i + 1) & (SLOTS - 1)) {
		if (!claim(&slots[i], (uintptr_t)at))
			continue;
		slots[i].size = size;
		return;
	}
	die("libcount: too many blocks\n");
}

static bool remove_block(void *at, size_t *size)
{
	uintptr_t seen;

	for (size_t i = home_of((uintptr_t)at);; i = (i + 1) & (SLOTS - 1)) {
		seen = __atomic_load_n(&slots[i].block, __ATOMIC_ACQUIRE);
		if (!seen)
			return false;
		if (seen != (uintptr_t)at)
			continue;
		*size = slots[i].size;
		__atomic_store_n(&slots[i].block, GRAVE, __ATOMIC_RELEASE);
		return true;
	}
}

/* ---- the start -------------------------------------------------------------- */

static _Alignas(16) char early[1 << 16];
static size_t early_used;

static void *early_alloc(size_t size)
{
	size_t at = early_used;

	early_used += (size + 15) & ~(size_t)15;
	if (early_used > sizeof(early))
		die("libcount: the start needs more memory\n");
	return early + at;
}

static bool is_early(const void *at)
{
	return (const char *)at >= early && (const char *)at < early + sizeof(early);
}

static void find(void *function, const char *name)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	if (!symbol)
		die("libcount: no real function\n");
	memcpy(function, &symbol, sizeof(symbol));
}

static void find_all(void)
{
	find(&real.calloc, "calloc");
	find(&real.realloc, "realloc");
	find(&real.reallocarray, "reallocarray");
	find(&real.memalign, "memalign");
	find(&real.posix_memalign, "posix_memalign");
	find(&real.aligned_alloc, "aligned_alloc");
	find(&real.valloc, "valloc");
	find(&real.pvalloc, "pvalloc");
	find(&real.free, "free");
	find(&real.malloc, "malloc");
}

/* ---- one call --------------------------------------------------------------- */

/* Whether this is an outermost call, which must then be left. */
static bool outermost(void)
{
	if (depth++)
		return false;
	if (!ours || !*ours)
		begin();
	if (!real.malloc)
		find_all();
	add(CALLS, 1);
	return true;
}

static void leave(void)
{
	depth--;
}

static void *handed_out(void *at, size_t size)
{
	if (!at) {
		add(FAILED, 1);
		return NULL;
	}
	enter_block(at, size);
	add(ALLOCS, 1);
	add(BYTES_ALLOCATED, size);
	return at;
}

static void given_back(size_t size)
{
	add(FREES, 1);
	add(BYTES_FREED, size);
}

#define COUNTED(size, call)                                                              \
	({                                                                               \
		bool counts_ = outermost();                                              \
		void *at_ = !real.malloc ? early_alloc(size) : call;                     \
		if (counts_)                                                             \
			at_ = handed_out(at_, size);                                     \
		leave();                                                                 \
		at_;                                                                     \
	})

void *malloc(size_t size)
{
	return COUNTED(size, real.malloc(size));
}

void *calloc(size_t count, size_t each)
{
	return COUNTED(count * each, real.calloc(count, each));
}

void *memalign(size_t alignment, size_t size)
{
	return COUNTED(size, real.memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return COUNTED(size, real.aligned_alloc(alignment, size));
}

void *valloc(size_t size)
{
	return COUNTED(size, real.valloc(size));
}

void *pvalloc(size_t size)
{
	return COUNTED(size, real.pvalloc(size));
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
	bool counted = outermost();
	int error = real.posix_memalign(out, alignment, size);

	if (counted)
		handed_out(error ? NULL : *out, size);
	leave();
	return error;
}

static void resized(void *old, bool known, size_t was, void *at, size_t size)
{
	bool freed = old && !at && !size;

	if (!freed && !handed_out(at, size)) {
		if (known)
			enter_block(old, was);
	} else if (known) {
		given_back(was);
	} else if (old) {
		add(UNKNOWN, 1);
	}
}

#define RESIZED(old, new_size, call)                                                     \
	({                                                                               \
		bool counts_ = outermost();                                              \
		size_t was_ = 0;                                                         \
		bool known_ = counts_ && (old) && remove_block(old, &was_);              \
		void *at_ = call;                                                        \
		if (counts_)                                                             \
			resized(old, known_, was_, at_, new_size);                       \
		leave();                                                                 \
		at_;                                                                     \
	})

void *realloc(void *old, size_t size)
{
	return RESIZED(old, size, real.realloc(old, size));
}

void *reallocarray(void *old, size_t count, size_t each)
{
	return RESIZED(old, count * each, real.reallocarray(old, count, each));
}

static void count_free(void *at)
{
	size_t size;

	if (!at)
		add(NULLS, 1);
	else if (remove_block(at, &size))
		given_back(size);
	else
		add(UNKNOWN, 1);
}

void free(void *at)
{
	if (is_early(at))
		return;
	if (outermost())
		count_free(at);
	if (real.free)
		real.free(at);
	leave();
}
