/* Allocates through code that it makes as it runs and that has no name: jitted KIND
 * HOME, framed or bare code in anonymous memory or a memory file. Says where the call
 * returns to, then waits for a line. */
#include "truth.h"

#include <sys/mman.h>

enum { ALLOCATOR_AT = 7, BEFORE = 64 };

/* push rbp; mov rbp, rsp; nops; movabs rax, allocator; call rax; pop rbp; ret */
static const unsigned char framed[] = { 0x55, 0x48, 0x89, 0xe5, 0x90, 0x48, 0xb8, 0, 0, 0, 0, 0,
	                                0, 0, 0, 0xff, 0xd0, 0x5d, 0xc3 };
/* sub rsp, 8; nop; movabs rax, allocator; call rax; add rsp, 8; ret */
static const unsigned char bare[] = { 0x48, 0x83, 0xec, 0x08, 0x90, 0x48, 0xb8, 0, 0, 0, 0, 0, 0,
	                              0, 0, 0xff, 0xd0, 0x48, 0x83, 0xc4, 0x08, 0xc3 };

MARKER(use_code);
static noipa void use_code(void *code)
{
	void *(*call)(size_t) = (void *(*)(size_t))code;
	void *at = call(77);

	took(&use_code_marker, T_MALLOC, at, 77);
}

int main(int argc, char **argv)
{
	bool in_file = argc > 2 && !strcmp(argv[2], "file");
	int fd = in_file ? memfd_create("code", 0) : -1;
	void *(*allocator)(size_t) = malloc;
	unsigned char *page;
	char line;

	if (in_file && ftruncate(fd, 8192))
		return 1;
	page = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC,
	            in_file ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, fd, 0);
	if (page == MAP_FAILED)
		return 1;
	if (argc > 1 && !strcmp(argv[1], "framed"))
		memcpy(page + BEFORE, framed, sizeof(framed));
	else
		memcpy(page + BEFORE, bare, sizeof(bare));
	memcpy(page + BEFORE + ALLOCATOR_AT, &allocator, sizeof(allocator));
	use_code(page + BEFORE);
	truth_also("address", (long)(page + BEFORE + ALLOCATOR_AT + 10));
	truth_also("offset", BEFORE + ALLOCATOR_AT + 10);
	truth_write();
	say("ready %ld\n", getpid());
	return read(0, &line, 1) < 0;
}
