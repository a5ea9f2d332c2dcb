/* What alloctrace says of itself; each prints and ends the process with 0. */
#ifndef USAGE_H
#define USAGE_H

#define VERSION "0.1"

void usage_help(void);
void usage_man(void);        /* the man page, man(7) */
void usage_completion(void); /* for bash */
void usage_version(void);

#endif
