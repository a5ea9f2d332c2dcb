#include "program.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc_stat.h"
#include "shortage.h"

static char *read_file(int pid, const char *name, size_t *len)
{
	char path[64], *text = NULL;
	FILE *file, *to;
	int c;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	file = fopen(path, "re");
	to = open_memstream(&text, len);
	while (file && to && (c = getc(file)) != EOF)
		putc(c, to);
	if (file)
		fclose(file);
	if (to && shortage_close(to))
		return text;
	free(text);
	return NULL;
}

static const char **split(char *text, size_t len)
{
	size_t count = 0;
	const char **list;

	for (size_t i = 0; i < len; i++)
		count += text[i] == '\0';
	list = calloc(count + 1, sizeof(*list));
	for (size_t i = 0, n = 0; list && n < count; i += strlen(text + i) + 1)
		list[n++] = text + i;
	return list;
}

void program_free(struct heap *heap)
{
	free(heap->exe);
	free(heap->cmdline);
	free(heap->argv);
	if (heap->root >= 0)
		close(heap->root);
	heap->root = -1;
}

void program_read(struct heap *heap, int pid)
{
	char path[32], exe[4096], stat[PROC_STAT_MAX];
	ssize_t len;

	program_free(heap);
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	len = readlink(path, exe, sizeof(exe) - 1);
	exe[len > 0 ? len : 0] = '\0';
	heap->exe = strdup(exe);
	snprintf(path, sizeof(path), "/proc/%d/root", pid);
	heap->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	heap->cmdline = read_file(pid, "cmdline", &heap->cmdline_len);
	heap->argv = heap->cmdline ? split(heap->cmdline, heap->cmdline_len) : NULL;
	proc_stat_read(pid, stat);
	heap->parent = (int)proc_stat_number(stat, PROC_STAT_PARENT);
	heap->program.pid = pid;
	heap->program.exe = heap->exe;
	heap->program.cmdline = heap->argv;
}

bool program_split(struct heap *heap)
{
	heap->argv = split(heap->cmdline, heap->cmdline_len);
	return heap->argv;
}

bool program_copy(struct heap *heap, const struct heap *from, int pid)
{
	heap->exe = from->exe ? strdup(from->exe) : NULL;
	heap->cmdline = from->cmdline ? malloc(from->cmdline_len + 1) : NULL;
	if (heap->cmdline)
		memcpy(heap->cmdline, from->cmdline, from->cmdline_len + 1);
	heap->cmdline_len = from->cmdline_len;
	heap->argv = heap->cmdline ? split(heap->cmdline, heap->cmdline_len) : NULL;
	heap->root = from->root < 0 ? -1 : fcntl(from->root, F_DUPFD_CLOEXEC, 0);
	heap->program = (struct heap_program){ .pid = pid, .exe = heap->exe,
		                               .cmdline = heap->argv };
	return (heap->exe || !from->exe) && (heap->argv || !from->argv);
}

bool program_is_loader(const struct heap *heap, const struct module *module)
{
	size_t len;
	char *text = read_file(heap->program.pid, "auxv", &len);
	const Elf64_auxv_t *auxv = (const Elf64_auxv_t *)text;
	bool is_loader = false;

	for (size_t i = 0; auxv && i < len / sizeof(*auxv); i++)
		is_loader |= auxv[i].a_type == AT_BASE && auxv[i].a_un.a_val == module->begin;
	free(text);
	return is_loader;
}
