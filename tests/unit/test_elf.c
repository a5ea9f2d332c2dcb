/* ELF files: this machine's libc and this program against what readelf says of them,
 * and small ones made here. */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "analysis/elf.h"

#define SELF "/proc/self/exe"

static char libc[4096];

static struct elf opened(const char *path)
{
	struct elf elf;

	assert_int_equal(elf_open(&elf, open(path, O_RDONLY | O_CLOEXEC)), 0);
	return elf;
}

/* What readelf prints of a file, by its real name: in readelf SELF is readelf. */
static FILE *readelf(const char *options, const char *path)
{
	char command[5000], name[4096];
	FILE *out;

	assert_non_null(realpath(path, name));
	snprintf(command, sizeof(command), "LC_ALL=C readelf %s '%s'", options, name);
	out = popen(command, "r");
	assert_non_null(out);
	return out;
}

/* ---- files that are there ------------------------------------------------------- */

static void build_id_is_the_one_readelf_prints(const char *path)
{
	struct elf elf = opened(path);
	FILE *notes = readelf("-n", path);
	char line[1000], id[200] = "";

	while (fgets(line, sizeof(line), notes))
		sscanf(line, " Build ID: %199s", id);
	assert_int_equal(pclose(notes), 0);
	assert_string_equal(elf.build_id, id);
	elf_close(&elf);
}

static void build_ids(void **state)
{
	(void)state;
	build_id_is_the_one_readelf_prints(libc);
	build_id_is_the_one_readelf_prints(SELF);
	build_id_is_the_one_readelf_prints("/bin/true");
}

/* readelf -l: LOAD offset vaddr paddr filesz memsz flags align */
static void segments_are_the_ones_readelf_prints(const char *path)
{
	struct elf elf = opened(path);
	FILE *headers = readelf("-lW", path);
	unsigned long long offset, vaddr, filesz, memsz;
	char line[1000], flags[4];
	unsigned count = 0;

	while (fgets(line, sizeof(line), headers)) {
		const struct elf_segment *segment = &elf.segments[count];

		if (sscanf(line, " LOAD %llx %llx %*x %llx %llx %3[RWE ]", &offset, &vaddr,
			   &filesz, &memsz, flags) != 5)
			continue;
		assert_true(count++ < elf.segment_count);
		assert_int_equal(segment->offset, offset);
		assert_int_equal(segment->vaddr, vaddr);
		assert_int_equal(segment->filesz, filesz);
		assert_int_equal(segment->memsz, memsz);
		assert_int_equal(segment->executable, strchr(flags, 'E') != NULL);
	}
	assert_int_equal(pclose(headers), 0);
	assert_int_equal(count, elf.segment_count);
	elf_close(&elf);
}

static void segments(void **state)
{
	(void)state;
	segments_are_the_ones_readelf_prints(libc);
	segments_are_the_ones_readelf_prints(SELF);
}

struct expected { /* the symbols as readelf has them, in order */
	FILE *symbols;
	unsigned long count;
};

/* readelf -s: num: value size type bind visibility index name@version */
static bool next_function(FILE *symbols, struct elf_symbol *symbol, char *name)
{
	unsigned long long value;
	char line[8192], size[32], type[16], index[16];

	while (fgets(line, sizeof(line), symbols)) {
		name[0] = '\0';
		if (sscanf(line, " %*u: %llx %31s %15s %*s %*s %15s %4095s", &value, size, type,
			   index, name) < 4 ||
		    (strcmp(type, "FUNC") != 0 && strcmp(type, "IFUNC") != 0) ||
		    strcmp(index, "UND") == 0)
			continue;
		name[strcspn(name, "@")] = '\0';
		*symbol = (struct elf_symbol){ name, value, strtoull(size, NULL, 0), NULL, false };
		return true;
	}
	return false;
}

static bool is_next(void *ctx, const struct elf_symbol *symbol)
{
	struct expected *expected = ctx;
	struct elf_symbol wanted;
	char name[4096];
	size_t len = strcspn(symbol->name, "@");

	assert_true(next_function(expected->symbols, &wanted, name));
	assert_int_equal(symbol->vaddr, wanted.vaddr);
	assert_int_equal(symbol->size, wanted.size);
	if (strlen(wanted.name) != len || strncmp(symbol->name, wanted.name, len) != 0)
		fail_msg("%s, not %s", symbol->name, wanted.name);
	expected->count++;
	return true;
}

static unsigned long functions_are_the_ones_readelf_prints(const char *path)
{
	struct elf elf = opened(path);
	struct expected expected = { .symbols = readelf("-sW", path) };
	struct elf_symbol more;
	char name[4096];

	elf_each_function(&elf, is_next, &expected);
	assert_false(next_function(expected.symbols, &more, name));
	assert_int_equal(pclose(expected.symbols), 0);
	elf_close(&elf);
	return expected.count;
}

