/* A file can give the program run from it privileges: set-user-ID, set-group-ID,
 * capabilities(7). A traced program gets them only when its tracer, as it was when it
 * began to trace, has CAP_SYS_PTRACE; execve(2). */
#ifndef PRIVILEGE_H
#define PRIVILEGE_H

#include <stdbool.h>

bool privilege_survives_us(void); /* CAP_SYS_PTRACE is ours */

/* Would the user's program, run from this file, lose privileges by being traced? For a
 * script its interpreter's file decides, as in the kernel. False when it can't be told. */
bool privilege_lost(const char *path);

#endif
