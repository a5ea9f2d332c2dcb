/* Functions that only a separate debug file, or .gnu_debugdata, still names. */
#ifndef DEBUG_SYMBOLS_H
#define DEBUG_SYMBOLS_H

#include "module.h"

/* As elf_each_function, of what is on this machine: no server is asked, for the program may be
 * waiting. */
void debug_symbols_each(const struct module *, bool (*each)(void *, const struct elf_symbol *),
                        void *ctx);

/* Names the slots that are filled when the program starts, by what they are filled. */
void debug_symbols_name_slots(struct module *);

#endif
