/* libunwind asks for memory, registers and the unwind table of an address; it is
 * given the captured stack, the caller's registers, and the table as the ELF file
 * has it. Nothing is asked of the process, which has gone on or ended meanwhile.
 *
 * Consecutive stacks of a thread share their outer frames. The tracer says from
 * which address on the stack is as it was; a frame that lies there and has the
 * same pc, sp and callee-saved registers as one of the previous walk has the same
 * callers, so the walk stops and takes them over. */
#include "unwind.h"

#include <libunwind-ptrace.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_ADDR (UINT64_C(1) << 62) /* no process has memory there */
#define CACHE_SIZE 16384 /* unwind rows kept; libunwind's own default is 128 */

/* exported by libunwind, declared in its private headers only */
extern int UNW_OBJ(dwarf_search_unwind_table)(unw_addr_space_t, unw_word_t ip, unw_dyn_info_t *,
                                              unw_proc_info_t *, int need_unwind_info, void *arg);

struct unwinder {
	struct modules *modules;
	unsigned depth;
	unw_addr_space_t space;
	void *upt; /* libunwind-ptrace's, for modules without an unwind index */
	struct unwound_frame *scratch;
	/* of the walk under way: */
	const struct stack_image *image, *other;
	const struct arch_frame *start;
	bool exact;       /* start's pc is no return address */
	bool out_of_image;
	struct module *only; /* unwind_bounds: the one module there is */
	const struct eh_index *index; /* what stands at INDEX_ADDR */
};

/* Whose _UPT_find_proc_info is under way: it asks with its own argument, not ours. */
static struct unwinder *in_upt;

/* ---- libunwind's questions --------------------------------------------------- */

static struct module *module_of(const struct unwinder *unwinder, taddr_t addr)
{
	struct module *only = unwinder->only;

	if (!only)
		return module_at(unwinder->modules, addr);
	return addr >= only->begin && addr < only->end ? only : NULL;
}

static bool read_index(const struct unwinder *unwinder, taddr_t addr, unw_word_t *value)
{
	const struct eh_index *index = unwinder->index;
	uint64_t at = addr - INDEX_ADDR;

	if (!index || addr < INDEX_ADDR || at / sizeof(*index->rows) >= index->count)
		return false;
	memcpy(value, (const uint8_t *)index->rows + (at & ~(sizeof(*value) - 1)), sizeof(*value));
	return true;
}

static int access_mem(unw_addr_space_t space, unw_word_t addr, unw_word_t *value, int write,
                      void *arg)
{
	struct unwinder *unwinder = in_upt ? in_upt : arg;
	const struct module *module;

	(void)space;
	if (write)
		return -UNW_EINVAL;
	if (read_index(unwinder, addr, value))
		return 0;
	if ((unwinder->image && image_read(unwinder->image, addr, value, sizeof(*value))) ||
	    (unwinder->other && image_read(unwinder->other, addr, value, sizeof(*value))))
		return 0;
	module = module_of(unwinder, addr);
	*value = 0;
	if (module && elf_read_some(&module->elf, module_file_address(module, addr), value,
	                            sizeof(*value)) > 0)
		return 0; /* the file's last bytes: the rest is not looked at */
	unwinder->out_of_image = true;
	return -UNW_EINVAL;
}

static int access_reg(unw_addr_space_t space, unw_regnum_t number, unw_word_t *value, int write,
                      void *arg)
{
	const struct unwinder *unwinder = arg;
	const struct arch_frame *start = unwinder->start;

	(void)space;
	if (write)
		return -UNW_EINVAL;
	*value = 0;
	switch (number) {
	case UNW_X86_64_RIP: /* the call's row, not that of the instruction behind it */
		*value = start->pc - !unwinder->exact;
		break;
	case UNW_X86_64_RSP:
		*value = start->sp;
		break;
	case UNW_X86_64_RBP:
		*value = start->rbp;
		break;
	case UNW_X86_64_RBX:
		*value = start->rbx;
		break;
	case UNW_X86_64_R12:
		*value = start->r12;
		break;
	case UNW_X86_64_R13:
		*value = start->r13;
		break;
	case UNW_X86_64_R14:
		*value = start->r14;
		break;
	case UNW_X86_64_R15:
		*value = start->r15;
		break;
	}
	return 0; /* caller-saved ones are lost; no table row may need them */
}

/* .eh_frame_hdr, LSB 5.0 10.6.2: in the one form linkers write, a sorted table of
 * 32-bit offsets from the header. */
struct eh_frame_hdr {
	uint8_t version, eh_frame_enc, count_enc, table_enc;
	int32_t eh_frame;
	uint32_t count;
};

