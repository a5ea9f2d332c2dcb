#include "call_targets.h"

#include <string.h>

#include "arch.h"

bool call_targets_in(const struct elf *elf, taddr_t begin, taddr_t end,
                     bool (*each)(void *ctx, taddr_t call, taddr_t target), void *ctx)
{
	uint8_t chunk[4096 + ARCH_CALL_LEN];
	int32_t distance;
	size_t got;

	for (taddr_t at = begin;
	     at < end && (got = elf_read_some(elf, at, chunk, sizeof(chunk))) >= ARCH_CALL_LEN;
	     at += got - ARCH_CALL_LEN + 1)
		for (size_t i = 0; i + ARCH_CALL_LEN <= got && at + i < end; i++) {
			memcpy(&distance, chunk + i + 1, sizeof(distance));
			if (chunk[i] == ARCH_CALL &&
			    !each(ctx, at + i, at + i + ARCH_CALL_LEN + (taddr_t)distance))
				return false;
		}
	return true;
}

bool call_targets(const struct elf *elf, bool (*each)(void *ctx, taddr_t call, taddr_t target),
                  void *ctx)
{
	for (unsigned i = 0; i < elf->segment_count; i++) {
		const struct elf_segment *segment = &elf->segments[i];

		if (segment->executable && !call_targets_in(elf, segment->vaddr,
		                                            segment->vaddr + segment->memsz, each, ctx))
			return false;
	}
	return true;
}
