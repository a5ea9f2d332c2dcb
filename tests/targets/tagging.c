/* tagging N [phases]: a block of 11 bytes is tagged "first", N of 12 each with a tag of its own, one
 * of 13 "first" again; then, if asked to, as many phases. */
#include <alloctrace/client.h>
#include <stdio.h>
#include <stdlib.h>

static void *volatile kept;

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 0;
	char name[32];

	alloctrace_tag("first", "");
	kept = malloc(11);
	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "tag %d", i);
		alloctrace_tag(name, "");
		kept = malloc(12);
	}
	alloctrace_tag("first", "");
	kept = malloc(13);
	for (int i = 0; argc > 2 && i < count; i++) {
		snprintf(name, sizeof(name), "phase %d", i);
		alloctrace_phase(name);
	}
	return 0;
}
