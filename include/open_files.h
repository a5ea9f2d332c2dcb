/* The descriptors that our process may have, and was given. */
#ifndef OPEN_FILES_H
#define OPEN_FILES_H

#include <stdbool.h>

/* As many as the limit's owner allows. Children inherit it: to be called when none that is
 * not ours will follow. */
void open_files_raise(void);
unsigned long open_files_limit(void);

/* A standard stream that is closed stays so for the target, but its number must not become that
 * of a file of ours: it is taken, until the target's exec. */
void open_files_take_closed(void);
bool open_files_was_taken(int fd); /* it was closed */

#endif
