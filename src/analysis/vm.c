#include "vm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proc_maps.h"

static const char *const names[HEAP_VM_FIGURES] = {
	"VmPeak", "VmSize", "VmLck", "VmPin", "VmHWM", "VmRSS", "RssAnon", "RssFile", "RssShmem",
	"VmData", "VmStk", "VmExe", "VmLib", "VmPTE", "VmSwap",
};

static void set(struct vm *vm, size_t i, uint64_t bytes)
{
	struct heap_vm_figure *figure = &vm->figures[i];
	uint64_t first = vm->known ? figure->bytes - figure->since_start : bytes;

	figure->name = names[i];
	figure->since_last = vm->known ? (int64_t)(bytes - figure->bytes) : 0;
	figure->since_start = (int64_t)(bytes - first);
	figure->bytes = bytes;
}

/* "VmRSS:	    5484 kB" */
static bool read_line(struct vm *vm, const char *line)
{
	const char *colon = strchr(line, ':');

	for (size_t i = 0; colon && i < HEAP_VM_FIGURES; i++)
		if (strncmp(line, names[i], colon - line) == 0 && !names[i][colon - line]) {
			set(vm, i, strtoull(colon + 1, NULL, 10) * 1024);
			return true;
		}
	return false;
}

void vm_look(struct vm *vm, pid_t pid)
{
	char path[32], line[256];
	bool any = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", proc_maps_task(pid));
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		any |= read_line(vm, line);
	vm->known |= any;
	if (file)
		fclose(file);
}

uint64_t vm_rss(const struct vm *vm)
{
	for (size_t i = 0; i < HEAP_VM_FIGURES; i++)
		if (vm->known && strcmp(names[i], "VmRSS") == 0)
			return vm->figures[i].bytes;
	return 0;
}
