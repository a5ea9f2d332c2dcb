/* Writes code that maps and calls it: selfmade protect (made executable when written) or open
 * (executable from the start). Says "ready PID"; at each line it maps five pages so and says
 * "done", at an empty one it ends. `idle`: makes many other system calls instead. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define noipa __attribute__((noipa))

enum { PAGE = 4096, CALLS = 3000 };

/* mov r10, rcx; mov eax, SYS_mmap; syscall; ret */
static const unsigned char code[] = { 0x49, 0x89, 0xca, 0xb8, SYS_mmap, 0, 0, 0, 0x0f, 0x05,
	                              0xc3 };

typedef void *map_fn(void *, size_t, long, long, long, long);

static noipa map_fn *make_code(int protect)
{
	int rw = PROT_READ | PROT_WRITE;
	void *page = mmap(NULL, PAGE, protect ? rw : rw | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
	                  -1, 0);

	if (page == MAP_FAILED)
		abort();
	memcpy(page, code, sizeof(code));
	if (protect && mprotect(page, PAGE, PROT_READ | PROT_EXEC))
		abort();
	return (map_fn *)page;
}

static noipa void map_by_code(map_fn *map)
{
	if (map(NULL, 5 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
		abort();
}

static noipa void do_others(void)
{
	for (int i = 0; i < CALLS; i++)
		getppid();
}

int main(int argc, char **argv)
{
	map_fn *map = make_code(argc > 1 && !strcmp(argv[1], "protect"));
	char line[16];

	printf("ready %d\n", getpid());
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) && *line != '\n') {
		if (!strcmp(line, "idle\n"))
			do_others();
		else
			map_by_code(map);
		puts("done");
		fflush(stdout);
	}
	return 0;
}
