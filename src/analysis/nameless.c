/* It is known by what it would print: strings, which lie where no code does. */
#include "nameless.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* In two parts, for this is a program, too. */
static const struct {
	char first;
	const char *rest, *name;
} allocators[] = {
	{ '<', "jemalloc>: ", "jemalloc" },
	{ 'm', "imalloc: ", "mimalloc" },
	{ 't', "cmalloc: large alloc", "tcmalloc" },
};

#define LONGEST 32
#define LOOKED_AT (16u << 20) /* bytes of a segment */

static bool has_allocator(const struct job *job)
{
	for (size_t i = 0; i < job->found_count; i++)
		if (catalog[job->found[i].entry].role == CATALOG_ALLOC)
			return true;
	return false;
}

static bool prints(unsigned allocator, const char *bytes, size_t len)
{
	const char *rest = allocators[allocator].rest, *end = bytes + len, *hit;

	for (const char *at = bytes; (hit = memmem(at, end - at, rest, strlen(rest))); at = hit + 1)
		if (hit > bytes && hit[-1] == allocators[allocator].first)
			return true;
	return false;
}

static const char *printed_in(const char *bytes, size_t len)
{
	for (unsigned i = 0; i < countof(allocators); i++)
		if (prints(i, bytes, len))
			return allocators[i].name;
	return NULL;
}

/* What lies across two chunks is in the next one again. */
static const char *printed_by(const struct elf *elf, const struct elf_segment *segment)
{
	uint64_t len = segment->filesz < LOOKED_AT ? segment->filesz : LOOKED_AT;
	char chunk[65536];
	const char *name;
	ssize_t got;

	for (uint64_t at = 0; !segment->executable && at < len; at += got - LONGEST) {
		got = pread(elf->fd, chunk, sizeof(chunk), (off_t)(segment->offset + at));
		name = got > 0 ? printed_in(chunk, got) : NULL;
		if (name || got <= LONGEST)
			return name;
	}
	return NULL;
}

void nameless_tell(struct job *job)
{
	const struct elf *elf = &job->module->elf;
	const char *name = NULL;
	char sentence[512];

	if (!elf->has_interpreter || has_allocator(job))
		return;
	for (unsigned i = 0; i < elf->segment_count && !name; i++)
		name = printed_by(elf, &elf->segments[i]);
	if (!name)
		return;
	snprintf(sentence, sizeof(sentence),
	         "%s seems to have %s in it, stripped of its names: what that hands out is not seen",
	         job->module->path, name);
	job_tell(job, sentence);
}
