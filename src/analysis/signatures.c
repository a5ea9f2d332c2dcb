/* Made by scripts/signatures of
 *   glibc-2.31
 *   glibc-2.36-debian-u7
 *   glibc-2.36-debian-u14
 *   glibc-2.41
 *   musl-1.1.24-O2-gcc
 *   musl-1.2.0-Os-gcc
 *   musl-1.2.2-O1-gcc
 *   musl-1.2.3-O3-gcc
 *   musl-1.2.5-O0-gcc
 *   musl-1.2.5-Os-gcc
 *   musl-1.1.22-Os-clang
 *   musl-1.2.3-debian
 * and not to be changed by hand. */
#include "signatures.h"

const char *const glibc_realloc[] = {
	"realloc(): invalid pointer",
	NULL
};

const char *const glibc_malloc[] = {
	"malloc(): corrupted top size",
	"malloc(): corrupted unsorted chunks",
	"malloc(): corrupted unsorted chunks 2",
	"malloc(): invalid next size (unsorted)",
	"malloc(): invalid next->prev_inuse (unsorted)",
	"malloc(): invalid size (unsorted)",
	"malloc(): largebin double linked list corrupted (bk)",
	"malloc(): largebin double linked list corrupted (nextsize)",
	NULL
};

const char *const glibc_free[] = {
	"free(): invalid pointer",
	NULL
};

const char *const glibc_memalign[] = {
	"_mid_memalign",
	NULL
};

const char *const glibc_emptier[] = {
	"tcache_thread_shutdown(): unaligned tcache chunk detected",
	NULL
};

const uint64_t musl_limits[] = {
	0x7fffffffffffefde,
	0x7fffffffffffefdf,
	0x7fffffffffffefe0,
	0x7fffffffffffefe1,
	0x7fffffffffffeffe,
	0x7fffffffffffefff,
	0x8000000000001001,
	0x8000000000001002,
	0x800000000000101f,
	0x8000000000001020,
	0x8000000000001021,
	0x8000000000001022,
	0
};
