/* The front out of the target's way. */
#ifndef ASIDE_H
#define ASIDE_H

/* The calling thread runs on any processor it may but this one, which the tracer and the target
 * share; -1: on any. Where it may run on no other, it stays. */
void aside_of(int processor);

#endif
