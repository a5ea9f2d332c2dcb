#include "cfg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define INSNS_MAX 20000

struct walk {
	struct cfg *cfg;
	const struct cfg_source *source;
	taddr_t entry;
	taddr_t *todo;
	size_t todo_count, todo_capacity;
	const char *why;
};

static bool push(struct walk *walk, taddr_t vaddr)
{
	if (walk->todo_count == walk->todo_capacity) {
		size_t capacity = walk->todo_capacity ? walk->todo_capacity * 2 : 64;
		taddr_t *grown = realloc(walk->todo, capacity * sizeof(*grown));

		if (!grown)
			return false;
		walk->todo = grown;
		walk->todo_capacity = capacity;
	}
	walk->todo[walk->todo_count++] = vaddr;
	return true;
}

static bool add_exit(struct cfg *cfg, const struct cfg_exit *add)
{
	struct cfg_exit *grown = realloc(cfg->exits, (cfg->exit_count + 1) * sizeof(*grown));

	if (!grown)
		return false;
	cfg->exits = grown;
	grown[cfg->exit_count++] = *add;
	return true;
}

static int decode_at(const struct walk *walk, taddr_t vaddr, struct decoded *out)
{
	uint8_t bytes[ARCH_INSN_MAX];
	size_t len = elf_read_some(walk->source->elf, vaddr, bytes, sizeof(bytes));

	return len ? decoder_decode(walk->source->decoder, bytes, len, vaddr, out) : -EFAULT;
}

/* A PLT stub: [endbr64] [bnd] jmp *slot. Its slot's symbol, or NULL. */
static const char *stub_name(const struct walk *walk, taddr_t vaddr)
{
	struct decoded insn;

	for (int i = 0; i < 2; i++, vaddr += insn.len) {
		if (decode_at(walk, vaddr, &insn) < 0)
			return NULL;
		if (insn.flow == FLOW_JUMP)
			return insn.slot ? elf_slot_name(walk->source->elf, insn.slot) : NULL;
		if (insn.flow != FLOW_NEXT)
			return NULL;
	}
	return NULL;
}

static bool jump(struct walk *walk, taddr_t vaddr, const struct decoded *insn)
{
	const struct cfg_source *source = walk->source;
	struct cfg_exit out = { vaddr, CFG_TAIL, insn->target, NULL, *insn };
	taddr_t own;

	if (insn->target)
		out.name = stub_name(walk, insn->target);
	else
		out.name = insn->slot ? elf_slot_name(source->elf, insn->slot) : NULL;
	own = out.name && source->own ? source->own(source->ctx, out.name) : 0;
	if (own) {
		walk->cfg->slot_followed = true;
		out.target = own;
		out.name = NULL;
	}
	if (out.name || !out.target ||
	    (out.target != walk->entry && source->is_function(source->ctx, out.target))) {
		out.kind = out.name || out.target ? CFG_TAIL : CFG_UNKNOWN;
		return add_exit(walk->cfg, &out);
	}
	return table_put(&walk->cfg->targets, out.target) && push(walk, out.target);
}

/* Follows straight-line code from vaddr. Code behind the function's end is only
 * reached behind a call that never returns. */
static int follow(struct walk *walk, taddr_t vaddr)
{
	struct cfg_bounds bounds = { 0, UINT64_MAX };
	struct decoded insn;
	uint64_t *seen;

	walk->source->bounds(walk->source->ctx, vaddr, &bounds);
	for (; vaddr < bounds.end; vaddr += insn.len) {
		seen = table_put(&walk->cfg->seen, vaddr);
		if (!seen || walk->cfg->seen.used > INSNS_MAX) {
			walk->why = "it is too large";
			return -E2BIG;
		}
		if (*seen)
			return 0;
		if (decode_at(walk, vaddr, &insn) < 0) {
			walk->why = "an instruction in it does not decode";
			return -EILSEQ;
		}
		*seen = 1 + insn.len;
		switch (insn.flow) {
		case FLOW_RET: {
			struct cfg_exit ret = { vaddr, CFG_RET, 0, NULL, insn };

			return add_exit(walk->cfg, &ret) ? 0 : -ENOMEM;
		}
		case FLOW_JUMP:
			return jump(walk, vaddr, &insn) ? 0 : -ENOMEM;
		case FLOW_BRANCH:
			if (!jump(walk, vaddr, &insn))
				return -ENOMEM;
			break;
		case FLOW_STOP:
			return 0;
		}
	}
	return 0;
}

int cfg_walk(struct cfg *cfg, const struct cfg_source *source, taddr_t entry, const char **why)
{
	struct walk walk = { .cfg = cfg, .source = source, .entry = entry, .why = "no memory" };
	int error = push(&walk, entry) ? 0 : -ENOMEM;

	*cfg = (struct cfg){ 0 };
	while (error == 0 && walk.todo_count)
		error = follow(&walk, walk.todo[--walk.todo_count]);
	free(walk.todo);
	*why = walk.why;
	return error;
}

void cfg_deinit(struct cfg *cfg)
{
	free(cfg->exits);
	table_deinit(&cfg->seen);
	table_deinit(&cfg->targets);
	*cfg = (struct cfg){ 0 };
}
