/* A program's code without symbols: which instructions refer to an address, and where the
 * function begins that an address is in. File addresses. */
#ifndef CODE_H
#define CODE_H

#include "address_set.h"
#include "arch.h"
#include "module.h"

struct code_part {
	taddr_t vaddr;
	size_t len;
	uint8_t *bytes;
	bool executable;
};

struct code { /* owns its lists */
	struct module *module;
	struct decoder *decoder;
	struct code_part *parts;
	unsigned part_count;
	taddr_t *called; /* where direct calls lead, ascending; NULL until code_find_calls */
	size_t called_count;
};

/* False: no memory. To be closed either way. */
bool code_open(struct code *, struct module *, struct decoder *);
void code_close(struct code *);
bool code_find_calls(struct code *); /* false: no memory */
/* Also functions without a row in the unwind table that are only jumped to, or named. */
bool code_find_rowless(struct code *);
bool code_is_called(const struct code *, taddr_t);

/* Where these bytes stand, in code and data. */
void code_find_bytes(const struct code *, const void *bytes, size_t len, struct address_set *);
/* Instructions that name an address in [begin, end), as a constant, of memory, or to go to. */
void code_find_refs(const struct code *, taddr_t begin, taddr_t end, struct address_set *);
bool code_has(const struct code *, taddr_t); /* is it an address of code? */
#define CODE_FIELD 4 /* bytes of a distance or an address in an instruction */
/* The instruction that ends with such a field and names the address by it; 0: none. */
taddr_t code_naming(const struct code *, taddr_t field, taddr_t addr);
/* 0 or a negative errno */
int code_decode(const struct code *, taddr_t, struct decoded *);
/* What a jump to an address leads into: the function that it is a part of. */
taddr_t code_function(const struct code *, taddr_t); /* 0: none is known */
/* Through which slot a stub at the address jumps; 0: it is none. */
taddr_t code_stub_slot(const struct code *, taddr_t);

#endif