static void functions(void **state)
{
	(void)state;
	assert_true(functions_are_the_ones_readelf_prints(libc) > 1000);
	assert_true(functions_are_the_ones_readelf_prints(SELF) > 10);
}

struct wanted {
	const char *name;
	taddr_t vaddr;
	unsigned asked, found;
};

static bool find_wanted(void *ctx, const struct elf_symbol *symbol)
{
	struct wanted *wanted = ctx;

	wanted->asked++;
	if (strcmp(symbol->name, wanted->name) != 0)
		return true;
	wanted->found++;
	wanted->vaddr = symbol->vaddr;
	return false;
}

static taddr_t loaded_at(const void *function)
{
	Dl_info info;

	assert_true(dladdr(function, &info));
	return (uintptr_t)info.dli_fbase;
}

static void functions_are_where_the_loader_puts_them(void **state)
{
	static const char *const names[] = { "malloc", "calloc", "free", "qsort" };
	void *handle = dlopen(libc, RTLD_NOW | RTLD_NOLOAD);
	struct elf elf = opened(libc);

	(void)state;
	assert_non_null(handle);
	for (size_t i = 0; i < countof(names); i++) {
		struct wanted wanted = { .name = names[i] };
		void *at = dlsym(handle, names[i]);

		elf_each_function(&elf, find_wanted, &wanted);
		assert_int_equal(wanted.found, 1); /* and the walk ended there */
		assert_int_equal(wanted.vaddr + loaded_at(at), (uintptr_t)at);
	}
	dlclose(handle);
	elf_close(&elf);
}

/* readelf -r: offset info type value name@version + addend */
static unsigned slots_are_the_ones_readelf_prints(const char *path)
{
	struct elf elf = opened(path);
	FILE *relocations = readelf("-rW", path);
	char line[8192], type[40], name[4096];
	unsigned long long offset;
	unsigned count = 0;

	while (fgets(line, sizeof(line), relocations)) {
		const char *got;

		if (sscanf(line, "%llx %*x %39s %*x %4095s", &offset, type, name) != 3 ||
		    (strcmp(type, "R_X86_64_JUMP_SLOT") != 0 &&
		     strcmp(type, "R_X86_64_GLOB_DAT") != 0 && strcmp(type, "R_X86_64_64") != 0))
			continue;
		name[strcspn(name, "@")] = '\0';
		got = elf_slot_name(&elf, offset);
		if (!got || strcmp(got, name) != 0)
			fail_msg("%#llx: %s, not %s", offset, got ? got : "nothing", name);
		assert_true(elf_has_slot(&elf, name));
		assert_null(elf_slot_name(&elf, offset + 1));
		count++;
	}
	assert_int_equal(pclose(relocations), 0);
	elf_close(&elf);
	return count;
}

static void slots(void **state)
{
	(void)state;
	assert_true(slots_are_the_ones_readelf_prints(libc) > 0);
	assert_true(slots_are_the_ones_readelf_prints(SELF) > 10);
}

static void slots_that_are_not_there(void **state)
{
	struct elf elf = opened(SELF);

	(void)state;
	assert_null(elf_slot_name(&elf, 0));
	assert_null(elf_slot_name(&elf, 1));
	assert_null(elf_slot_name(&elf, UINT64_MAX));
	assert_false(elf_has_slot(&elf, "no_such_symbol"));
	assert_false(elf_has_slot(&elf, ""));
	assert_true(elf_has_slot(&elf, "gnu_get_libc_version"));
	elf_close(&elf);
}

/* libc calls its own IFUNC symbols through slots that name none. */
static void indirect_slots_have_their_public_name(void **state)
{
	struct elf elf = opened(libc);

	(void)state;
	assert_true(elf_has_slot(&elf, "strlen"));
	assert_true(elf_has_slot(&elf, "memset"));
	elf_close(&elf);
}

static void bytes_are_those_of_memory(void **state)
{
	const uint8_t *begin = (const void *)loaded_at(gnu_get_libc_version);
	struct elf elf = opened(libc);
	uint8_t buf[3 * 4096];

	(void)state;
	for (unsigned i = 0; i < elf.segment_count; i++) {
		const struct elf_segment *segment = &elf.segments[i];

		if (!segment->executable)
			continue;
		for (taddr_t at = segment->vaddr; at + sizeof(buf) < segment->vaddr + 200000;
		     at += 4099) {
			assert_int_equal(elf_read(&elf, at, buf, sizeof(buf)), 0);
			assert_memory_equal(buf, begin + at, sizeof(buf));
		}
	}
	elf_close(&elf);
}

