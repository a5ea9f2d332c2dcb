#include "elf.h"

#include <errno.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shortage.h"

#define PAGE 4096
#define CACHE_PAGES 4096

/* ---- bytes ---------------------------------------------------------------- */

static struct {
	int fd; /* + 1; 0: free */
	uint64_t page;
	ssize_t len;
	uint8_t *bytes;
} cache[CACHE_PAGES];

static void cache_drop(int fd)
{
	for (size_t i = 0; i < CACHE_PAGES; i++)
		if (cache[i].fd == fd + 1)
			cache[i].fd = 0;
}

/* The file is read, not mapped: one truncated while we look must not kill us. */
static size_t cached_read(int fd, uint64_t offset, uint8_t *buf, size_t len)
{
	uint64_t page = offset / PAGE, in = offset % PAGE;
	size_t i = (page * 31 + (uint64_t)fd * 0x9e3779b1) % CACHE_PAGES;

	if (cache[i].fd != fd + 1 || cache[i].page != page) {
		if (!cache[i].bytes && !(cache[i].bytes = malloc(PAGE)))
			return 0;
		cache[i].fd = fd + 1;
		cache[i].page = page;
		cache[i].len = pread(fd, cache[i].bytes, PAGE, page * PAGE);
	}
	if (cache[i].len <= (ssize_t)in)
		return 0;
	if (len > cache[i].len - in)
		len = cache[i].len - in;
	memcpy(buf, cache[i].bytes + in, len);
	return len;
}

static const struct elf_segment *segment_of(const struct elf *elf, taddr_t vaddr)
{
	for (unsigned i = 0; i < elf->segment_count; i++) {
		const struct elf_segment *segment = &elf->segments[i];

		if (vaddr >= segment->vaddr && vaddr - segment->vaddr < segment->filesz)
			return segment;
	}
	return NULL;
}

size_t elf_read_some(const struct elf *elf, taddr_t vaddr, void *buf, size_t len)
{
	const struct elf_segment *segment = segment_of(elf, vaddr);
	size_t done = 0, got;

	if (!segment)
		return 0;
	if (len > segment->vaddr + segment->filesz - vaddr)
		len = segment->vaddr + segment->filesz - vaddr;
	while (done < len &&
	       (got = cached_read(elf->fd, segment->offset + (vaddr - segment->vaddr) + done,
	                          (uint8_t *)buf + done, len - done)) > 0)
		done += got;
	return done;
}

int elf_read(const struct elf *elf, taddr_t vaddr, void *buf, size_t len)
{
	return elf_read_some(elf, vaddr, buf, len) == len ? 0 : -EFAULT;
}

/* ---- headers ------------------------------------------------------------- */

static void read_build_id(struct elf *elf, Elf *file, const GElf_Phdr *phdr)
{
	Elf_Data *data = elf_getdata_rawchunk(file, phdr->p_offset, phdr->p_filesz, ELF_T_NHDR);
	size_t at = 0, next, name, desc;
	GElf_Nhdr note;

	while (data && (next = gelf_getnote(data, at, &note, &name, &desc)) > 0) {
		const uint8_t *id = (const uint8_t *)data->d_buf + desc;

		at = next;
		if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != sizeof("GNU") ||
		    memcmp((const char *)data->d_buf + name, "GNU", sizeof("GNU")) != 0 ||
		    note.n_descsz > BUILD_ID_MAX)
			continue;
		for (size_t i = 0; i < note.n_descsz; i++)
			sprintf(elf->build_id + 2 * i, "%02x", id[i]);
		return;
	}
}

static void read_dynamic(struct elf *elf, Elf *file, const GElf_Phdr *phdr)
{
	Elf_Data *data = elf_getdata_rawchunk(file, phdr->p_offset, phdr->p_filesz, ELF_T_DYN);
	GElf_Dyn dynamic;

	for (int i = 0; data && gelf_getdyn(data, i, &dynamic) && dynamic.d_tag != DT_NULL; i++)
		elf->needs_files |= dynamic.d_tag == DT_NEEDED;
}

