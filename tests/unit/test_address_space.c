/* The model of an address space against the kernel's own list of ours: each call is made,
 * told to the model, and the two are compared whole. */
#include <errno.h>
#include <linux/aio_abi.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "analysis/address_space.h"
#include "tracer/map_told.h"
#include "tracer/mem.h"

#define PAGE 4096ul

static struct address_space space;
static int mem; /* our own */
static struct vma by = { .site = 7, .tid = 8 };

#ifdef __SANITIZE_ADDRESS__
static bool quiet = false; /* the sanitizer's runtime maps and unmaps as it likes */
#else
static bool quiet = true;
#endif
static taddr_t last_begin, last_end; /* mapped at no fixed place */

static void count_up(void *ctx, enum difference what, const struct vma *listed)
{
	static const char *const names[] = { "missing", "extra", "other" };

	if (!quiet && (listed->begin < last_begin || listed->end > last_end))
		return;
	++*(size_t *)ctx;
	fprintf(stderr, "%s %lx-%lx\n", names[what], listed->begin, listed->end);
}

static size_t differences(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	size_t count = 0, all;

	assert_non_null(maps);
	all = address_space_compare(&space, maps, count_up, &count);
	fclose(maps);
	return quiet ? all : count;
}

static void make_and_tell(struct map_call *call, long number)
{
	const uint64_t *args = call->args;

	call->kind = map_call_of((int)number);
	assert_int_not_equal(call->kind, MAP_CALL_NONE);
	call->result = syscall(number, args[0], args[1], args[2], args[3], args[4], args[5]);
	if (call->result == -1)
		call->result = -errno;
	map_told(call, getpid(), mem);
	by.born++;
	address_space_apply(&space, call, &by);
}

/* The call is made, and all is as the kernel has it; its result. */
static int64_t did(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                   uint64_t f)
{
	struct map_call call = { .args = { a, b, c, d, e, f } };

	make_and_tell(&call, number);
	if (differences() != 0) {
		print_error("call %ld(%#lx, %#lx, %#lx, %#lx, %#lx, %#lx) = %ld\n", number, a, b, c,
		            d, e, f, call.result);
		fail();
	}
	return call.result;
}

#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static int64_t map(uint64_t at, uint64_t len, int prot, int flags, int fd, uint64_t offset)
{
	int64_t result = did(SYS_mmap, at, len, (uint64_t)prot, (uint64_t)flags, (uint64_t)fd,
	                     offset);

	if (result > 0 && !(flags & MAP_FIXED)) {
		last_begin = (taddr_t)result;
		last_end = last_begin + len;
	}
	return result;
}

static int64_t unmap(uint64_t at, uint64_t len) { return did(SYS_munmap, at, len, 0, 0, 0, 0); }

static int64_t protect(uint64_t at, uint64_t len, int prot)
{
	return did(SYS_mprotect, at, len, (uint64_t)prot, 0, 0, 0);
}

static int64_t remap(uint64_t old, uint64_t old_len, uint64_t len, int flags, uint64_t to)
{
	return did(SYS_mremap, old, old_len, len, (uint64_t)flags, to, 0);
}

static int temporary_file(void)
{
	FILE *file = tmpfile();

	assert_non_null(file);
	assert_int_equal(ftruncate(fileno(file), 1 << 20), 0);
	return fileno(file); /* until the end */
}

/* ---- call by call --------------------------------------------------------------------------- */

static void parts_are_unmapped(void **state)
{
	uint64_t at = (uint64_t)map(0, 10 * PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);

	(void)state;
	assert_int_equal(vmas_at(&space.vmas, at)->site, 7);
	unmap(at, PAGE);                      /* head */
	unmap(at + 9 * PAGE, 1);              /* tail, a part of a page is all of it */
	unmap(at + 4 * PAGE, 2 * PAGE);       /* middle */
	assert_null(vmas_at(&space.vmas, at + 5 * PAGE));
	assert_int_equal(vmas_at(&space.vmas, at + 6 * PAGE)->tid, 8);
	unmap(at, 10 * PAGE);                 /* several, with holes */
	assert_int_equal(unmap(at + 4 * PAGE, PAGE), 0); /* of nothing */
	assert_int_equal(unmap(at + 1, PAGE), -EINVAL);
	assert_int_equal(unmap(at, UINT64_MAX - PAGE), -EINVAL);
	assert_int_equal(map(0, 0, PROT_READ, ANON, -1, 0), -EINVAL);
	assert_int_equal(map(0, UINT64_MAX - 1, PROT_READ, ANON, -1, 0), -ENOMEM);
}

