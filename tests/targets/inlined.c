/* Functions inlined into each other around an allocation; says at which line each
 * calls the next. */
#include "truth.h"

#define inlined static inline __attribute__((always_inline))

static int lines[4];

inlined void *innermost(size_t size)
{
	lines[0] = __LINE__ + 1;
	return malloc(size);
}

inlined void *middle(size_t size)
{
	lines[1] = __LINE__ + 1;
	return innermost(size + 1);
}

MARKER(real);
static noipa __attribute__((noinline)) void real(size_t size)
{
	void *at;

	lines[2] = __LINE__ + 1;
	at = middle(size + 1);
	took(&real_marker, T_MALLOC, at, size + 2);
}

int main(void)
{
	lines[3] = __LINE__ + 1;
	real(98);
	truth_also("innermost", lines[0]);
	truth_also("middle", lines[1]);
	truth_also("real", lines[2]);
	truth_also("main", lines[3]);
	truth_write();
	return 0;
}