/* ---- files made here ---------------------------------------------------------------- */

struct note {
	Elf64_Nhdr header;
	char name[4];
	uint8_t desc[20];
};

struct small { /* 0x2000 bytes at 0x400000, 16 of them and 16 zero ones at 0x500ff8 */
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdrs[6];
	struct note other, id;
	uint8_t pad[0x2000 - sizeof(Elf64_Ehdr) - 6 * sizeof(Elf64_Phdr) -
		    2 * sizeof(struct note)];
	uint8_t data[16];
};

static struct small small_file(void)
{
	struct small file = {
		.ehdr = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			  .e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
			  .e_phoff = offsetof(struct small, phdrs), .e_ehsize = sizeof(Elf64_Ehdr),
			  .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 6 },
		.phdrs = { { PT_LOAD, PF_R | PF_X, 0, 0x400000, 0, 0x2000, 0x2000, 0x1000 },
			   { PT_LOAD, PF_R | PF_W, 0x2000, 0x500ff8, 0, 16, 32, 0x1000 },
			   { PT_NOTE, PF_R, offsetof(struct small, other), 0, 0,
			     2 * sizeof(struct note), 0, 4 },
			   { PT_GNU_EH_FRAME, PF_R, 0x1000, 0x401000, 0, 0x20, 0x20, 4 },
			   { PT_INTERP, PF_R, 0x1100, 0x401100, 0, 8, 8, 1 },
			   { PT_GNU_STACK, PF_R, 0, 0, 0, 0, 0, 16 } },
		.other = { { 4, 20, NT_GNU_ABI_TAG }, "GNU", { 9, 9, 9 } },
		.id = { { 4, 20, NT_GNU_BUILD_ID }, "GNU", { 0x00, 0x01, 0xfe, 0xab } },
	};

	for (size_t i = 0; i < sizeof(file.pad); i++)
		file.pad[i] = i * 7 + i / 256;
	memset(file.data, 0x5d, sizeof(file.data));
	return file;
}

static int memory_file(const void *bytes, size_t len)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	return fd;
}

static struct elf open_small(const struct small *file)
{
	struct elf elf;

	assert_int_equal(elf_open(&elf, memory_file(file, sizeof(*file))), 0);
	return elf;
}

static void small_file_is_read(void **state)
{
	struct small file = small_file();
	struct elf elf = open_small(&file);

	(void)state;
	assert_true(elf.fixed);
	assert_true(elf.has_interpreter);
	assert_string_equal(elf.build_id, "0001feab00000000000000000000000000000000");
	assert_int_equal(elf.eh_frame_hdr, 0x401000);
	assert_int_equal(elf.eh_frame_hdr_len, 0x20);
	assert_int_equal(elf.segment_count, 2);
	assert_true(elf.segments[0].executable);
	assert_false(elf.segments[1].executable);
	assert_int_equal(elf.segments[1].memsz, 32);
	assert_null(elf_slot_name(&elf, 0x500ff8));
	elf_each_function(&elf, NULL, NULL); /* has none */
	elf_close(&elf);
	assert_int_equal(elf.fd, -1);
}

static void what_is_not_there_is_told(void **state)
{
	struct small file = small_file();
	struct elf elf;

	(void)state;
	file.ehdr.e_type = ET_DYN;
	file.id.header.n_type = NT_GNU_ABI_TAG;
	file.phdrs[3].p_type = file.phdrs[4].p_type = PT_NULL;
	elf = open_small(&file);
	assert_false(elf.fixed);
	assert_false(elf.has_interpreter);
	assert_string_equal(elf.build_id, "");
	assert_int_equal(elf.eh_frame_hdr, 0);
	elf_close(&elf);
}

static void build_id_of_another_owner_is_none(void **state)
{
	struct small file = small_file();
	struct elf elf;

	(void)state;
	memcpy(file.id.name, "XNU", 4);
	elf = open_small(&file);
	assert_string_equal(elf.build_id, "");
	elf_close(&elf);
}

