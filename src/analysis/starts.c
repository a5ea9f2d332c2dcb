/* Of code that was built without unwind tables, as musl is, a stripped file keeps the names of
 * what is exported. What else starts somewhere is called from somewhere: every call's target is
 * a begin, and that data look like a call into the same code is one chance in thousands. */
#include "starts.h"

#include <stdlib.h>
#include <string.h>

#include "arch.h"
#include "module.h"

#define CODE_MAX (UINT64_C(32) << 20) /* bytes; a larger program is not looked through for it */

struct look {
	struct starts *starts;
	const struct elf *elf;
};

static const struct elf_segment *code_at(const struct elf *elf, taddr_t vaddr)
{
	for (unsigned i = 0; i < elf->segment_count; i++) {
		const struct elf_segment *segment = &elf->segments[i];

		if (segment->executable && vaddr >= segment->vaddr &&
		    vaddr - segment->vaddr < segment->filesz)
			return segment;
	}
	return NULL;
}

static bool add(const struct look *look, taddr_t vaddr)
{
	struct starts *starts = look->starts;
	size_t room = starts->room ? 2 * starts->room : 1024;
	taddr_t *grown;

	if (!code_at(look->elf, vaddr))
		return true;
	if (starts->count == starts->room) {
		grown = realloc(starts->list, room * sizeof(*grown));
		if (!grown)
			return false;
		starts->list = grown;
		starts->room = room;
	}
	starts->list[starts->count++] = vaddr;
	return true;
}

static bool add_symbol(void *ctx, const struct elf_symbol *symbol)
{
	return add(ctx, symbol->vaddr);
}

static void add_targets(const struct look *look, const struct elf_segment *segment)
{
	uint8_t chunk[4096 + ARCH_CALL_LEN];
	size_t got;

	for (taddr_t at = segment->vaddr;
	     (got = elf_read_some(look->elf, at, chunk, sizeof(chunk))) >= ARCH_CALL_LEN;
	     at += got - ARCH_CALL_LEN + 1)
		for (size_t i = 0; i + ARCH_CALL_LEN <= got; i++) {
			int32_t distance;

			memcpy(&distance, chunk + i + 1, sizeof(distance));
			if (chunk[i] == ARCH_CALL && distance &&
			    !add(look, at + i + ARCH_CALL_LEN + distance))
				return;
		}
}

static int by_address(const void *a, const void *b)
{
	taddr_t x = *(const taddr_t *)a, y = *(const taddr_t *)b;

	return x < y ? -1 : x > y;
}

static const struct starts *starts_of(struct module *module)
{
	struct look look = { &module->starts, &module->elf };
	uint64_t size = 0;

	if (look.starts->looked)
		return look.starts;
	look.starts->looked = true;
	for (unsigned i = 0; i < look.elf->segment_count; i++)
		size += look.elf->segments[i].executable ? look.elf->segments[i].filesz : 0;
	if (size > CODE_MAX)
		return look.starts;
	elf_each_function(look.elf, add_symbol, &look);
	for (unsigned i = 0; i < look.elf->segment_count; i++)
		if (look.elf->segments[i].executable)
			add_targets(&look, &look.elf->segments[i]);
	if (look.starts->count)
		qsort(look.starts->list, look.starts->count, sizeof(*look.starts->list), by_address);
	return look.starts;
}

/* How many begin at vaddr or before it. */
static size_t up_to(const struct starts *starts, taddr_t vaddr)
{
	size_t low = 0, high = starts->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (starts->list[middle] <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool starts_around(struct module *module, taddr_t vaddr, taddr_t *begin, taddr_t *end)
{
	const struct starts *starts = starts_of(module);
	const struct elf_segment *segment = code_at(&module->elf, vaddr);
	size_t i = up_to(starts, vaddr);

	if (!segment || i == 0 || starts->list[i - 1] < segment->vaddr)
		return false;
	*begin = starts->list[i - 1];
	*end = segment->vaddr + segment->filesz;
	if (i < starts->count && starts->list[i] < *end)
		*end = starts->list[i];
	return true;
}

bool starts_at(struct module *module, taddr_t vaddr)
{
	const struct starts *starts = starts_of(module);
	size_t i = up_to(starts, vaddr);

	return i && starts->list[i - 1] == vaddr;
}

void starts_deinit(struct starts *starts)
{
	free(starts->list);
	*starts = (struct starts){ 0 };
}
