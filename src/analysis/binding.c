#include "binding.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "catalog.h"
#include "proc_maps.h"

struct reading {
	int mem;
	struct table *all;
	struct table by_module; /* address -> 1 */
};

/* A slot that is not filled in leads back into its own module. */
static void read_slot(struct reading *reading, taddr_t slot)
{
	uint64_t *count, *seen;
	taddr_t addr;

	if (pread(reading->mem, &addr, sizeof(addr), (off_t)slot) != sizeof(addr))
		return;
	seen = addr ? table_put(&reading->by_module, addr) : NULL;
	if (!seen || (*seen)++)
		return;
	count = table_put(reading->all, addr);
	if (count)
		(*count)++;
}

static void read_module(struct reading *reading, struct module *module)
{
	const struct table_slot *slot;

	elf_slot_name(&module->elf, 0); /* reads them all */
	for (size_t at = 0; module->elf.names && (slot = table_next(&module->elf.slots, &at));)
		if (catalog_find(module->elf.names + slot->value - 1) != CATALOG_NONE)
			read_slot(reading, slot->key + module->bias);
	table_deinit(&reading->by_module);
}

bool binding_read(const struct modules *modules, pid_t pid, struct table *all)
{
	struct reading reading = { .all = all };
	char path[32], byte;
	bool is_there;

	snprintf(path, sizeof(path), "/proc/%d/mem", proc_with_memory(pid));
	reading.mem = open(path, O_RDONLY | O_CLOEXEC);
	if (reading.mem < 0)
		return false;
	is_there = modules->mapped_count &&
	           pread(reading.mem, &byte, 1, (off_t)modules->mapped[0]->begin) == 1;
	for (size_t i = 0; is_there && i < modules->mapped_count; i++)
		read_module(&reading, modules->mapped[i]);
	close(reading.mem);
	return is_there;
}
