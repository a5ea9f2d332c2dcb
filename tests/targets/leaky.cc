/* leaky STATUS WHAT...: leaves blocks, one by each WHAT, and exits with STATUS;
 * WHAT signal: dies by SIGKILL, output: uses stdio and iostream. The truth is in the
 * arguments: no other block is the program's. */
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <new>
#include <pthread.h>

#define APART __attribute__((noipa))

static void *kept; /* the last one; those before it are lost */

static void keep(void *block)
{
	*(void *volatile *)&kept = block;
}

namespace box {
struct shelf {
	APART static void put(int size) { keep(malloc(size)); }
};
}

APART static void by_malloc() { keep(malloc(10)); }
APART static void by_calloc() { keep(calloc(4, 5)); }
APART static void by_realloc() { keep(realloc(malloc(1), 30)); }
APART static void by_realloc_of_null() { keep(realloc(nullptr, 40)); }
APART static void by_reallocarray() { keep(reallocarray(nullptr, 5, 10)); }
APART static void by_strdup() { keep(strdup("12345")); }
APART static void by_strndup() { keep(strndup("1234567890", 6)); }
APART static void by_posix_memalign()
{
	void *block = nullptr;

	if (posix_memalign(&block, 64, 80) == 0)
		keep(block);
}
APART static void by_aligned_alloc() { keep(aligned_alloc(64, 128)); }
APART static void by_new() { keep(operator new(100)); }
APART static void by_new_array() { keep(operator new[](110)); }
APART static void by_new_nothrow() { keep(operator new(120, std::nothrow)); }
APART static void by_new_aligned() { keep(operator new(128, std::align_val_t(64))); }
APART static void by_member() { box::shelf::put(140); }

static void *thread_keeps(void *)
{
	keep(malloc(150));
	return nullptr;
}

APART static void by_thread()
{
	pthread_t thread;

	if (pthread_create(&thread, nullptr, thread_keeps, nullptr) == 0)
		pthread_join(thread, nullptr);
}

static void output()
{
	printf("%d\n", 1);
	std::cout << 2 << std::endl;
}

static void die() { raise(SIGKILL); }

static const struct {
	const char *name;
	void (*run)();
} table[] = {
	{ "malloc", by_malloc },
	{ "calloc", by_calloc },
	{ "realloc", by_realloc },
	{ "realloc_of_null", by_realloc_of_null },
	{ "reallocarray", by_reallocarray },
	{ "strdup", by_strdup },
	{ "strndup", by_strndup },
	{ "posix_memalign", by_posix_memalign },
	{ "aligned_alloc", by_aligned_alloc },
	{ "new", by_new },
	{ "new_array", by_new_array },
	{ "new_nothrow", by_new_nothrow },
	{ "new_aligned", by_new_aligned },
	{ "member", by_member },
	{ "thread", by_thread },
	{ "output", output },
	{ "signal", die },
};

int main(int argc, char **argv)
{
	for (int i = 2; i < argc; i++)
		for (const auto &row : table)
			if (strcmp(row.name, argv[i]) == 0)
				row.run();
	/* over what is left of addresses on the stack and in registers */
	volatile char over[4096];
	for (size_t i = 0; i < sizeof(over); i++)
		over[i] = 0;
	keep(nullptr);
	return argc > 1 ? atoi(argv[1]) : 0;
}