static void reading_ends_with_the_segments_bytes(void **state)
{
	struct small file = small_file();
	struct elf elf = open_small(&file);
	uint8_t buf[0x3000];

	(void)state;
	assert_int_equal(elf_read(&elf, 0x400000, buf, 0x2000), 0);
	assert_memory_equal(buf, &file, 0x2000);
	assert_int_equal(elf_read(&elf, 0x400fff, buf, 2), 0); /* over a page's end */
	assert_memory_equal(buf, (uint8_t *)&file + 0xfff, 2);
	assert_int_equal(elf_read(&elf, 0x400000, buf, 0x2001), -EFAULT);
	assert_int_equal(elf_read_some(&elf, 0x400000, buf, sizeof(buf)), 0x2000);
	assert_int_equal(elf_read_some(&elf, 0x401ff0, buf, 100), 16);
	assert_memory_equal(buf, (uint8_t *)&file + 0x1ff0, 16);
	assert_int_equal(elf_read_some(&elf, 0x402000, buf, 1), 0);
	assert_int_equal(elf_read_some(&elf, 0x3fffff, buf, 2), 0);
	assert_int_equal(elf_read(&elf, 0x500ff8, buf, 16), 0);
	assert_memory_equal(buf, file.data, 16);
	assert_int_equal(elf_read_some(&elf, 0x501000, buf, 100), 8);
	assert_int_equal(elf_read_some(&elf, 0x501008, buf, 1), 0); /* .bss is not in the file */
	assert_int_equal(elf_read(&elf, UINT64_MAX, buf, 1), -EFAULT);
	elf_close(&elf);
}

static void file_cut_short_is_read_as_far_as_it_goes(void **state)
{
	struct small file = small_file();
	struct elf elf = open_small(&file);
	uint8_t buf[0x2000];

	(void)state;
	assert_int_equal(ftruncate(elf.fd, 0x1800), 0);
	assert_int_equal(elf_read_some(&elf, 0x400000, buf, 0x2000), 0x1800);
	assert_int_equal(elf_read(&elf, 0x4017ff, buf, 2), -EFAULT);
	assert_int_equal(elf_read_some(&elf, 0x401800, buf, 1), 0);
	assert_int_equal(elf_read_some(&elf, 0x500ff8, buf, 1), 0);
	elf_close(&elf);
}

/* The next file has the last one's descriptor, but not its bytes. */
static void files_are_not_mistaken_for_another(void **state)
{
	struct small file = small_file();
	int number = -1;

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		struct elf elf;
		uint8_t byte;

		file.data[0] = file.pad[100] = i;
		elf = open_small(&file);
		assert_true(number < 0 || number == elf.fd);
		number = elf.fd;
		assert_int_equal(elf_read(&elf, 0x500ff8, &byte, 1), 0);
		assert_int_equal(byte, i);
		assert_int_equal(elf_read(&elf, 0x400000 + offsetof(struct small, pad) + 100,
					  &byte, 1), 0);
		assert_int_equal(byte, i);
		elf_close(&elf);
	}
}

static void refuse(int fd)
{
	struct elf elf;

	assert_true(fd >= 0);
	assert_int_equal(elf_open(&elf, fd), -ENOEXEC);
	assert_int_equal(fcntl(fd, F_GETFD), -1); /* taken over all the same */
}

static void refuse_small(const struct small *file)
{
	refuse(memory_file(file, sizeof(*file)));
}

static void what_is_no_program_is_refused(void **state)
{
	struct small file = small_file();

	(void)state;
	refuse(open("/dev/null", O_RDONLY));
	refuse(memory_file("#!/bin/sh\n", 10));
	refuse(memory_file("\x7f" "ELF", 4));
	refuse(memory_file(&file, 20));
	file.ehdr.e_machine = EM_AARCH64;
	refuse_small(&file);
	file = small_file();
	file.ehdr.e_ident[EI_CLASS] = ELFCLASS32;
	refuse_small(&file);
	file = small_file();
	file.phdrs[0].p_type = file.phdrs[1].p_type = PT_NULL; /* nothing to load */
	refuse_small(&file);
	file = small_file();
	file.ehdr.e_phnum = 0;
	refuse_small(&file);
}

static int find_libc(void **state)
{
	Dl_info info;

	(void)state;
	return dladdr(gnu_get_libc_version, &info) && realpath(info.dli_fname, libc) ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(build_ids),
		cmocka_unit_test(segments),
		cmocka_unit_test(functions),
		cmocka_unit_test(functions_are_where_the_loader_puts_them),
		cmocka_unit_test(slots),
		cmocka_unit_test(slots_that_are_not_there),
		cmocka_unit_test(indirect_slots_have_their_public_name),
		cmocka_unit_test(bytes_are_those_of_memory),
		cmocka_unit_test(small_file_is_read),
		cmocka_unit_test(what_is_not_there_is_told),
		cmocka_unit_test(build_id_of_another_owner_is_none),
		cmocka_unit_test(reading_ends_with_the_segments_bytes),
		cmocka_unit_test(file_cut_short_is_read_as_far_as_it_goes),
		cmocka_unit_test(files_are_not_mistaken_for_another),
		cmocka_unit_test(what_is_no_program_is_refused),
	};

	return cmocka_run_group_tests(tests, find_libc, NULL);
}
