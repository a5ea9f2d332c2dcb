#include "program_file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "types.h"

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#endif

struct file {
	const char *path;
	int fd;
	uint64_t size;
	bool runs; /* already: then it is we who fail, not it */
	unsigned char head[256]; /* zeros behind the file's end */
};

static _Noreturn void refuse(const struct file *file, const char *what)
{
	die(file->runs ? EXIT_OURS : EXIT_NOT_EXECUTABLE, "%s: %s", file->path, what);
}

static void check_interpreter(const struct file *file, const char *interpreter)
{
	if (access(interpreter, F_OK) < 0 && errno == ENOENT)
		die(EXIT_NOT_FOUND, "%s: its interpreter %s is not there", file->path, interpreter);
}

/* "#!", blanks, a path, perhaps an argument; execve(2) */
static void check_script(struct file *file)
{
	char *line = (char *)file->head + 2;

	file->head[sizeof(file->head) - 1] = '\0';
	line += strspn(line, " \t");
	line[strcspn(line, " \t\n")] = '\0';
	if (*line == '/')
		check_interpreter(file, line);
}

static void check_segment(const struct file *file, const Elf64_Phdr *segment)
{
	char interpreter[PATH_MAX];

	if (segment->p_type == PT_LOAD && segment->p_filesz &&
	    (segment->p_offset > file->size || segment->p_filesz > file->size - segment->p_offset))
		refuse(file, "a damaged ELF file: it ends too early");
	if (segment->p_type != PT_INTERP || segment->p_filesz < 2 ||
	    segment->p_filesz > sizeof(interpreter))
		return;
	if (pread(file->fd, interpreter, segment->p_filesz, (off_t)segment->p_offset) !=
	            (ssize_t)segment->p_filesz ||
	    interpreter[segment->p_filesz - 1])
		refuse(file, "a damaged ELF file: its interpreter is not named");
	if (*interpreter == '/')
		check_interpreter(file, interpreter);
}

static void check_class(const struct file *file, const Elf64_Ehdr *header)
{
	if (header->e_ident[EI_CLASS] == ELFCLASS32)
		refuse(file, "a 32-bit program: 64-bit ones only are traced");
}

static void check_elf(const struct file *file)
{
	Elf64_Ehdr header;
	Elf64_Phdr segment;

	memcpy(&header, file->head, sizeof(header));
	check_class(file, &header);
	if (file->size < sizeof(header) || header.e_ident[EI_CLASS] != ELFCLASS64)
		refuse(file, "a damaged ELF file: its header is not whole");
	if (header.e_machine != MACHINE || header.e_ident[EI_DATA] != ELFDATA2LSB)
		refuse(file, "a program for another processor");
	if (header.e_type != ET_EXEC && header.e_type != ET_DYN)
		refuse(file, "an ELF file, but no program");
	if (!header.e_phnum || header.e_phentsize != sizeof(segment))
		refuse(file, "a damaged ELF file: it has no segments");
	for (unsigned i = 0; i < header.e_phnum; i++) {
		if (pread(file->fd, &segment, sizeof(segment),
		          (off_t)(header.e_phoff + i * sizeof(segment))) != sizeof(segment))
			refuse(file, "a damaged ELF file: it ends before its segments' table");
		check_segment(file, &segment);
	}
}

void program_file_check(const char *path)
{
	struct file file = { .path = path, .fd = open(path, O_RDONLY | O_CLOEXEC) };
	struct stat stat_;

	if (file.fd < 0 && errno == EACCES) /* what may not be read the kernel hides from us */
		refuse(&file, "may be run but not read by this user: trace it as its owner or as root");
	if (file.fd < 0)
		return;
	if (fstat(file.fd, &stat_) == 0 && pread(file.fd, file.head, sizeof(file.head), 0) > 0) {
		file.size = stat_.st_size;
		if (memcmp(file.head, ELFMAG, SELFMAG) == 0)
			check_elf(&file);
		else if (memcmp(file.head, "#!", 2) == 0)
			check_script(&file);
	}
	close(file.fd);
}

void program_file_check_class(const char *path, const char *name)
{
	struct file file = { .path = name, .fd = open(path, O_RDONLY | O_CLOEXEC), .runs = true };
	Elf64_Ehdr header;

	if (file.fd < 0)
		return;
	if (pread(file.fd, &header, sizeof(header), 0) == sizeof(header))
		check_class(&file, &header);
	close(file.fd);
}
