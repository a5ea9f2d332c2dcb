/* A stack as one string. */
#ifndef FRAME_H
#define FRAME_H

#include "output.h"

/* Outermost frame first, the allocator's function last, joined by ';', which names
 * have as ':'. A frame without a name is MODULE+0xOFFSET; inlined ones end in _[i].
 * UTF-8 without control characters. The caller frees; NULL: no memory. */
char *frame_fold(struct heap *, const struct heap_site *);

#endif
