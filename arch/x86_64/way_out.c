/* What a function has saved it gives back on its way to the ret, by pop, leave or moves from
 * the stack. What else the way does to these registers is of no account: each is given back
 * before the end or was never changed. */
#include <stddef.h>
#include <ucontext.h>

#include "arch.h"
#include "arch_insn.h"

#define WORD ((int32_t)sizeof(uint64_t))

void arch_way_begin(struct arch_way *way)
{
	*way = (struct arch_way){ .sp = { ARCH_RSP, 0 }, .fp = { ARCH_RBP, 0 } };
}

/* Below where the way began the stack is what the way itself has pushed: what is taken from
 * there was in the register before. */
static void load(struct arch_way *way, unsigned reg, struct arch_spot from)
{
	if (!(ARCH_CALLEE_SAVED & 1u << reg))
		return;
	way->loaded &= ~(1u << reg);
	if (from.base == ARCH_RSP && from.offset < 0)
		return;
	way->loaded |= 1u << reg;
	way->from[reg] = from;
}

static struct arch_spot beyond(struct arch_spot spot, int64_t offset)
{
	spot.offset += (int32_t)offset;
	return spot;
}

static bool is_register(const struct operand *op, unsigned reg)
{
	return op->kind == OPERAND_REG && op->reg == reg && op->width == WORD;
}

/* Memory, or its address, that is told by one of the two pointers. */
static bool is_spot(const struct operand *op, const struct arch_way *way, struct arch_spot *out)
{
	bool by_fp = op->reg == ARCH_RBP && !(way->loaded & 1u << ARCH_RBP);

	if (op->kind != OPERAND_MEM || op->segment != SEGMENT_FLAT ||
	    op->index != ARCH_NO_REG || (op->reg != ARCH_RSP && !by_fp))
		return false;
	*out = beyond(by_fp ? way->fp : way->sp, op->value);
	return true;
}

/* True: sp is known by it. */
static bool sets_sp(const struct insn *insn, struct arch_way *way)
{
	struct arch_spot spot;

	if (insn->op == INSN_LEAVE) {
		load(way, ARCH_RBP, way->fp);
		way->sp = beyond(way->fp, WORD);
		way->lost = false;
		return true;
	}
	if (!is_register(&insn->dst, ARCH_RSP))
		return false;
	if (insn->op == INSN_MOV && is_register(&insn->src, ARCH_RBP))
		way->sp = way->fp;
	else if (insn->op == INSN_LEA && insn->src.reg == ARCH_RBP && is_spot(&insn->src, way, &spot))
		way->sp = spot;
	else
		return false;
	way->lost = false;
	return true;
}

static void sets_fp(const struct insn *insn, struct arch_way *way)
{
	struct arch_spot spot;

	if (insn->op == INSN_MOV && is_register(&insn->src, ARCH_RSP))
		way->fp = way->sp;
	else if (insn->op == INSN_LEA && is_spot(&insn->src, way, &spot))
		way->fp = spot;
}

void arch_way_follow(const struct decoded *decoded, struct arch_way *way)
{
	const struct insn *insn = &decoded->insn;
	struct arch_spot spot;

	if (!decoded->refuse && insn->op == INSN_POP && insn->dst.kind == OPERAND_REG)
		load(way, insn->dst.reg, way->sp);
	else if (!decoded->refuse && insn->op == INSN_MOV && insn->dst.kind == OPERAND_REG &&
	         insn->dst.width == WORD && is_spot(&insn->src, way, &spot))
		load(way, insn->dst.reg, spot);
	else if (!decoded->refuse && is_register(&insn->dst, ARCH_RBP))
		sets_fp(insn, way);
	if (decoded->flow == FLOW_CALL || decoded->flow == FLOW_RET || !decoded->moves_sp)
		return;
	if (!decoded->refuse && sets_sp(insn, way))
		return;
	way->lost |= !decoded->sp_known;
	way->sp.offset += decoded->sp_delta;
}

bool arch_way_out(const struct arch_way *way, const struct arch_frame *from,
                  bool (*read)(void *ctx, taddr_t, uint64_t *), void *ctx,
                  struct arch_frame *caller)
{
	uint64_t *const to[ARCH_REGS] = { [ARCH_RBX] = &caller->rbx, [ARCH_RBP] = &caller->rbp,
		                          [ARCH_R12] = &caller->r12, [ARCH_R13] = &caller->r13,
		                          [ARCH_R14] = &caller->r14, [ARCH_R15] = &caller->r15 };
	const uint64_t at[ARCH_REGS] = { [ARCH_RSP] = from->sp, [ARCH_RBP] = from->rbp };

	*caller = *from;
	caller->sp = at[way->sp.base] + (int64_t)way->sp.offset;
	if (!read(ctx, caller->sp, &caller->pc))
		return false;
	caller->sp += WORD;
	for (unsigned reg = 0; reg < ARCH_REGS; reg++)
		if (way->loaded & 1u << reg &&
		    !read(ctx, at[way->from[reg].base] + (int64_t)way->from[reg].offset, to[reg]))
			return false;
	return true;
}

bool arch_interrupted(const struct arch_frame *from,
                      bool (*read)(void *ctx, taddr_t, uint64_t *), void *ctx,
                      struct arch_frame *out)
{
	const struct { uint64_t *to; int greg; } words[] = {
		{ &out->pc, REG_RIP },  { &out->sp, REG_RSP },  { &out->rbp, REG_RBP },
		{ &out->rbx, REG_RBX }, { &out->r12, REG_R12 }, { &out->r13, REG_R13 },
		{ &out->r14, REG_R14 }, { &out->r15, REG_R15 },
	};
	const taddr_t gregs = from->sp + offsetof(ucontext_t, uc_mcontext.gregs);

	for (unsigned i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!read(ctx, gregs + (unsigned)words[i].greg * sizeof(uint64_t), words[i].to))
			return false;
	return true;
}
