/* The ELF reader: headers, notes, segments, symbols, slots. */
#include "fuzz.h"

static bool look(void *ctx, const struct elf_symbol *symbol)
{
	(void)ctx;
	fuzz_use(symbol->name);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct elf elf;
	uint8_t buf[5000];

	if (elf_open(&elf, fuzz_file(bytes, len)) < 0)
		return 0;
	for (unsigned i = 0; i < elf.segment_count; i++) {
		const struct elf_segment *segment = &elf.segments[i];

		elf_read_some(&elf, segment->vaddr, buf, sizeof(buf));
		elf_read(&elf, segment->vaddr + segment->filesz - 1, buf, 2);
	}
	elf_read(&elf, elf.eh_frame_hdr, buf, 12);
	elf_each_function(&elf, look, NULL);
	elf_has_slot(&elf, "malloc");
	for (size_t at = 0; at < elf.slots.capacity; at++)
		fuzz_use(elf_slot_name(&elf, elf.slots.slots[at].key));
	fuzz_use(elf.build_id);
	elf_close(&elf);
	return 0;
}
