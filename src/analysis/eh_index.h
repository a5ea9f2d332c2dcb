/* The sorted table of functions that .eh_frame_hdr would be, for a file that has none, as
 * static programs have: made from .eh_frame, LSB 5.0 10.6. */
#ifndef EH_INDEX_H
#define EH_INDEX_H

#include "types.h"

struct eh_index_row { /* as in .eh_frame_hdr */
	int32_t function, entry; /* offsets from base */
};

struct eh_index { /* all zero: none */
	taddr_t base; /* a file address */
	struct eh_index_row *rows; /* ascending */
	size_t count;
};

/* Of the ELF file; what does not parse ends it. False: no memory. */
bool eh_index_read(struct eh_index *, int fd);
void eh_index_deinit(struct eh_index *);

#endif
