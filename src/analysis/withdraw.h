/* What functions that are none of an allocator's have been counted for. */
#ifndef WITHDRAW_H
#define WITHDRAW_H

#include "model.h"

/* Of those with the numbers from begin to end: as if they had never been called. The peak is
 * that of now, for what was held when is not known. */
void withdraw(struct heap *, uint32_t begin, uint32_t end);

#endif
