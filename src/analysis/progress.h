/* One line on stderr while symbols are read for long, when that is a terminal. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stddef.h>

/* Around the reading of one module's symbols, the number-th of count. */
void progress_begin(const char *module, size_t number, size_t count);
void progress_end(void);
/* Takes the line away; nothing when there is none. */
void progress_erase(void);

#endif
