/* Says "ready PID", waits for a line and becomes the program of its arguments; it
 * allocates nothing. */
#include "since.h"

int main(int argc unused, char **argv)
{
	say("ready %ld\n", getpid());
	await_line();
	execv(argv[1], argv + 1);
	abort();
}
