/* Where separate debug files are looked for, and which are believed. */
#ifndef DEBUGFILE_H
#define DEBUGFILE_H

#include <elfutils/libdwfl.h>

extern const Dwfl_Callbacks debugfile_callbacks;
/* The same, but no server is asked. */
extern const Dwfl_Callbacks debugfile_here_callbacks;

/* A folder that is laid out as /usr/lib/debug and goes before it; NULL: none. */
void debugfile_set_root(const char *folder);
/* Did a debuginfod server not answer? Once that has happened none is asked again. */
bool debugfile_server_silent(void);
void debugfile_ask_server(bool); /* at first it is */
bool debugfile_asks_server(void);   /* there is one, which would be asked now; */
bool debugfile_misses_server(void); /* which would be, if it were to */
void debugfile_give_up_on_server(void); /* it has happened, maybe to a copy of this process */

#endif
