/* libunwind asks for memory, registers and the unwind table of an address; it is
 * given the captured stack, the caller's registers, and the table as the ELF file
 * has it. Nothing is asked of the process, which has gone on or ended meanwhile.
 */
#include "unwind_answers.h"

#include <string.h>

/* exported by libunwind, declared in its private headers only */
extern int UNW_OBJ(dwarf_search_unwind_table)(unw_addr_space_t, unw_word_t ip, unw_dyn_info_t *,
                                              unw_proc_info_t *, int need_unwind_info, void *arg);

/* Whose _UPT_find_proc_info is under way: it asks with its own argument, not ours. */
static struct unwinder *in_upt;

struct module *unwinder_module(const struct unwinder *unwinder, taddr_t addr)
{
	struct module *only = unwinder->only;

	if (!only)
		return module_at(unwinder->modules, addr);
	return addr >= only->begin && addr < only->end ? only : NULL;
}

static bool read_index(const struct unwinder *unwinder, taddr_t addr, unw_word_t *value)
{
	const struct eh_index *index = unwinder->index;
	uint64_t at = addr - UNWIND_INDEX;

	if (!index || addr < UNWIND_INDEX || at / sizeof(*index->rows) >= index->count)
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
	module = unwinder_module(unwinder, addr);
	*value = 0;
	if (module && elf_read_some(&module->elf, module_file_address(module, addr), value,
	                            sizeof(*value)) > 0)
		return 0; /* the file's last bytes: the rest is not looked at */
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
	info->u.rti.table_data = UNWIND_INDEX;
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
	const struct module *module = unwinder_module(unwinder, ip);
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

unw_accessors_t unwind_answers = {
	.find_proc_info = find_proc_info,
	.put_unwind_info = put_unwind_info,
	.get_dyn_info_list_addr = no_dyn_info,
	.access_mem = access_mem,
	.access_reg = access_reg,
	.access_fpreg = no_fpreg,
	.resume = no_resume,
	.get_proc_name = no_proc_name,
};

void unwinder_frame(unw_cursor_t *cursor, struct arch_frame *regs)
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

int unwinder_function(struct unwinder *unwinder, unw_addr_space_t space, taddr_t ip,
                      unw_proc_info_t *out)
{
	const struct module *module = unwinder_module(unwinder, ip);
	unw_dyn_info_t info;

	if (!module || !unwind_table(unwinder, module, &info))
		return -UNW_ENOINFO;
	return UNW_OBJ(dwarf_search_unwind_table)(space, ip, &info, out, 0, unwinder);
}

/* ---- where there are no tables ---------------------------------------------------- */

static struct module *asked_module(void *ctx, taddr_t addr)
{
	return unwinder_module(ctx, addr);
}

static bool asked_word(void *ctx, taddr_t addr, uint64_t *value)
{
	struct unwinder *unwinder = ctx;

	return (unwinder->image && image_read(unwinder->image, addr, value, sizeof(*value))) ||
	       (unwinder->other && image_read(unwinder->other, addr, value, sizeof(*value)));
}

static bool has_tables(void *ctx, struct module *module, taddr_t pc)
{
	struct unwinder *unwinder = ctx;
	unw_proc_info_t proc;

	(void)module;
	return find_proc_info(unwinder->space, pc, &proc, 0, unwinder) == 0;
}

enum way_back unwinder_way_back(struct unwinder *unwinder, const struct unwound_frame *frame,
                                bool interrupted, struct arch_frame *caller)
{
	const struct way_asked asked = { asked_module, asked_word, has_tables, unwinder };

	if (interrupted && has_tables(unwinder, NULL, frame->regs.pc))
		return WAY_TABLES;
	if (interrupted)
		return arch_interrupted(&frame->regs, asked_word, unwinder, caller) ? WAY_FOUND :
		                                                                      WAY_LOST;
	return way_back(unwinder->ways_back, &asked, &frame->regs, frame->exact, caller);
}