/* With the index in the table's place. */
static bool index_table(struct unwinder *unwinder, const struct module *module,
                        unw_dyn_info_t *info)
{
	const struct eh_index *index = &module->elf.index;

	if (!index->count)
		return false;
	unwinder->index = index;
	*info = (unw_dyn_info_t){ .start_ip = module->begin, .end_ip = module->end,
		                  .format = UNW_INFO_FORMAT_REMOTE_TABLE };
	info->u.rti.segbase = index->base + module->bias;
	info->u.rti.table_data = INDEX_ADDR;
	info->u.rti.table_len = index->count * sizeof(*index->rows) / sizeof(unw_word_t);
	return true;
}

static bool unwind_table(struct unwinder *unwinder, const struct module *module,
                         unw_dyn_info_t *info)
{
	const struct elf *elf = &module->elf;
	struct eh_frame_hdr hdr;

	if (!elf->eh_frame_hdr)
		return index_table(unwinder, module, info);
	if (elf_read(elf, elf->eh_frame_hdr, &hdr, sizeof(hdr)) < 0 ||
	    hdr.version != 1 || hdr.count_enc != 0x03 || hdr.table_enc != 0x3b)
		return false;
	*info = (unw_dyn_info_t){ .start_ip = module->begin, .end_ip = module->end,
		                  .format = UNW_INFO_FORMAT_REMOTE_TABLE };
	info->u.rti.segbase = elf->eh_frame_hdr + module->bias;
	info->u.rti.table_data = info->u.rti.segbase + sizeof(hdr);
	info->u.rti.table_len = hdr.count * (uint64_t)8 / sizeof(unw_word_t);
	return true;
}

static int ask_upt(struct unwinder *unwinder, unw_word_t ip, unw_proc_info_t *out,
                   int need_unwind_info)
{
	int error;

	if (!unwinder->upt)
		return -UNW_ENOINFO;
	in_upt = unwinder;
	error = _UPT_find_proc_info(unwinder->space, ip, out, need_unwind_info, unwinder->upt);
	in_upt = NULL;
	return error;
}

static int find_proc_info(unw_addr_space_t space, unw_word_t ip, unw_proc_info_t *out,
                          int need_unwind_info, void *arg)
{
	struct unwinder *unwinder = arg;
	const struct module *module = module_of(unwinder, ip);
	unw_dyn_info_t info;

	if (!module)
		return -UNW_ENOINFO;
	if (unwind_table(unwinder, module, &info))
		return UNW_OBJ(dwarf_search_unwind_table)(space, ip, &info, out, need_unwind_info,
		                                          arg);
	return ask_upt(unwinder, ip, out, need_unwind_info);
}

static void put_unwind_info(unw_addr_space_t space, unw_proc_info_t *info, void *arg)
{
	_UPT_put_unwind_info(space, info, arg);
}

static int no_dyn_info(unw_addr_space_t space, unw_word_t *list, void *arg)
{
	(void)space, (void)list, (void)arg;
	return -UNW_ENOINFO;
}

static int no_fpreg(unw_addr_space_t space, unw_regnum_t number, unw_fpreg_t *value, int write,
                    void *arg)
{
	(void)space, (void)number, (void)value, (void)write, (void)arg;
	return -UNW_EINVAL;
}

static int no_resume(unw_addr_space_t space, unw_cursor_t *cursor, void *arg)
{
	(void)space, (void)cursor, (void)arg;
	return -UNW_EINVAL;
}

static int no_proc_name(unw_addr_space_t space, unw_word_t addr, char *buf, size_t len,
                        unw_word_t *offset, void *arg)
{
	(void)space, (void)addr, (void)buf, (void)len, (void)offset, (void)arg;
	return -UNW_ENOINFO;
}

static unw_accessors_t accessors = {
	.find_proc_info = find_proc_info,
	.put_unwind_info = put_unwind_info,
	.get_dyn_info_list_addr = no_dyn_info,
	.access_mem = access_mem,
	.access_reg = access_reg,
	.access_fpreg = no_fpreg,
	.resume = no_resume,
	.get_proc_name = no_proc_name,
};

/* ---- the walk ------------------------------------------------------------------ */

static void read_frame(unw_cursor_t *cursor, struct arch_frame *regs)
{
	const struct { unw_regnum_t number; uint64_t *to; } wanted[] = {
		{ UNW_X86_64_RIP, &regs->pc },  { UNW_X86_64_RSP, &regs->sp },
		{ UNW_X86_64_RBP, &regs->rbp }, { UNW_X86_64_RBX, &regs->rbx },
		{ UNW_X86_64_R12, &regs->r12 }, { UNW_X86_64_R13, &regs->r13 },
		{ UNW_X86_64_R14, &regs->r14 }, { UNW_X86_64_R15, &regs->r15 },
	};

	for (size_t i = 0; i < countof(wanted); i++) {
		unw_word_t value = 0;

		unw_get_reg(cursor, wanted[i].number, &value);
		*wanted[i].to = value;
	}
}

