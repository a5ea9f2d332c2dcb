/* Gives a large block's memory back past the allocator, and has another one there. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, SIZE = 4 << 20 };

int main(void)
{
	char *gone = malloc(SIZE), *other;
	uintptr_t begin = (uintptr_t)gone & ~(uintptr_t)(PAGE - 1);

	if (!gone || munmap((void *)begin, SIZE + PAGE))
		return 1;
	other = malloc(SIZE - 16 * PAGE);
	if (!other)
		return 2;
	memset(other, 1, SIZE - 16 * PAGE);
	return other >= gone + SIZE || other + SIZE - 16 * PAGE <= gone ? 3 : 0;
}
