/* One ELF file, by libelf: what the planner and the unwinder need of it.
 * Addresses are the file's own (link-time) virtual addresses. */
#ifndef ELF_H_
#define ELF_H_

#include "eh_index.h"
#include "table.h"
#include "types.h"

#define BUILD_ID_MAX 64

struct elf_segment {
	taddr_t vaddr;
	uint64_t offset, filesz, memsz;
	bool executable;
};

struct elf { /* owns fd */
	int fd;
	bool fixed;  /* ET_EXEC: no load bias */
	char build_id[2 * BUILD_ID_MAX + 1]; /* hex, or "" */
	struct elf_segment *segments;        /* PT_LOAD, ascending */
	unsigned segment_count;
	taddr_t eh_frame_hdr; /* 0: none */
	uint64_t eh_frame_hdr_len;
	struct eh_index index; /* when there is no .eh_frame_hdr */
	bool has_interpreter;
	bool needs_files; /* other ones are to be loaded with it */
	struct table slots; /* GOT slot -> offset + 1 in names; read on first use */
	char *names;
	size_t names_len;
	bool slots_read;
};

/* Takes fd over, also on failure. 0, -ENOEXEC (no ELF of this machine), or -errno. */
int elf_open(struct elf *, int fd);
void elf_close(struct elf *);
/* Has the file still the build ID it had? Others may write to it meanwhile. */
bool elf_is_as_opened(const struct elf *);
/* Bytes as the file has them; whole or -EFAULT. Cached by page. */
int elf_read(const struct elf *, taddr_t vaddr, void *buf, size_t len);
/* The executable segment whose file bytes the address is in, or NULL. */
const struct elf_segment *elf_code_at(const struct elf *, taddr_t vaddr);
/* As much of [vaddr, vaddr + len) as lies in one segment's file bytes. */
size_t elf_read_some(const struct elf *, taddr_t vaddr, void *buf, size_t len);

struct elf_symbol {
	const char *name;
	taddr_t vaddr;
	uint64_t size;
	const char *table; /* where it stands: ".dynsym" or ".symtab" */
	bool chooses;      /* IFUNC: it only tells which function has the name */
};
/* Every defined function of .dynsym and .symtab, ends when each returns false. */
void elf_each_function(const struct elf *, bool (*each)(void *ctx, const struct elf_symbol *),
                       void *ctx);
bool elf_has_section(const struct elf *, const char *name);
/* Is a variable of that name defined in it? */
bool elf_has_data(const struct elf *, const char *name);
/* The symbol whose address the loader stores at slot, or NULL. */
const char *elf_slot_name(struct elf *, taddr_t slot);

static inline bool elf_is_static(const struct elf *elf)
{
	return !elf->has_interpreter && !elf->needs_files;
}

/* Names a slot that has no name, by other evidence than the file's relocations. */
void elf_name_slot(struct elf *, taddr_t slot, const char *name);
bool elf_has_slot(struct elf *, const char *name); /* is there one for the symbol? */

#endif
