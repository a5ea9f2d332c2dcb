/* What a free that frees nothing proves: an error of the program only where everybody who hands
 * out such blocks is seen. A false accusation is worse than none. */
#ifndef DOUBT_H
#define DOUBT_H

#include "model.h"

/* May the block be one that was handed out unseen? Then it is noted why. */
bool doubt_free(struct heap *, const struct function *by);

#endif
