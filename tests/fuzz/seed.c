/* What the seeds are made of: an allocator in miniature, with no library. */
typedef unsigned long size_t;

extern void *memset(void *, int, size_t);
extern int atexit(void (*)(void));

static char arena[64];

__attribute__((noinline)) void *malloc(size_t size)
{
	volatile char frame[256];

	frame[size % 256] = 1;
	return size > sizeof(arena) ? 0 : arena + frame[0];
}

void free(void *block)
{
	if (block)
		memset(block, 0, 1);
}

void *calloc(size_t count, size_t size)
{
	return memset(malloc(count * size), 0, count * size);
}

void *realloc(void *block, size_t size)
{
	switch (size) {
	case 0: free(block); return 0;
	case 1: return block;
	default: return malloc(size);
	}
}

int posix_memalign(void **out, size_t align, size_t size)
{
	*out = malloc(size + align);
	return *out ? 0 : 12;
}

char *strdup(const char *text)
{
	char *copy = malloc(8);

	copy[0] = text[0];
	return copy;
}

void *_Znwm(size_t size)
{
	return malloc(size ? size : 1);
}

void _dl_debug_state(void)
{
}

static void *chosen(void *block)
{
	return block;
}

static void *choose(void)
{
	return chosen;
}

void *pick(void *) __attribute__((ifunc("choose")));

__asm__(".text\nrestore: mov $15, %rax\nsyscall\n");

void _start(void)
{
	pick(0);
	free(strdup("x"));
	atexit(_dl_debug_state);
}