static void read_header(struct elf *elf, Elf *file, const GElf_Phdr *phdr)
{
	switch (phdr->p_type) {
	case PT_LOAD:
		elf->segments[elf->segment_count++] = (struct elf_segment){
			phdr->p_vaddr, phdr->p_offset, phdr->p_filesz, phdr->p_memsz,
			phdr->p_flags & PF_X
		};
		break;
	case PT_GNU_EH_FRAME:
		elf->eh_frame_hdr = phdr->p_vaddr;
		elf->eh_frame_hdr_len = phdr->p_memsz;
		break;
	case PT_INTERP:
		elf->has_interpreter = true;
		break;
	case PT_DYNAMIC:
		read_dynamic(elf, file, phdr);
		break;
	case PT_NOTE:
		if (!elf->build_id[0])
			read_build_id(elf, file, phdr);
		break;
	}
}

static int read_headers(struct elf *elf, Elf *file)
{
	GElf_Ehdr ehdr;
	GElf_Phdr phdr;
	size_t count;

	if (!gelf_getehdr(file, &ehdr) || ehdr.e_machine != EM_X86_64 ||
	    gelf_getclass(file) != ELFCLASS64 || elf_getphdrnum(file, &count) < 0)
		return -ENOEXEC;
	elf->fixed = ehdr.e_type == ET_EXEC;
	elf->segments = calloc(count ? count : 1, sizeof(*elf->segments));
	if (!elf->segments)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (gelf_getphdr(file, i, &phdr))
			read_header(elf, file, &phdr);
	return elf->segment_count ? 0 : -ENOEXEC;
}

int elf_open(struct elf *elf, int fd)
{
	unsigned long shortages = shortage_count();
	Elf *file;
	int error;

	elf_version(EV_CURRENT);
	*elf = (struct elf){ .fd = fd };
	file = elf_begin(fd, ELF_C_READ, NULL);
	error = file && elf_kind(file) == ELF_K_ELF ? read_headers(elf, file) : -ENOEXEC;
	elf_end(file);
	if (error == 0 && !elf->eh_frame_hdr && !eh_index_read(&elf->index, fd))
		error = -ENOMEM;
	if (shortage_count() > shortages) /* maybe the build ID is what was lost */
		error = -ENOMEM;
	if (error < 0)
		elf_close(elf);
	return error;
}

bool elf_is_as_opened(const struct elf *elf)
{
	struct elf now;
	int error = elf_open(&now, dup(elf->fd));
	bool same;

	if (error < 0)
		return error == -ENOMEM; /* it can't be told */
	same = strcmp(now.build_id, elf->build_id) == 0;
	elf_close(&now);
	return same;
}

void elf_close(struct elf *elf)
{
	cache_drop(elf->fd);
	close(elf->fd);
	eh_index_deinit(&elf->index);
	free(elf->segments);
	free(elf->names);
	table_deinit(&elf->slots);
	*elf = (struct elf){ .fd = -1 };
}

const struct elf_segment *elf_code_at(const struct elf *elf, taddr_t vaddr)
{
	for (unsigned i = 0; i < elf->segment_count; i++) {
		const struct elf_segment *segment = &elf->segments[i];

		if (segment->executable && vaddr >= segment->vaddr &&
		    vaddr - segment->vaddr < segment->filesz)
			return segment;
	}
	return NULL;
}

/* ---- symbols -------------------------------------------------------------- */

static bool is_symbols(const GElf_Shdr *shdr)
{
	return shdr->sh_type == SHT_DYNSYM || shdr->sh_type == SHT_SYMTAB;
}