/* The previous walk's frame that is this one, its callers with it, or count. */
static unsigned meet(const struct unwound *last, const struct unwound_frame *frame,
                     unsigned from)
{
	for (; from < last->count && last->frames[from].regs.sp < frame->regs.sp; from++)
		;
	if (from < last->count &&
	    memcmp(&last->frames[from].regs, &frame->regs, sizeof(frame->regs)) == 0 &&
	    last->frames[from].exact == frame->exact)
		return from;
	return last->count;
}

struct walk {
	struct unwinder *unwinder;
	struct unwound_frame *to;
	unsigned count;
	bool ended; /* at the bottom */
};

/* Is it what a signal handler returns to? */
static bool is_trampoline(const struct unwinder *unwinder, taddr_t pc)
{
	const struct module *module = module_of(unwinder, pc);
	uint8_t bytes[ARCH_SIGRETURN_LEN];

	return module &&
	       elf_read(&module->elf, module_file_address(module, pc), bytes, sizeof(bytes)) == 0 &&
	       memcmp(bytes, ARCH_SIGRETURN, sizeof(bytes)) == 0;
}

enum stepped { STEPPED, STEPPED_TO_EXACT, STEPPED_NOWHERE };

/* One frame outwards. Behind a trampoline stands the interrupted frame, whose pc is
 * no return address: the cursor must be set up anew to know. */
static enum stepped step(struct walk *walk, unw_cursor_t *cursor)
{
	struct unwound_frame *frame = &walk->to[walk->count];
	bool interrupted = is_trampoline(walk->unwinder, frame[-1].regs.pc);
	int more = unw_step(cursor);

	frame->stack = 0;
	if (more > 0)
		read_frame(cursor, &frame->regs);
	if (more <= 0 || !frame->regs.pc) {
		walk->ended = more >= 0;
		return STEPPED_NOWHERE;
	}
	frame->exact = interrupted || is_trampoline(walk->unwinder, frame->regs.pc);
	walk->count++;
	return interrupted ? STEPPED_TO_EXACT : STEPPED;
}

/* Steps on from the walk's last frame until the bottom, the depth, an error, or a
 * frame of last above unchanged_from, whose index it returns (else last->count). */
static unsigned step_on(struct walk *walk, taddr_t unchanged_from, const struct unwound *last)
{
	struct unwinder *unwinder = walk->unwinder;
	enum stepped stepped = STEPPED_TO_EXACT;
	unw_cursor_t cursor;
	unsigned at = 0;

	while (walk->count < unwinder->depth) {
		const struct unwound_frame *frame = &walk->to[walk->count - 1];

		/* out of code without unwind information libunwind finds the way by rbp,
		 * rightly only from where it was set up */
		if (stepped == STEPPED_TO_EXACT || !module_of(unwinder, frame->regs.pc)) {
			unwinder->start = &frame->regs;
			unwinder->exact = frame->exact;
			if (unw_init_remote(&cursor, unwinder->space, unwinder) < 0)
				return last->count;
		}
		stepped = step(walk, &cursor);
		if (stepped == STEPPED_NOWHERE)
			return last->count;
		frame = &walk->to[walk->count - 1];
		if (frame->regs.sp < unchanged_from)
			continue;
		at = meet(last, frame, at);
		if (at < last->count)
			return at;
	}
	walk->ended = true; /* as deep as was asked */
	return last->count;
}

/* On from a frame that was taken over; not from a trampoline, which is to be stepped
 * to, so that what it interrupted is known for it. */
static void extend(struct walk *walk)
{
	const struct unwound none = { 0 };

	if (walk->count > 1 && is_trampoline(walk->unwinder, walk->to[walk->count - 1].regs.pc))
		walk->count--;
	step_on(walk, UINT64_MAX, &none);
}

/* The frames from met on, the first of which is already there as the walk's last. */
static void take_over(struct walk *walk, const struct unwound *last, unsigned met)
{
	unsigned depth = walk->unwinder->depth, rest = last->count - met, room;

	room = depth - --walk->count;
	memcpy(walk->to + walk->count, last->frames + met,
	       (rest < room ? rest : room) * sizeof(*walk->to));
	walk->count += rest < room ? rest : room;
	walk->ended = !last->truncated;
	if (last->count == depth && walk->count < depth)
		extend(walk);
	else if (rest <= room)
		return;
	for (unsigned i = 0; i < walk->count; i++)
		walk->to[i].stack = 0; /* their callers are others, or fewer */
}

