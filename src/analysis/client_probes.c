/* A static probe is an instruction that does nothing, and a note (systemtap's wiki, "User space
 * probe implementation"): name "stapsdt", type 3, three addresses - of the instruction, of
 * .stapsdt.base when it was linked, of a semaphore - and three strings: provider, name, and the
 * arguments, each SIZE@OPERAND in the assembler's words. */
#include "client_probes.h"

#include <elfutils/libdwfl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "point_find.h"

#define PROVIDER "alloctrace"
#define NOTE_NAME "stapsdt"
#define NOTE_TYPE 3
#define ADDRESSES 3
#define REFUSED_MAX 16 /* of a module: such notes are none of the header's */
#define LOOK_MAX (64 << 10) /* bytes of a function that is looked at from its begin on */

static const struct {
	const char *name;
	enum point_action action;
	uint8_t args;
} probes[] = {
	{ "mark", POINT_MARK, 1 },   { "reset", POINT_RESET, 0 }, { "phase", POINT_PHASE, 1 },
	{ "tag", POINT_TAG, 2 },     { "stats", POINT_STATS, 2 }, { "dump", POINT_DUMP, 0 },
};

struct search {
	struct job *job;
	Elf *elf;
	taddr_t base; /* .stapsdt.base now, or 0 */
	unsigned refused;
};

/* "8@%rax" and so on, separated by blanks. */
static bool read_registers(const char *text, struct point_probe *point)
{
	for (unsigned i = 0; i < point->args; i++) {
		const char *operand = strchr(text, '@');
		size_t len = operand ? strcspn(operand, " ") : 0;
		int number = operand ? arch_operand_register(operand + 1, len - 1) : -1;

		if (number < 0)
			return false;
		point->registers[i] = (uint8_t)number;
		text = operand + len;
	}
	return true;
}

/* A trap in the midst of another instruction would change what the program does, and notes can
 * be wrong: tools that move code leave them as they were. */
static bool is_nop(struct job *job, taddr_t vaddr)
{
	struct cfg_bounds in;
	struct decoded insn;

	if (job_decode(job, vaddr, &insn) < 0 || !insn.is_nop || insn.len != 1)
		return false;
	return !job_bounds(job, vaddr, &in) || vaddr - in.begin > LOOK_MAX || job_is_insn(job, vaddr);
}

static void refuse(struct search *search, const char *name, const char *why)
{
	const char *path = search->job->module->path;
	char sentence[256];

	if (++search->refused < REFUSED_MAX)
		snprintf(sentence, sizeof(sentence), "the probe %.40s in %.100s is not met: %s", name,
		         path, why);
	else
		snprintf(sentence, sizeof(sentence), "further probes in %.100s are not looked at", path);
	job_tell(search->job, sentence);
}

static const char *plan_there(struct search *search, taddr_t vaddr, const char *args,
                              struct point_probe *point)
{
	if (!read_registers(args, point))
		return "its arguments are in no registers";
	return is_nop(search->job, vaddr) ? point_plan(search->job, vaddr, point) :
	                                    "no nop stands there";
}

static void plan_one(struct search *search, taddr_t vaddr, const char *name, const char *args)
{
	const char *why = "alloctrace's client header has no such probe";
	struct point_probe point;

	for (size_t i = 0; i < countof(probes); i++) {
		if (strcmp(name, probes[i].name) != 0)
			continue;
		if (probes[i].action == POINT_STATS && !search->job->plan->client_stats)
			return;
		point = (struct point_probe){ probes[i].action, probes[i].args, { 0 } };
		why = plan_there(search, vaddr, args, &point);
	}
	if (why)
		refuse(search, name, why);
}

/* The next of the strings that a note ends with, or NULL. */
static const char *next_string(const char *at, const char *end)
{
	const char *zero = at ? memchr(at, '\0', end - at) : NULL;

	return zero && zero + 1 < end ? zero + 1 : NULL;
}

static void read_note(struct search *search, const char *desc, size_t len)
{
	const char *end = desc + len, *provider = desc + ADDRESSES * sizeof(uint64_t), *name, *args;
	uint64_t addresses[ADDRESSES];

	if (len <= sizeof(addresses) || end[-1])
		return;
	memcpy(addresses, desc, sizeof(addresses));
	name = next_string(provider, end);
	args = next_string(name, end);
	if (!name || !args || strcmp(provider, PROVIDER) != 0)
		return;
	if (search->base)
		addresses[0] += search->base - addresses[1];
	plan_one(search, addresses[0], name, args);
}

static void read_notes(struct search *search, Elf_Data *data)
{
	size_t at = 0, next, name, desc;
	GElf_Nhdr note;

	for (; data && search->refused < REFUSED_MAX &&
	       (next = gelf_getnote(data, at, &note, &name, &desc)) > 0; at = next)
		if (note.n_type == NOTE_TYPE && note.n_namesz == sizeof(NOTE_NAME) &&
		    memcmp((char *)data->d_buf + name, NOTE_NAME, sizeof(NOTE_NAME)) == 0)
			read_note(search, (char *)data->d_buf + desc, note.n_descsz);
}

static Elf_Scn *section_named(Elf *elf, const char *wanted, GElf_Shdr *shdr)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names) < 0)
		return NULL;
	while ((section = elf_nextscn(elf, section))) {
		const char *name = gelf_getshdr(section, shdr) ? elf_strptr(elf, names, shdr->sh_name) :
		                                                 NULL;

		if (name && strcmp(name, wanted) == 0)
			return section;
	}
	return NULL;
}

void client_probes_find(struct job *job)
{
	struct search search = { .job = job };
	Elf_Scn *notes, *base;
	GElf_Shdr shdr;

	if (!elf_has_section(&job->module->elf, ".note.stapsdt"))
		return;
	search.elf = elf_begin(job->module->elf.fd, ELF_C_READ, NULL);
	base = search.elf ? section_named(search.elf, ".stapsdt.base", &shdr) : NULL;
	search.base = base ? shdr.sh_addr : 0;
	notes = search.elf ? section_named(search.elf, ".note.stapsdt", &shdr) : NULL;
	if (notes)
		read_notes(&search, elf_getdata(notes, NULL));
	elf_end(search.elf);
}