static bool each_in(Elf *file, Elf_Scn *section, const GElf_Shdr *shdr,
                    bool (*each)(void *, const struct elf_symbol *), void *ctx)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t count = shdr->sh_entsize ? shdr->sh_size / shdr->sh_entsize : 0;
	GElf_Sym sym;

	for (size_t i = 0; data && i < count && gelf_getsym(data, i, &sym); i++) {
		int type = GELF_ST_TYPE(sym.st_info);
		struct elf_symbol symbol = { elf_strptr(file, shdr->sh_link, sym.st_name),
			                     sym.st_value, sym.st_size,
			                     shdr->sh_type == SHT_DYNSYM ? ".dynsym" : ".symtab",
			                     type == STT_GNU_IFUNC };

		if ((type == STT_FUNC || type == STT_GNU_IFUNC) && sym.st_shndx != SHN_UNDEF &&
		    symbol.name && !each(ctx, &symbol))
			return false;
	}
	return true;
}

void elf_each_function(const struct elf *elf, bool (*each)(void *, const struct elf_symbol *),
                       void *ctx)
{
	Elf *file = elf_begin(elf->fd, ELF_C_READ, NULL);
	Elf_Scn *section = NULL;
	GElf_Shdr shdr;

	while (file && (section = elf_nextscn(file, section)) && gelf_getshdr(section, &shdr))
		if (is_symbols(&shdr) && !each_in(file, section, &shdr, each, ctx))
			break;
	elf_end(file);
}

static bool data_in(Elf *file, Elf_Scn *section, const GElf_Shdr *shdr, const char *name)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t count = shdr->sh_entsize ? shdr->sh_size / shdr->sh_entsize : 0;
	GElf_Sym sym;

	for (size_t i = 0; data && i < count && gelf_getsym(data, i, &sym); i++) {
		const char *its = elf_strptr(file, shdr->sh_link, sym.st_name);

		if (GELF_ST_TYPE(sym.st_info) == STT_OBJECT && sym.st_shndx != SHN_UNDEF && its &&
		    strcmp(its, name) == 0)
			return true;
	}
	return false;
}

bool elf_has_data(const struct elf *elf, const char *name)
{
	Elf *file = elf_begin(elf->fd, ELF_C_READ, NULL);
	Elf_Scn *section = NULL;
	GElf_Shdr shdr;
	bool has = false;

	while (!has && file && (section = elf_nextscn(file, section)) &&
	       gelf_getshdr(section, &shdr))
		has = is_symbols(&shdr) && data_in(file, section, &shdr, name);
	elf_end(file);
	return has;
}

bool elf_has_section(const struct elf *elf, const char *name)
{
	Elf *file = elf_begin(elf->fd, ELF_C_READ, NULL);
	Elf_Scn *section = NULL;
	GElf_Shdr shdr;
	size_t names;
	bool has = false;

	while (!has && file && elf_getshdrstrndx(file, &names) == 0 &&
	       (section = elf_nextscn(file, section)) && gelf_getshdr(section, &shdr)) {
		const char *its = elf_strptr(file, names, shdr.sh_name);

		has = its && strcmp(its, name) == 0;
	}
	elf_end(file);
	return has;
}

/* ---- slots ---------------------------------------------------------------- */

struct slots {
	struct elf *elf;
	Elf *file;
	FILE *names;
};

static void add_slot(struct slots *slots, taddr_t slot, const char *name)
{
	uint64_t *value = name && *name ? table_put(&slots->elf->slots, slot) : NULL;

	if (!value || *value)
		return;
	*value = ftell(slots->names) + 1;
	fwrite(name, 1, strlen(name) + 1, slots->names);
}

static const char *chooser_in(struct slots *slots, Elf_Scn *section, taddr_t vaddr)
{
	Elf_Data *symbols = elf_getdata(section, NULL);
	GElf_Shdr shdr;
	GElf_Sym sym;

	if (!symbols || !gelf_getshdr(section, &shdr) || !shdr.sh_entsize)
		return NULL;
	for (size_t i = 0; i < shdr.sh_size / shdr.sh_entsize && gelf_getsym(symbols, i, &sym); i++)
		if (sym.st_value == vaddr && GELF_ST_TYPE(sym.st_info) == STT_GNU_IFUNC)
			return elf_strptr(slots->file, shdr.sh_link, sym.st_name);
	return NULL;
}

