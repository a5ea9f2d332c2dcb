/* Of code that was built without unwind tables, as musl is, a stripped file keeps the names of
 * what is exported. What else starts somewhere is called from somewhere: every call's target is
 * a begin, and that data look like a call into the same code is one chance in thousands. */
#include "starts.h"

#include <stdlib.h>

#include "address_set.h"
#include "arch.h"
#include "call_targets.h"
#include "module.h"

#define CODE_MAX (UINT64_C(32) << 20) /* bytes; a larger program is not looked through for it */

struct look {
	struct starts *starts;
	const struct elf *elf;
};

static bool add(const struct look *look, taddr_t vaddr)
{
	struct starts *starts = look->starts;
	size_t room = starts->room ? 2 * starts->room : 1024;
	taddr_t *grown;

	if (!elf_code_at(look->elf, vaddr))
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

static bool add_target(void *ctx, taddr_t call, taddr_t target)
{
	return target == call + ARCH_CALL_LEN || add(ctx, target);
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
	call_targets(look.elf, add_target, &look);
	addresses_sort(look.starts->list, look.starts->count);
	return look.starts;
}

bool starts_around(struct module *module, taddr_t vaddr, taddr_t *begin, taddr_t *end)
{
	const struct starts *starts = starts_of(module);
	const struct elf_segment *segment = elf_code_at(&module->elf, vaddr);
	size_t i = addresses_up_to(starts->list, starts->count, vaddr);

	if (!segment || i == 0 || starts->list[i - 1] < segment->vaddr)
		return false;
	*begin = starts->list[i - 1];
	*end = segment->vaddr + segment->filesz;
	if (i < starts->count && starts->list[i] < *end)
		*end = starts->list[i];
	return true;
}

void starts_deinit(struct starts *starts)
{
	free(starts->list);
	*starts = (struct starts){ 0 };
}
