#include "eh_index.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

struct source {
	Elf *file;
	Elf_Data *data; /* of .eh_frame */
	taddr_t vaddr;
	const unsigned char *ident;
	Dwarf_Off cie; /* whose pointers are encoded so: */
	int encoding;  /* DW_EH_PE_..., or -1 */
};

static bool find_section(struct source *source)
{
	size_t names;
	Elf_Scn *section = NULL;
	GElf_Shdr shdr;

	if (elf_getshdrstrndx(source->file, &names) < 0)
		return false;
	while ((section = elf_nextscn(source->file, section)) && gelf_getshdr(section, &shdr)) {
		const char *name = elf_strptr(source->file, names, shdr.sh_name);

		if (!name || strcmp(name, ".eh_frame") != 0)
			continue;
		source->data = elf_rawdata(section, NULL);
		source->vaddr = shdr.sh_addr;
		source->ident = (const unsigned char *)elf_getident(source->file, NULL);
		return source->data && source->data->d_buf && source->ident;
	}
	return false;
}

/* 0: none that is known */
static size_t pointer_size(int encoding)
{
	switch (encoding & 0x07) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
		return 8;
	case DW_EH_PE_udata4:
		return 4;
	}
	return 0;
}

/* Each letter of the augmentation says what comes next in its data. */
static int encoding_of(const Dwarf_CIE *cie)
{
	const uint8_t *at = cie->augmentation_data;
	const uint8_t *end = at ? at + cie->augmentation_data_size : NULL;

	if (*cie->augmentation != 'z')
		return DW_EH_PE_absptr;
	for (const char *letter = cie->augmentation + 1; *letter && at < end; letter++) {
		if (*letter == 'R')
			return *at;
		if (*letter == 'L')
			at++;
		else if (*letter == 'P' && pointer_size(*at))
			at += 1 + pointer_size(*at);
		else if (*letter != 'S' && *letter != 'B')
			return -1;
	}
	return DW_EH_PE_absptr;
}

static int encoding_at(struct source *source, Dwarf_Off cie)
{
	Dwarf_CFI_Entry entry;
	Dwarf_Off next;

	if (cie == source->cie)
		return source->encoding;
	source->cie = cie;
	source->encoding = -1;
	if (cie < source->data->d_size &&
	    dwarf_next_cfi(source->ident, source->data, true, cie, &next, &entry) == 0 &&
	    dwarf_cfi_cie_p(&entry))
		source->encoding = encoding_of(&entry.cie);
	return source->encoding;
}

static bool read_function(struct source *source, const Dwarf_FDE *fde, taddr_t *out)
{
	int encoding = encoding_at(source, fde->CIE_pointer);
	size_t size = encoding < 0 ? 0 : pointer_size(encoding);
	taddr_t value = 0;

	if (!size || fde->end - fde->start < (ptrdiff_t)size ||
	    ((encoding & 0x70) != DW_EH_PE_absptr && (encoding & 0x70) != DW_EH_PE_pcrel))
		return false;
	memcpy(&value, fde->start, size);
	if (size == 4 && encoding & DW_EH_PE_signed)
		value = (taddr_t)(int64_t)(int32_t)value;
	if ((encoding & 0x70) == DW_EH_PE_pcrel)
		value += source->vaddr + (fde->start - (const uint8_t *)source->data->d_buf);
	*out = value;
	return true;
}

static bool add(struct eh_index *index, taddr_t function, taddr_t entry)
{
	size_t count = index->count;
	struct eh_index_row *grown = index->rows;

	if (!(count & (count - 1))) /* a power of two */
		grown = realloc(grown, (count ? 2 * count : 1) * sizeof(*grown));
	if (!grown)
		return false;
	index->rows = grown;
	grown[index->count++] = (struct eh_index_row){ (int32_t)(function - index->base),
		                                       (int32_t)(entry - index->base) };
	return true;
}

static bool read_entries(struct eh_index *index, struct source *source)
{
	Dwarf_Off at = 0, next;
	Dwarf_CFI_Entry entry;
	taddr_t function;

	for (; dwarf_next_cfi(source->ident, source->data, true, at, &next, &entry) == 0; at = next)
		if (!dwarf_cfi_cie_p(&entry) && read_function(source, &entry.fde, &function) &&
		    !add(index, function, source->vaddr + at))
			return false;
	return true;
}

static int by_function(const void *a, const void *b)
{
	int32_t x = ((const struct eh_index_row *)a)->function;
	int32_t y = ((const struct eh_index_row *)b)->function;

	return x < y ? -1 : x > y;
}

bool eh_index_read(struct eh_index *index, int fd)
{
	struct source source = { .file = elf_begin(fd, ELF_C_READ, NULL), .cie = (Dwarf_Off)-1,
		                 .encoding = -1 };
	bool whole = true;

	*index = (struct eh_index){ 0 };
	if (source.file && find_section(&source)) {
		index->base = source.vaddr;
		whole = read_entries(index, &source);
	}
	elf_end(source.file);
	if (index->count)
		qsort(index->rows, index->count, sizeof(*index->rows), by_function);
	return whole;
}

void eh_index_deinit(struct eh_index *index)
{
	free(index->rows);
	*index = (struct eh_index){ 0 };
}
