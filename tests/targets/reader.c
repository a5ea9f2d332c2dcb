/* reader N: reads a byte N times and writes one as often. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int from = open("/dev/zero", O_RDONLY), to = open("/dev/null", O_WRONLY);
	char c;

	for (long i = argc > 1 ? atol(argv[1]) : 1; i; i--)
		if (read(from, &c, 1) != 1 || write(to, &c, 1) != 1)
			return 1;
	return 0;
}
