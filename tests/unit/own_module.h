/* A module of the test's own process, as the analysis has it. */
#ifndef OWN_MODULE_H
#define OWN_MODULE_H

#include <dlfcn.h>
#include <fcntl.h>

#include "analysis/module.h"

/* A label in the test's own assembly. */
#define HIDDEN __attribute__((visibility("hidden")))
#define CODE(name) extern const uint8_t HIDDEN name[]

static struct module own_module(const void *inside)
{
	struct module module = { .users = 1, .end = UINT64_MAX };
	Dl_info info;

	assert_true(dladdr(inside, &info));
	assert_int_equal(elf_open(&module.elf, open(info.dli_fname, O_RDONLY)), 0);
	module.begin = (uintptr_t)info.dli_fbase;
	module.bias = module.begin - module.elf.segments[0].vaddr;
	return module;
}

#endif
