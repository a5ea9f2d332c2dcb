/* What an address has found is kept, and so a frame mostly costs one look. The ways are tried
 * one after the other, at each branch straight on first, until a ret is met whose address is one
 * that a call has left there; a way that goes on behind a call that never returns leads to
 * others' code and no such address. */
#include "way_back.h"

#include <stdlib.h>
#include <string.h>

#include "table.h"

#define STEPS_MAX 4096   /* instructions looked at for one address */
#define OPEN_MAX 256     /* ways not tried yet */
#define CALL_LEN_MAX 7
#define ROWS 16          /* more than there are enum way_back */

struct known {
	enum way_back kind;
	struct arch_way way;
};

struct ways_back {
	struct decoder *decoder;
	struct table at; /* address -> enum way_back, or ROWS + index in known */
	struct known *known;
	size_t count, room;
};

struct walk {
	struct ways_back *ways;
	const struct way_asked *asked;
	const struct arch_frame *from;
	struct module *module;
	taddr_t begin, end; /* of the function; file addresses */
	taddr_t fault;      /* where it was interrupted, which a handler may step over; or none */
	struct table seen;
	struct { taddr_t vaddr; struct arch_way way; } open[OPEN_MAX];
	unsigned open_count;
	bool met_ret, met_table; /* the latter: a jump through a register */
};

struct ways_back *ways_back_new(void)
{
	struct ways_back *ways = calloc(1, sizeof(*ways));

	if (ways && !(ways->decoder = decoder_new())) {
		free(ways);
		return NULL;
	}
	return ways;
}

void ways_back_forget(struct ways_back *ways)
{
	table_clear(&ways->at);
	ways->count = 0;
}

void ways_back_free(struct ways_back *ways)
{
	if (!ways)
		return;
	decoder_free(ways->decoder);
	table_deinit(&ways->at);
	free(ways->known);
	free(ways);
}

/* ---- is it one? ------------------------------------------------------------------------------ */

/* Of handlers the kernel is the caller. */
static bool is_sigreturn(const struct walk *walk, taddr_t addr)
{
	const struct module *module = walk->asked->module_at(walk->asked->ctx, addr);
	uint8_t bytes[ARCH_SIGRETURN_LEN];

	return module &&
	       elf_read(&module->elf, module_file_address(module, addr), bytes, sizeof(bytes)) == 0 &&
	       memcmp(bytes, ARCH_SIGRETURN, sizeof(bytes)) == 0;
}

static bool is_behind_a_call(const struct walk *walk, taddr_t addr)
{
	const struct module *module = walk->asked->module_at(walk->asked->ctx, addr - 1);
	taddr_t vaddr = module ? module_file_address(module, addr) : 0;
	uint8_t bytes[CALL_LEN_MAX];
	struct decoded insn;

	for (unsigned len = 2; module && len <= CALL_LEN_MAX; len++)
		if (elf_read(&module->elf, vaddr - len, bytes, len) == 0 &&
		    decoder_decode(walk->ways->decoder, bytes, len, vaddr - len, &insn) == 0 &&
		    insn.flow == FLOW_CALL && insn.len == len)
			return true;
	return false;
}

static bool is_out(struct walk *walk, const struct arch_way *way)
{
	struct arch_frame caller;

	walk->met_ret = true;
	return !way->lost &&
	       arch_way_out(way, walk->from, walk->asked->read, walk->asked->ctx, &caller) &&
	       caller.sp > walk->from->sp &&
	       (is_behind_a_call(walk, caller.pc) || is_sigreturn(walk, caller.pc));
}

/* ---- the ways -------------------------------------------------------------------------------- */

static void try_later(struct walk *walk, taddr_t vaddr, const struct arch_way *way)
{
	if (walk->open_count == OPEN_MAX)
		return;
	walk->open[walk->open_count].vaddr = vaddr;
	walk->open[walk->open_count++].way = *way;
}

static bool is_within(const struct walk *walk, taddr_t vaddr)
{
	return vaddr >= walk->begin && vaddr < walk->end;
}

