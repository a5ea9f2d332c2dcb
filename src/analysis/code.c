/* Four bytes that are the distance from behind them to an address are taken to belong to an
 * instruction that names it, once one decodes that ends there and does; so nothing has to be
 * decoded but what is asked for. */
#include "code.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BEFORE_MAX 4 /* bytes in front of it in one instruction */

/* ---- bytes ---------------------------------------------------------------------------------- */

bool code_open(struct code *code, struct module *module, struct decoder *decoder)
{
	const struct elf *elf = &module->elf;

	*code = (struct code){ .module = module, .decoder = decoder };
	code->parts = calloc(elf->segment_count, sizeof(*code->parts));
	for (unsigned i = 0; code->parts && i < elf->segment_count; i++) {
		const struct elf_segment *segment = &elf->segments[i];
		struct code_part *part = &code->parts[code->part_count++];

		*part = (struct code_part){ segment->vaddr, segment->filesz,
			                    malloc(segment->filesz + 1), segment->executable };
		if (!part->bytes)
			return false;
		part->len = elf_read_some(elf, part->vaddr, part->bytes, part->len);
	}
	return code->parts;
}

void code_close(struct code *code)
{
	for (unsigned i = 0; i < code->part_count; i++)
		free(code->parts[i].bytes);
	free(code->parts);
	free(code->called);
	*code = (struct code){ 0 };
}

static const struct code_part *part_of(const struct code *code, taddr_t vaddr)
{
	for (unsigned i = 0; i < code->part_count; i++)
		if (vaddr >= code->parts[i].vaddr && vaddr - code->parts[i].vaddr < code->parts[i].len)
			return &code->parts[i];
	return NULL;
}

bool code_has(const struct code *code, taddr_t vaddr)
{
	const struct code_part *part = part_of(code, vaddr);

	return part && part->executable;
}

int code_decode(const struct code *code, taddr_t vaddr, struct decoded *out)
{
	const struct code_part *part = part_of(code, vaddr);
	size_t at = part ? vaddr - part->vaddr : 0;

	if (!part || !part->executable)
		return -EFAULT;
	return decoder_decode(code->decoder, part->bytes + at,
	                      part->len - at < ARCH_INSN_MAX ? part->len - at : ARCH_INSN_MAX,
	                      vaddr, out);
}

void code_find_bytes(const struct code *code, const void *bytes, size_t len,
                     struct address_set *found)
{
	for (unsigned i = 0; i < code->part_count; i++) {
		const struct code_part *part = &code->parts[i];
		const uint8_t *at = part->bytes, *end = at + part->len, *hit;

		for (; (hit = memmem(at, (size_t)(end - at), bytes, len)); at = hit + 1)
			address_set_add(found, part->vaddr + (taddr_t)(hit - part->bytes));
	}
}

/* ---- references ----------------------------------------------------------------------------- */

static bool names(const struct decoded *insn, taddr_t addr)
{
	struct arch_look look = arch_look(insn);

	return insn->target == addr || look.address == addr ||
	       (look.immediate && (uint32_t)look.immediate->value == addr);
}

/* field: of the instruction's last bytes, the distance or constant. */
taddr_t code_naming(const struct code *code, taddr_t field, taddr_t addr)
{
	struct decoded insn;

	for (taddr_t len = 1; len <= BEFORE_MAX; len++)
		if (code_decode(code, field - len, &insn) == 0 && insn.len == len + CODE_FIELD &&
		    names(&insn, addr))
			return field - len;
	return 0;
}

static void find_in(const struct code *code, const struct code_part *part, taddr_t begin,
                    taddr_t end, struct address_set *found)
{
	for (size_t i = 1; i + CODE_FIELD <= part->len; i++) {
		taddr_t field = part->vaddr + i, addr, insn;
		uint32_t absolute;

		memcpy(&absolute, part->bytes + i, CODE_FIELD);
		addr = field + CODE_FIELD + (taddr_t)(int32_t)absolute;
		if (addr < begin || addr >= end)
			addr = absolute;
		if (addr < begin || addr >= end)
			continue;
		insn = code_naming(code, field, addr);
		if (insn)
			address_set_add(found, insn);
	}
}

void code_find_refs(const struct code *code, taddr_t begin, taddr_t end, struct address_set *found)
{
	for (unsigned i = 0; i < code->part_count; i++)
		if (code->parts[i].executable)
			find_in(code, &code->parts[i], begin, end, found);
}