static void fixed_replaces(void **state)
{
	int fd = temporary_file();
	uint64_t at = (uint64_t)map(0, 8 * PAGE, PROT_NONE, ANON, -1, 0);

	(void)state;
	map(at + 2 * PAGE, 3 * PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 5 * PAGE);
	map(at + 3 * PAGE, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 6 * PAGE);
	map(at + 4 * PAGE, 2 * PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	assert_int_equal(map(at + 5 * PAGE, PAGE, PROT_READ, ANON | MAP_FIXED_NOREPLACE, -1, 0),
	                 -EEXIST);
	assert_int_equal(vmas_at(&space.vmas, at + 2 * PAGE)->offset, 5 * PAGE);
	assert_true(vmas_at(&space.vmas, at + 2 * PAGE)->inode > 0);
	unmap(at, 8 * PAGE);
}

static void protection(void **state)
{
	uint64_t at = (uint64_t)map(0, 64 * PAGE, PROT_NONE, ANON, -1, 0);
	const struct vma *vma;

	(void)state;
	for (unsigned i = 1; i < 32; i++) /* as an arena grows */
		protect(at, i * PAGE, PROT_READ | PROT_WRITE);
	vma = vmas_at(&space.vmas, at);
	assert_int_equal(vma->begin, at);
	assert_int_equal(vma->end, at + 31 * PAGE);
	protect(at + 10 * PAGE, PAGE, PROT_READ);
	protect(at + 10 * PAGE, PAGE, PROT_READ | PROT_WRITE);
	vma = vmas_at(&space.vmas, at + 12 * PAGE);
	assert_int_equal(vma->begin, at); /* one again */
	unmap(at + 5 * PAGE, PAGE);
	assert_int_equal(protect(at, 10 * PAGE, PROT_READ), -ENOMEM); /* up to the hole */
	assert_int_equal(vmas_at(&space.vmas, at)->prot, PROT_READ);
	assert_int_equal(vmas_at(&space.vmas, at + 6 * PAGE)->prot, PROT_READ | PROT_WRITE);
	unmap(at, 64 * PAGE);
}

static void remapping(void **state)
{
	int fd = temporary_file();
	uint64_t room = (uint64_t)map(0, 64 * PAGE, PROT_NONE, ANON, -1, 0), at = room, to;

	(void)state;
	map(at, 4 * PAGE, PROT_READ | PROT_WRITE, ANON | MAP_FIXED, -1, 0);
	unmap(at + 4 * PAGE, 8 * PAGE);
	remap(at, 4 * PAGE, 8 * PAGE, 0, 0);  /* grows where it is */
	remap(at, 8 * PAGE, 3 * PAGE, 0, 0);  /* shrinks */
	to = room + 32 * PAGE;
	remap(at, 3 * PAGE, 5 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to); /* onto others */
	assert_null(vmas_at(&space.vmas, at));
	to = (uint64_t)remap(to, 5 * PAGE, 40 * PAGE, MREMAP_MAYMOVE, 0); /* wherever */
	assert_int_equal(vmas_at(&space.vmas, to)->end - to, 40 * PAGE);
	assert_int_equal(remap(to, 40 * PAGE, 0, MREMAP_MAYMOVE, 0), -EINVAL);
	at = (uint64_t)remap(to, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
	unmap(at, 4 * PAGE);
	unmap(to, 40 * PAGE);
	at = (uint64_t)map(0, 4 * PAGE, PROT_READ, MAP_SHARED, fd, 2 * PAGE);
	to = (uint64_t)remap(at + PAGE, 0, 2 * PAGE, MREMAP_MAYMOVE, 0); /* once more */
	assert_int_not_equal(to, at);
	assert_int_equal(vmas_at(&space.vmas, to)->offset, 3 * PAGE);
	unmap(to, 2 * PAGE);
	remap(at + PAGE, 2 * PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room); /* out of the middle */
	unmap(at, 4 * PAGE);
	unmap(room, 64 * PAGE);
	assert_int_equal(remap(room, PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0), -EFAULT);
}

static void the_break(void **state)
{
	uint64_t now = (uint64_t)did(SYS_brk, 0, 0, 0, 0, 0, 0);

	(void)state;
	did(SYS_brk, now + 10 * PAGE + 17, 0, 0, 0, 0, 0);
	did(SYS_brk, now + 10 * PAGE + 18, 0, 0, 0, 0, 0); /* the same page */
	did(SYS_brk, now + 20 * PAGE, 0, 0, 0, 0, 0);
	did(SYS_brk, now + 3 * PAGE + 1, 0, 0, 0, 0, 0);
	did(SYS_brk, UINT64_MAX / 2, 0, 0, 0, 0, 0); /* refused */
	assert_int_equal(did(SYS_brk, now, 0, 0, 0, 0, 0), now);
}

static void shared_memory(void **state)
{
	int id = shmget(IPC_PRIVATE, 5 * PAGE + 1, IPC_CREAT | 0600);
	struct map_call call = { .args = { (uint64_t)id } };
	uint64_t at;

	(void)state;
	assert_true(id >= 0);
	make_and_tell(&call, SYS_shmat);
	at = (uint64_t)call.result;
	call = (struct map_call){ .args = { (uint64_t)id, 0, SHM_RDONLY } };
	make_and_tell(&call, SYS_shmat);
	assert_int_equal(shmctl(id, IPC_RMID, NULL), 0);
	assert_int_equal(differences(), 0);
	protect(at + PAGE, PAGE, PROT_READ);
	unmap(at + 3 * PAGE, PAGE);
	did(SYS_shmdt, at, 0, 0, 0, 0, 0); /* all of it, in spite of the hole */
	did(SYS_shmdt, (uint64_t)call.result, 0, 0, 0, 0, 0);
	assert_int_equal(did(SYS_shmdt, at, 0, 0, 0, 0, 0), -EINVAL);
}

static void asynchronous_io(void **state)
{
	aio_context_t context = 0;
	struct map_call call = { .args = { 64, (uint64_t)&context }, .kind = MAP_CALL_IO_SETUP };

	(void)state;
	if (syscall(SYS_io_setup, 64, &context) < 0)
		skip(); /* not every kernel has it */
	map_told(&call, getpid(), mem);
	address_space_apply(&space, &call, &by);
	assert_int_equal(differences(), 0);
	did(SYS_io_destroy, context, 0, 0, 0, 0, 0);
}

static void a_stack_grows(void **state)
{
	uint64_t room = (uint64_t)map(0, 600 * PAGE, PROT_NONE, ANON, -1, 0);
	uint64_t top = room + 599 * PAGE;
	const struct vma *vma;

	(void)state;
	unmap(room + PAGE, 598 * PAGE);
	map(top - PAGE, PAGE, PROT_READ | PROT_WRITE, ANON | MAP_FIXED | MAP_GROWSDOWN, -1, 0);
	for (unsigned i = 2; i < 40; i++)
		*(volatile char *)(top - i * PAGE) = 1;
	assert_int_equal(differences(), 0);
	vma = vmas_at(&space.vmas, top - 1);
	assert_true(vma->begin <= top - 39 * PAGE);
	unmap(room, 600 * PAGE);
}

static void remapped_pages(void **state)
{
	int fd = temporary_file();
	uint64_t at = (uint64_t)map(0, 4 * PAGE, PROT_READ, MAP_SHARED, fd, 0);

	(void)state;
	did(SYS_remap_file_pages, at + PAGE, PAGE, 0, 9, 0, 0);
	unmap(at, 4 * PAGE);
}

/* ---- a storm ---------------------------------------------------------------------------------- */

enum { ROOM = 48, STEPS = 6000 };

static uint64_t random_below(uint64_t limit)
{
	static uint64_t state = 88172645463325252u; /* xorshift64, Marsaglia 2003 */

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % limit;
}

static int random_prot(void)
{
	static const int prots[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE };

	return prots[random_below(3)];
}

static void one_of_all(uint64_t room, int fd)
{
	uint64_t at = room + random_below(ROOM) * PAGE, to = room + random_below(ROOM) * PAGE;
	uint64_t most = (room + ROOM * PAGE - at) / PAGE, len = (1 + random_below(most)) * PAGE;
	uint64_t to_most = (room + ROOM * PAGE - to) / PAGE;
	uint64_t to_len = (1 + random_below(to_most)) * PAGE;
	int shared = random_below(2) ? MAP_SHARED : MAP_PRIVATE;

	switch (random_below(7)) {
	case 0:
		map(at, len, random_prot(), shared | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		break;
	case 1:
		map(at, len, random_prot(), shared | MAP_FIXED, fd, random_below(20) * PAGE);
		break;
	case 2:
		unmap(at, len);
		break;
	case 3:
		protect(at, len, random_prot());
		break;
	case 4:
		len = len < to_most * PAGE ? len : to_most * PAGE;
		remap(at, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to);
		break;
	case 5: /* one mapping: several may only be moved */
		remap(at, PAGE, random_below(2) ? to_len : PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
		break;
	case 6:
		remap(at, len, to_len < len ? to_len : len, 0, 0);
		break;
	}
}

/* What failed half way is the one thing that is not known. */
static void a_storm(void **state)
{
	int fd = temporary_file();
	uint64_t room = (uint64_t)map(0, ROOM * PAGE, PROT_NONE, ANON, -1, 0);

	(void)state;
	for (int i = 0; i < STEPS; i++)
		one_of_all(room, fd);
	unmap(room, ROOM * PAGE);
}

/* ---- what is wrong is found --------------------------------------------------------------------- */

static void differences_are_seen(void **state)
{
	uint64_t at = (uint64_t)map(0, 3 * PAGE, PROT_READ, ANON, -1, 0);
	struct vma vma = *vmas_at(&space.vmas, at), more = vma;

	(void)state;
	fclose(stderr);
	stderr = fopen("/dev/null", "w");
	vmas_drop(&space.vmas, at + PAGE, at + 2 * PAGE);
	assert_int_equal(differences(), 1);
	vma.prot = PROT_NONE;
	vmas_put(&space.vmas, &vma);
	assert_int_equal(differences(), 1);
	vma.prot = PROT_READ;
	vmas_put(&space.vmas, &vma);
	assert_int_equal(differences(), 0);
	unmap(at + 2 * PAGE, PAGE);
	more.begin = at + 2 * PAGE;
	vmas_put(&space.vmas, &more);
	assert_int_equal(differences(), 1);
	vmas_drop(&space.vmas, more.begin, more.end);
	unmap(at, 3 * PAGE);
}

static struct vma nothing_known(void *ctx, const char *name)
{
	(void)ctx;
	(void)name;
	return (struct vma){ .born = ++by.born };
}

/* Our own heap must stay as it is. */
static int start(void **state)
{
	FILE *maps;

	(void)state;
	mem = mem_open(getpid());
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	mallopt(M_MMAP_THRESHOLD, 1 << 30);
	free(malloc(8 << 20));
	maps = fopen("/proc/self/maps", "r");
	address_space_read(&space, maps, nothing_known, NULL);
	fclose(maps);
	return (int)differences();
}

static int end(void **state)
{
	(void)state;
	address_space_deinit(&space);
	close(mem);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_are_unmapped),
		cmocka_unit_test(fixed_replaces),
		cmocka_unit_test(protection),
		cmocka_unit_test(remapping),
		cmocka_unit_test(shared_memory),
		cmocka_unit_test(asynchronous_io),
		cmocka_unit_test(a_stack_grows),
		cmocka_unit_test(remapped_pages),
		cmocka_unit_test(the_break),
		cmocka_unit_test(a_storm),
		cmocka_unit_test(differences_are_seen),
	};

	return cmocka_run_group_tests(tests, start, end);
}
