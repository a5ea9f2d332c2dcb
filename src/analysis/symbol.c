#include "symbol.h"

#include <elfutils/libdwfl.h>
#include <libiberty/demangle.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "debugfile.h"
#include "log.h"
#include "scope.h"
#include "symtab.h"
#include "unwind.h"

struct names { /* module.symbols */
	Dwfl *dwfl;
	Dwfl_Module *module; /* NULL: no names to be had */
	struct symtab *symtab;
	struct scopes *scopes; /* NULL: no DWARF */
	Dwarf_Addr bias; /* the Dwfl's addresses less the DWARF's */
	bool no_server;  /* none was to be asked */
};

/* A session of its own for every module, at its file addresses: modules that
 * followed each other at one place do not meet. */
/* libdw would end the process too, with a status of its own. */
__attribute__((noreturn)) static void no_memory(void)
{
	die(EXIT_OURS, "no memory to read symbols: the report is lost");
}

static void open_names(struct names *names, const struct module *module)
{
	int fd = dup(module->elf.fd);
	Dwarf *dwarf;

	names->no_server = debugfile_misses_server();
	names->dwfl = dwfl_begin(&debugfile_callbacks);
	if (!names->dwfl || fd < 0)
		return;
	dwfl_report_begin(names->dwfl);
	if (!dwfl_report_elf(names->dwfl, module->path, module->path, fd, 0, true))
		close(fd);
	dwfl_report_end(names->dwfl, NULL, NULL);
	names->module = dwfl_addrmodule(names->dwfl, module->elf.segments[0].vaddr);
	dwarf = names->module ? dwfl_module_getdwarf(names->module, &names->bias) : NULL;
	if (names->module)
		names->symtab = symtab_new(names->module);
	if (dwarf)
		dwarf_new_oom_handler(dwarf, no_memory);
	if (dwarf)
		names->scopes = scopes_new(dwarf);
}

bool symbol_may_know_more(const struct module *module)
{
	const struct names *names = module->symbols;

	return names && names->no_server && debugfile_asks_server();
}

static struct names *names_of(struct module *module)
{
	if (symbol_may_know_more(module)) {
		symbol_close(module);
		module->reopened++;
	}
	if (!module->symbols && (module->symbols = calloc(1, sizeof(struct names))) &&
	    elf_is_as_opened(&module->elf))
		open_names(module->symbols, module);
	return module->symbols;
}

bool symbol_is_open(const struct module *module)
{
	return module->symbols;
}

/* Without the version a dynamic symbol carries (realloc@@GLIBC_2.2.5). */
static void set_name(struct symbol *symbol, const char *name)
{
	const int style = DMGL_AUTO | DMGL_PARAMS | DMGL_ANSI;

	symbol->name = strndup(name, strcspn(name, "@"));
	symbol->function = symbol->name ? cplus_demangle(symbol->name, style) : NULL;
	if (!symbol->function && symbol->name)
		symbol->function = strdup(symbol->name);
}

/* A symbol without a size names all up to the next one, functions that have lost
 * theirs included: it is not the name of one that begins behind it. */
static const char *sizeless_at(struct module *module, Dwarf_Addr at, GElf_Addr *begin)
{
	const struct names *names = module->symbols;
	taddr_t function, end;
	GElf_Off offset;
	GElf_Sym sym;
	const char *name = dwfl_module_addrinfo(names->module, at, &offset, &sym, NULL, NULL, NULL);

	if (!name || (unwind_bounds(module, at, &function, &end) && at - offset < function))
		return NULL;
	*begin = at - offset;
	return name;
}

/* The real function is named by its symbol, as a debugger would; by DWARF only where
 * there is none. scope: NULL when DWARF knows of no function. */
static void name_real(struct module *module, Dwarf_Addr at, const struct scope *scope,
                      struct symbol *symbol)
{
	const struct names *names = module->symbols;
	GElf_Addr begin = 0;
	const char *name = symtab_at(names->symtab, at, &begin);

	if (!name && scope) {
		name = scope->name;
		begin = scope->begin ? scope->begin + names->bias : 0;
	} else if (!name && names->module) {
		name = sizeless_at(module, at, &begin);
	}
	symbol->offset -= begin;
	if (name)
		set_name(symbol, name);
}

struct symbol *symbols_of(struct module *module, taddr_t addr, bool exact, size_t *count)
{
	taddr_t vaddr = module_file_address(module, addr), at = exact ? vaddr : vaddr - 1;
	const struct names *names = names_of(module);
	const struct scope *scopes = NULL;
	struct symbol *list, *real;

	*count = names && names->scopes ? scopes_at(names->scopes, at - names->bias, &scopes) : 0;
	*count += !*count;
	list = names ? calloc(*count, sizeof(*list)) : NULL;
	if (!list) {
		*count = 0;
		return NULL;
	}
	real = &list[*count - 1];
	real->offset = vaddr;
	name_real(module, at, scopes && scopes[*count - 1].name ? &scopes[*count - 1] : NULL, real);
	for (size_t i = 0; scopes && i < *count; i++) {
		list[i].file = scopes[i].file;
		list[i].line = scopes[i].line;
		list[i].offset = real->offset;
		list[i].inlined = &list[i] != real;
		if (list[i].inlined && scopes[i].name)
			set_name(&list[i], scopes[i].name);
	}
	return list;
}

size_t symbol_lines(struct module *module, const char *file, int line, taddr_t *out, size_t most)
{
	const struct names *names = names_of(module);
	Dwfl_Line **lines = NULL;
	size_t count = 0, kept = 0;

	if (names && names->module &&
	    dwfl_module_getsrc_file(names->module, file, line, 0, &lines, &count) < 0)
		count = 0;
	for (size_t i = 0; i < count && kept < most; i++) {
		Dwarf_Addr addr;

		if (dwfl_lineinfo(lines[i], &addr, NULL, NULL, NULL, NULL))
			out[kept++] = addr;
	}
	free(lines);
	return kept;
}

void symbol_free(struct symbol *symbol)
{
	free(symbol->function);
	free(symbol->name);
}

void symbol_close(struct module *module)
{
	struct names *names = module->symbols;

	if (!names)
		return;
	scopes_free(names->scopes);
	symtab_free(names->symtab);
	if (names->dwfl)
		dwfl_end(names->dwfl);
	free(names);
	module->symbols = NULL;
}
