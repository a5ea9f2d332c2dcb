/* /proc/PID/maps: two texts with a form feed between them, scanned one after the other.
 * The files they name are small ELF files made here, none, or no ELF files. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>

#include "fuzz.h"

static const uint8_t *text;
static size_t text_len;

/* For the linker's --wrap, so that no file of a process is opened. */
FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);

FILE *__wrap_fopen(const char *path, const char *mode)
{
	const uint8_t *split;
	size_t len;
	FILE *file;

	if (strncmp(path, "/proc/1/", 8) != 0)
		return __real_fopen(path, mode);
	if (strcmp(path, "/proc/1/statm") == 0) /* it has memory */
		return __real_fopen("/proc/self/statm", mode);
	split = text_len ? memchr(text, '\f', text_len) : NULL;
	len = split ? (size_t)(split - text) : text_len;
	file = fmemopen((void *)text, len, "r");
	text += len + !!split;
	text_len -= len + !!split;
	return file;
}

static void make_file(uint8_t (*file)[256], unsigned which)
{
	const Elf64_Ehdr ehdr = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = which & 1 ? ET_EXEC : ET_DYN, .e_machine = EM_X86_64,
		.e_version = EV_CURRENT, .e_phoff = sizeof(ehdr), .e_ehsize = sizeof(ehdr),
		.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2
	};
	const Elf64_Phdr phdrs[] = {
		{ PT_LOAD, PF_R | PF_X, 0, 0x400000, 0, 0x1000, 0x1000, 0x1000 },
		{ PT_LOAD, PF_R | PF_W, 0x1000, which & 2 ? 0x402000 : -0x2000ull, 0, 0x10, 0x3000,
		  0x1000 },
	};

	memcpy(*file, &ehdr, sizeof(ehdr));
	memcpy(*file + sizeof(ehdr), phdrs, sizeof(phdrs));
}

int __wrap_open(const char *path, int flags, ...)
{
	static int files[4] = { -1, -1, -1, -1 };
	unsigned which = path[strlen(path) - 1] % 6;
	uint8_t file[256] = { 0 };

	if (strncmp(path, "/proc/1/", 8) != 0)
		return __real_open(path, flags, 0666);
	if (which >= countof(files) || strstr(path, "/map_files/")) {
		errno = ENOENT;
		return -1;
	}
	if (files[which] < 0) {
		make_file(&file, which);
		files[which] = memfd_create("fuzz", MFD_CLOEXEC);
		if (write(files[which], file, sizeof(file)) != sizeof(file))
			abort();
	}
	return dup(files[which]);
}

static void look(void *ctx, struct module *module)
{
	(void)ctx;
	fuzz_use(module->path);
}

static void hear(void *ctx, const char *path)
{
	(void)ctx;
	fuzz_use(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const struct module_events events = { look, look, hear, NULL };
	struct modules modules = { 0 };

	text = bytes;
	text_len = len;
	modules_scan(&modules, 1, &events);
	for (size_t i = 0; i < modules.mapped_count; i++) {
		module_at(&modules, modules.mapped[i]->begin);
		module_at(&modules, modules.mapped[i]->end);
	}
	modules_scan(&modules, 1, &events);
	modules_deinit(&modules);
	return 0;
}