/* False: seen before, or nothing that decodes. */
static bool decode(struct walk *walk, taddr_t vaddr, struct decoded *insn)
{
	uint8_t bytes[ARCH_INSN_MAX];
	size_t len = elf_read_some(&walk->module->elf, vaddr, bytes, sizeof(bytes));
	uint64_t *seen = table_put(&walk->seen, vaddr);

	if (!seen || (*seen)++ || walk->seen.used > STEPS_MAX)
		return false;
	return len && decoder_decode(walk->ways->decoder, bytes, len, vaddr, insn) == 0;
}

/* One way to its end. True: it is out, as *way says. */
static bool follow(struct walk *walk, taddr_t vaddr, struct arch_way *way)
{
	struct decoded insn;

	while (is_within(walk, vaddr) && decode(walk, vaddr, &insn)) {
		if (insn.flow == FLOW_RET)
			return is_out(walk, way);
		arch_way_follow(&insn, way);
		if (insn.flow == FLOW_STOP && vaddr != walk->fault)
			return false;
		if (insn.flow == FLOW_BRANCH && insn.target)
			try_later(walk, insn.target, way);
		vaddr += insn.len;
		if (insn.flow != FLOW_JUMP)
			continue;
		vaddr = insn.target;
		walk->met_table |= !vaddr;
		if (!vaddr)
			return false;
		if (!is_within(walk, vaddr)) /* another function's ret will be its */
			return is_out(walk, way);
	}
	return false;
}

static bool find(struct walk *walk, taddr_t vaddr, struct arch_way *way)
{
	struct arch_way begin;

	arch_way_begin(&begin);
	try_later(walk, vaddr, &begin);
	while (walk->open_count) {
		*way = walk->open[--walk->open_count].way;
		if (follow(walk, walk->open[walk->open_count].vaddr, way))
			return true;
	}
	return false;
}

static struct known look(struct ways_back *ways, const struct way_asked *asked,
                         const struct arch_frame *from, bool exact)
{
	taddr_t pc = from->pc - !exact;
	struct walk walk = { ways, asked, from, asked->module_at(asked->ctx, pc), .seen = { 0 } };
	struct known known = { WAY_TABLES, { .lost = true } };

	if (!walk.module || asked->has_tables(asked->ctx, walk.module, pc))
		return known;
	pc = module_file_address(walk.module, pc);
	if (!starts_around(walk.module, pc, &walk.begin, &walk.end))
		return known;
	walk.fault = exact ? pc : ~(taddr_t)0;
	if (find(&walk, pc + !exact, &known.way))
		known.kind = WAY_FOUND;
	else if (!walk.met_table)
		known.kind = walk.met_ret ? WAY_LOST : WAY_NONE;
	table_deinit(&walk.seen);
	return known;
}

/* Most have tables; only what was found takes a row. Without memory it is looked for again. */
static void keep(struct ways_back *ways, taddr_t key, const struct known *known)
{
	size_t room = ways->room ? 2 * ways->room : 64;
	uint64_t *index = table_put(&ways->at, key);
	struct known *grown = ways->known;

	if (index)
		*index = known->kind;
	if (!index || known->kind != WAY_FOUND)
		return;
	if (ways->count == ways->room) {
		grown = realloc(ways->known, room * sizeof(*grown));
		if (!grown) {
			table_remove(&ways->at, key);
			return;
		}
		ways->known = grown;
		ways->room = room;
	}
	ways->known[ways->count] = *known;
	*index = ROWS + ways->count++;
}

enum way_back way_back(struct ways_back *ways, const struct way_asked *asked,
                       const struct arch_frame *from, bool exact, struct arch_frame *caller)
{
	taddr_t key = from->pc << 1 | exact; /* what was interrupted may stand behind a call, too */
	const uint64_t *index = table_find(&ways->at, key);
	const struct known *known;
	struct known fresh;

	if (index && *index < ROWS)
		return (enum way_back)*index;
	if (index) {
		known = &ways->known[*index - ROWS];
	} else {
		fresh = look(ways, asked, from, exact);
		keep(ways, key, &fresh);
		known = &fresh;
	}
	if (known->kind == WAY_FOUND &&
	    !arch_way_out(&known->way, from, asked->read, asked->ctx, caller))
		return WAY_LOST;
	return known->kind;
}
