/* The tracer's life, as the front sees it: a mutex that the tracer holds. The kernel
 * tells of the death of who holds one before it takes the process's memory apart, and
 * so earlier than SIGCHLD does; threads meet traps in between. */
#ifndef LIFE_H
#define LIFE_H

int life_init(void);   /* before the fork; 0 or -errno */
void life_begin(void); /* the tracer lives */
void life_end(void);   /* it has taken its leave: what follows is no death */

#endif
