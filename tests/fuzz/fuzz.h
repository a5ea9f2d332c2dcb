/* What the fuzz targets share. Each is one reader: an input in, nothing to be seen but
 * that no sanitizer speaks up. libFuzzer makes the inputs, or replay.c takes kept ones. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "analysis/module.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Reads a string that a reader gave, or NULL, to its end. */
static inline void fuzz_use(const char *string)
{
	if (string && strlen(string) == SIZE_MAX)
		abort();
}

/* A descriptor of a file of these bytes, the caller's to close. One file serves all
 * runs, which do not overlap: to make one takes longer than to read it. */
static inline int fuzz_file(const uint8_t *bytes, size_t len)
{
	static int file = -1;

	if (file < 0)
		file = memfd_create("fuzz", MFD_CLOEXEC);
	if (ftruncate(file, 0) < 0 || pwrite(file, bytes, len, 0) != (ssize_t)len)
		abort();
	return dup(file);
}

/* A module as module.c makes one, at a place of its own. False: refused. */
static inline bool fuzz_module(struct module *module, const uint8_t *bytes, size_t len)
{
	*module = (struct module){ .path = "/nowhere/fuzz" };
	if (elf_open(&module->elf, fuzz_file(bytes, len)) < 0)
		return false;
	if (!module->elf.fixed)
		module->bias = 0x7f0000000000 - (module->elf.segments[0].vaddr & ~(taddr_t)0xfff);
	module->begin = module->elf.segments[0].vaddr + module->bias;
	module->end = module->begin + 0x100000;
	return true;
}

#endif
