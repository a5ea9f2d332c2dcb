/* /proc/PID/cmdline and auxv, which are what the process wrote there. */
#include "analysis/program.h"

#include "fuzz.h"

static const uint8_t *text;
static size_t text_len;

FILE *__real_fopen(const char *path, const char *mode); /* for the linker's --wrap */
FILE *__wrap_fopen(const char *path, const char *mode);

FILE *__wrap_fopen(const char *path, const char *mode)
{
	return strncmp(path, "/proc/", 6) == 0 ? fmemopen((void *)text, text_len, "r") :
	                                         __real_fopen(path, mode);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const struct module module = { .begin = 0x7f0000000000 };
	struct heap *heap = calloc(1, sizeof(*heap));

	if (!heap)
		abort();
	text = bytes;
	text_len = len;
	program_read(heap, getpid());
	for (size_t i = 0; heap->argv && heap->argv[i]; i++)
		fuzz_use(heap->argv[i]);
	program_is_loader(heap, &module);
	program_free(heap);
	free(heap);
	return 0;
}
