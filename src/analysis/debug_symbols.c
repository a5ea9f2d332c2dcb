#include "debug_symbols.h"

#include <elfutils/libdwfl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "debugfile.h"

/* ---- symbols -------------------------------------------------------------------------------- */

static bool tell(Dwfl_Module *module, int index, const char *table,
                 bool (*each)(void *, const struct elf_symbol *), void *ctx)
{
	GElf_Sym sym;
	GElf_Addr addr;
	const char *its = dwfl_module_getsym_info(module, index, &sym, &addr, NULL, NULL, NULL);
	int type = its ? GELF_ST_TYPE(sym.st_info) : STT_NOTYPE;
	char *bare = type == STT_FUNC || type == STT_GNU_IFUNC ? strndup(its, strcspn(its, "@")) :
	                                                         NULL;
	struct elf_symbol symbol = { bare, addr, sym.st_size, table, type == STT_GNU_IFUNC };
	bool more = !bare || sym.st_shndx == SHN_UNDEF || each(ctx, &symbol);

	free(bare);
	return more;
}

static void each_in(Dwfl *dwfl, const struct module *from,
                    bool (*each)(void *, const struct elf_symbol *), void *ctx)
{
	Dwfl_Module *module = dwfl_addrmodule(dwfl, from->elf.segments[0].vaddr);
	int count = module ? dwfl_module_getsymtab(module) : 0;
	const char *file = NULL;

	if (module)
		dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, NULL, &file);
	for (int i = 1; i < count; i++)
		if (!tell(module, i, file ? "debug file" : ".gnu_debugdata", each, ctx))
			break;
}

void debug_symbols_each(const struct module *module,
                        bool (*each)(void *, const struct elf_symbol *), void *ctx)
{
	Dwfl *dwfl = dwfl_begin(&debugfile_here_callbacks);
	int fd = dwfl ? dup(module->elf.fd) : -1;

	if (fd >= 0) {
		dwfl_report_begin(dwfl);
		if (!dwfl_report_elf(dwfl, module->path, module->path, fd, 0, true))
			close(fd);
		dwfl_report_end(dwfl, NULL, NULL);
		each_in(dwfl, module, each, ctx);
	}
	if (dwfl)
		dwfl_end(dwfl);
}

/* ---- slots ---------------------------------------------------------------------------------- */

struct chosen {
	struct elf *elf;
	struct table slots; /* by the function that chooses */
};

static void read_section(struct chosen *chosen, Elf_Scn *section, const GElf_Shdr *shdr)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t count = shdr->sh_entsize ? shdr->sh_size / shdr->sh_entsize : 0;
	GElf_Rela rela;

	for (size_t i = 0; data && i < count && gelf_getrela(data, i, &rela); i++) {
		uint64_t *slot = GELF_R_TYPE(rela.r_info) == R_X86_64_IRELATIVE && rela.r_addend ?
		                         table_put(&chosen->slots, rela.r_addend) : NULL;

		if (slot)
			*slot = rela.r_offset;
	}
}

static bool name(void *ctx, const struct elf_symbol *symbol)
{
	struct chosen *chosen = ctx;
	const uint64_t *slot = symbol->chooses && symbol->vaddr ?
	                               table_find(&chosen->slots, symbol->vaddr) : NULL;

	if (slot)
		elf_name_slot(chosen->elf, *slot, symbol->name);
	return true;
}

void debug_symbols_name_slots(struct module *module)
{
	struct chosen chosen = { .elf = &module->elf };
	Elf *file = elf_begin(module->elf.fd, ELF_C_READ, NULL);
	Elf_Scn *section = NULL;
	GElf_Shdr shdr;

	while (file && (section = elf_nextscn(file, section)) && gelf_getshdr(section, &shdr))
		if (shdr.sh_type == SHT_RELA && (shdr.sh_flags & SHF_ALLOC))
			read_section(&chosen, section, &shdr);
	elf_end(file);
	if (chosen.slots.used)
		debug_symbols_each(module, name, &chosen);
	table_deinit(&chosen.slots);
}
