/* A hundred thousand live blocks of one site. */
#include "truth.h"

enum { BLOCKS = 100000 };

ALLOCATOR(hoard, T_MALLOC, malloc(size))

int main(void)
{
	for (int i = 0; i < BLOCKS; i++)
		hoard(16 + (size_t)i % 100);
	truth_write();
	return 0;
}
