#include "symbol.h"

#include <elfutils/libdwfl.h>
#include <libiberty/demangle.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *debuginfo_path; /* libdwfl's default: beside the file, and /usr/lib/debug */
static const Dwfl_Callbacks callbacks = {
	.find_elf = dwfl_build_id_find_elf,
	.find_debuginfo = dwfl_standard_find_debuginfo,
	.debuginfo_path = &debuginfo_path,
};

/* A session of its own for every module, at its file addresses: modules that
 * followed each other at one place do not meet. */
static Dwfl_Module *dwfl_of(struct module *module)
{
	Dwfl *dwfl = module->symbols;
	int fd;

	if (!dwfl) {
		dwfl = dwfl_begin(&callbacks);
		fd = dup(module->elf.fd);
		module->symbols = dwfl;
		if (!dwfl || fd < 0)
			return NULL;
		dwfl_report_begin(dwfl);
		if (!dwfl_report_elf(dwfl, module->path, module->path, fd, 0, true))
			close(fd);
		dwfl_report_end(dwfl, NULL, NULL);
	}
	return dwfl_addrmodule(dwfl, module->elf.segments[0].vaddr);
}

/* Without the version a dynamic symbol carries (realloc@@GLIBC_2.2.5). */
static char *readable(const char *symbol)
{
	char *name = strndup(symbol, strcspn(symbol, "@"));
	char *demangled = name ? cplus_demangle(name, DMGL_AUTO | DMGL_PARAMS | DMGL_ANSI) : NULL;

	if (!demangled)
		return name;
	free(name);
	return demangled;
}

void symbol_of(struct module *module, taddr_t addr, bool exact, struct symbol *out)
{
	taddr_t vaddr = module_file_address(module, addr), at = exact ? vaddr : vaddr - 1;
	Dwfl_Module *dwfl = dwfl_of(module);
	GElf_Off offset = 0;
	GElf_Sym sym;
	const char *name = NULL;
	Dwfl_Line *line;

	*out = (struct symbol){ .offset = vaddr };
	if (dwfl)
		name = dwfl_module_addrinfo(dwfl, at, &offset, &sym, NULL, NULL, NULL);
	if (!name) {
		module->unsymbolised = true;
		return;
	}
	out->function = readable(name);
	out->offset = offset + (vaddr - at);
	line = dwfl_module_getsrc(dwfl, at);
	if (line)
		out->file = dwfl_lineinfo(line, NULL, &out->line, NULL, NULL, NULL);
}

void symbol_close(struct module *module)
{
	if (module->symbols)
		dwfl_end(module->symbols);
	module->symbols = NULL;
}