void unwind(struct unwinder *unwinder, const struct stack_image *image,
            const struct stack_image *other, const struct unwound_frame *start,
            taddr_t unchanged_from, struct unwound *last)
{
	struct walk walk = { unwinder, unwinder->scratch, 1, false };
	unsigned met;

	if (!walk.to && !(walk.to = calloc(unwinder->depth, sizeof(*walk.to)))) {
		last->count = 0;
		last->truncated = true;
		return;
	}
	unwinder->image = image;
	unwinder->other = other;
	walk.to[0] = *start;
	met = start->regs.sp >= unchanged_from ? meet(last, &walk.to[0], 0) : last->count;
	if (met == last->count)
		met = step_on(&walk, unchanged_from, last);
	if (met < last->count)
		take_over(&walk, last, met);
	unwinder->scratch = last->frames;
	last->frames = walk.to;
	last->count = walk.count;
	last->truncated = !walk.ended;
}

void unwound_deinit(struct unwound *unwound)
{
	free(unwound->frames);
	*unwound = (struct unwound){ 0 };
}

/* ---- the unwinder ------------------------------------------------------------------ */

struct unwinder *unwinder_new(struct modules *modules, unsigned depth)
{
	struct unwinder *unwinder = calloc(1, sizeof(*unwinder));

	if (!unwinder)
		return NULL;
	unwinder->modules = modules;
	unwinder->depth = depth;
	unwinder->scratch = calloc(depth, sizeof(*unwinder->scratch));
	unwinder->space = unw_create_addr_space(&accessors, 0);
	if (!unwinder->scratch || !unwinder->space) {
		unwinder_free(unwinder);
		return NULL;
	}
	unw_set_caching_policy(unwinder->space, UNW_CACHE_GLOBAL);
	unw_set_cache_size(unwinder->space, CACHE_SIZE, 0);
	return unwinder;
}

void unwinder_free(struct unwinder *unwinder)
{
	if (!unwinder)
		return;
	if (unwinder->upt)
		_UPT_destroy(unwinder->upt);
	if (unwinder->space)
		unw_destroy_addr_space(unwinder->space);
	free(unwinder->scratch);
	free(unwinder);
}

void unwinder_set_pid(struct unwinder *unwinder, pid_t pid)
{
	if (unwinder->upt)
		_UPT_destroy(unwinder->upt);
	unwinder->upt = _UPT_create(pid);
	unwinder_flush(unwinder);
}

void unwinder_flush(struct unwinder *unwinder)
{
	unw_flush_cache(unwinder->space, 0, 0);
	unwinder->index = NULL; /* its module may go */
}

static unw_addr_space_t uncached(void)
{
	static unw_addr_space_t space;

	if (!space)
		space = unw_create_addr_space(&accessors, 0);
	return space;
}

/* From a stack whose every word is another. False: nothing is found from there. */
static bool made_up_caller(struct module *module, taddr_t vaddr, struct arch_frame *caller)
{
	uint64_t words[64];
	const taddr_t sp = INDEX_ADDR / 2, rbp = sp + sizeof(words) / 2;
	const struct arch_frame start = { .pc = vaddr + module->bias, .sp = sp, .rbp = rbp, .rbx = 2,
		                          .r12 = 3, .r13 = 4, .r14 = 5, .r15 = 6 };
	const struct stack_image image = { start.sp, start.sp + sizeof(words), (uint8_t *)words,
		                           sizeof(words) };
	struct unwinder only = { .only = module, .image = &image, .start = &start, .exact = true };
	unw_cursor_t cursor;

	for (size_t i = 0; i < countof(words); i++)
		words[i] = 0x1001 * (i + 1);
	*caller = (struct arch_frame){ 0 };
	if (!uncached() || unw_init_remote(&cursor, uncached(), &only) < 0 || unw_step(&cursor) <= 0)
		return false;
	read_frame(&cursor, caller);
	return true;
}

bool unwind_is_same(struct module *module, taddr_t a, taddr_t b)
{
	struct arch_frame from_a, from_b;
	taddr_t begin, end;

	if (!unwind_bounds(module, a, &begin, &end)) /* nothing is known of either */
		return !unwind_bounds(module, b, &begin, &end);
	return made_up_caller(module, a, &from_a) && made_up_caller(module, b, &from_b) &&
	       memcmp(&from_a, &from_b, sizeof(from_a)) == 0;
}

bool unwind_bounds(struct module *module, taddr_t vaddr, taddr_t *begin, taddr_t *end)
{
	struct unwinder only = { .only = module };
	unw_dyn_info_t info;
	unw_proc_info_t proc;

	if (!uncached() || !unwind_table(&only, module, &info) ||
	    UNW_OBJ(dwarf_search_unwind_table)(uncached(), vaddr + module->bias, &info, &proc, 0,
	                                       &only) < 0)
		return false;
	*begin = proc.start_ip - module->bias;
	*end = proc.end_ip - module->bias;
	return true;
}
