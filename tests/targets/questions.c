/* Holds most early, little later: 100,000 bytes of peak_only and 3,000 of held at
 * the peak; then says "ready PID", waits for a line, and ends with held, late and
 * young. */
#include "truth.h"

ALLOCATOR(peak_only, T_MALLOC, malloc(size))
ALLOCATOR(held, T_MALLOC, malloc(size))
ALLOCATOR(late, T_MALLOC, malloc(size))
ALLOCATOR(young, T_CALLOC, calloc(1, size))

int main(void)
{
	struct block one = peak_only(60000), two;
	char c;

	held(1000);
	held(2000);
	two = peak_only(40000);
	give(one);
	late(7000);
	give(two);
	say("ready %ld\n", getpid());
	while (read(0, &c, 1) == 1 && c != '\n')
		;
	young(500);
	young(64);
	truth_also("peak_live_bytes", 103000);
	truth_write();
	return 0;
}
