/* What the target's own names are bound to: whose function it is that a module calls. */
#ifndef BINDING_H
#define BINDING_H

#include "module.h"

/* Into all: address of a function -> modules that call it by one of the catalogue's names, as
 * the loader has filled their slots in by now; what none was called for yet may not be. False:
 * the target's memory is gone. */
bool binding_read(const struct modules *, pid_t, struct table *all);

#endif
