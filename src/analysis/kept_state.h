/* What saving and loading of the state share. */
#ifndef KEPT_STATE_H
#define KEPT_STATE_H

#include "heap.h"

enum kept_place { PLACE_FREED, PLACE_FORGOTTEN }; /* of a block that is not live */

#define TOTALS (sizeof(struct heap_totals) / sizeof(uint64_t)) /* it has nothing else */

#endif