/* An indirect relocation names no symbol, only the resolver's address, which the symbol of
 * type IFUNC has too: a public one, or in a static program any. */
static const char *name_at(struct slots *slots, Elf_Scn *dynsym, taddr_t vaddr)
{
	const char *name = chooser_in(slots, dynsym, vaddr);
	Elf_Scn *section = NULL;
	GElf_Shdr shdr;

	while (!name && (section = elf_nextscn(slots->file, section)))
		if (gelf_getshdr(section, &shdr) && shdr.sh_type == SHT_SYMTAB)
			name = chooser_in(slots, section, vaddr);
	return name;
}

static void read_relocations(struct slots *slots, Elf_Scn *section, const GElf_Shdr *shdr)
{
	Elf_Scn *linked = elf_getscn(slots->file, shdr->sh_link);
	Elf_Data *relas = elf_getdata(section, NULL);
	Elf_Data *symbols = linked ? elf_getdata(linked, NULL) : NULL;
	size_t count = shdr->sh_entsize ? shdr->sh_size / shdr->sh_entsize : 0;
	GElf_Shdr dynsym;
	GElf_Rela rela;
	GElf_Sym sym;

	if (!relas || !symbols || !gelf_getshdr(linked, &dynsym))
		return;
	for (size_t i = 0; i < count && gelf_getrela(relas, i, &rela); i++) {
		switch (GELF_R_TYPE(rela.r_info)) {
		case R_X86_64_JUMP_SLOT:
		case R_X86_64_GLOB_DAT:
		case R_X86_64_64:
			if (gelf_getsym(symbols, GELF_R_SYM(rela.r_info), &sym))
				add_slot(slots, rela.r_offset,
				         elf_strptr(slots->file, dynsym.sh_link, sym.st_name));
			break;
		case R_X86_64_IRELATIVE:
			add_slot(slots, rela.r_offset,
			         name_at(slots, linked, rela.r_addend));
			break;
		}
	}
}

static void read_slots(struct elf *elf)
{
	struct slots slots = { .elf = elf, .file = elf_begin(elf->fd, ELF_C_READ, NULL) };
	Elf_Scn *section = NULL;
	GElf_Shdr shdr;

	elf->slots_read = true;
	slots.names = open_memstream(&elf->names, &elf->names_len);
	while (slots.file && slots.names && (section = elf_nextscn(slots.file, section)) &&
	       gelf_getshdr(section, &shdr))
		if (shdr.sh_type == SHT_RELA && (shdr.sh_flags & SHF_ALLOC))
			read_relocations(&slots, section, &shdr);
	if (slots.names && !shortage_close(slots.names)) {
		free(elf->names);
		elf->names = NULL;
	}
	elf_end(slots.file);
}

void elf_name_slot(struct elf *elf, taddr_t slot, const char *name)
{
	size_t len = strlen(name) + 1;
	bool is_named = elf_slot_name(elf, slot);
	char *grown = elf->names ? realloc(elf->names, elf->names_len + len) : NULL;
	uint64_t *value;

	if (!grown)
		return;
	elf->names = grown;
	value = is_named ? NULL : table_put(&elf->slots, slot);
	if (!value)
		return;
	memcpy(elf->names + elf->names_len, name, len);
	*value = elf->names_len + 1;
	elf->names_len += len;
}

bool elf_has_slot(struct elf *elf, const char *name)
{
	const struct table_slot *slot;

	elf_slot_name(elf, 0);
	for (size_t at = 0; elf->names && (slot = table_next(&elf->slots, &at));)
		if (strcmp(elf->names + slot->value - 1, name) == 0)
			return true;
	return false;
}

const char *elf_slot_name(struct elf *elf, taddr_t slot)
{
	const uint64_t *at;

	if (!elf->slots_read)
		read_slots(elf);
	at = table_find(&elf->slots, slot);
	return at && elf->names ? elf->names + *at - 1 : NULL;
}
