/* An allocator linked into a program that was stripped: no name leads to it. */
#ifndef NAMELESS_H
#define NAMELESS_H

#include "job.h"

void nameless_tell(struct job *); /* notes one; when the job's found are known */

#endif
