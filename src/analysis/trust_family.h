/* What was found by its code in one module. */
#ifndef TRUST_FAMILY_H
#define TRUST_FAMILY_H

#include "model.h"

struct trust_family { /* what was found in one module */
	struct module *module;
	const char *library, *lacks; /* as in struct plan */
	uint32_t begin, end; /* its functions' numbers */
	bool whole; /* nothing else hands out blocks that it takes back */
	char *told; /* its note, or NULL */
};

struct trust_family *trust_family_of(const struct heap *, const struct function *); /* or NULL */
void trust_family_tell(struct heap *, struct trust_family *); /* brings its note up to date */

#endif
