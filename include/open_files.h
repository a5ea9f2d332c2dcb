/* How many descriptors our process may have. */
#ifndef OPEN_FILES_H
#define OPEN_FILES_H

/* As many as the limit's owner allows. Children inherit it: to be called when none that is
 * not ours will follow. */
void open_files_raise(void);
unsigned long open_files_limit(void);

#endif
