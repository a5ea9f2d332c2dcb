/* Four sites, each first by another measure. */
#include "truth.h"

ALLOCATOR(most_bytes, T_MALLOC, malloc(size))
ALLOCATOR(most_blocks, T_MALLOC, malloc(size))
ALLOCATOR(most_calls, T_MALLOC, malloc(size))
ALLOCATOR(most_peak, T_MALLOC, malloc(size))

int main(void)
{
	give(most_peak(70000));
	most_peak(1);
	for (int i = 0; i < 1000; i++)
		give(most_calls(8));
	for (int i = 0; i < 100; i++)
		most_blocks(10);
	most_bytes(20000);
	most_bytes(10000);
	truth_also("peak_live_bytes", 70000);
	truth_write();
	return 0;
}
