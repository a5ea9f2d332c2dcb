/* alloctrace active FILE: what is live at the end of a recording, or of a log of lines. */
#ifndef ACTIVE_H
#define ACTIVE_H

#include "session.h"

int active_main(int argc, char **argv, struct title);

#endif
