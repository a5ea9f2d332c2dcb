/* alloctrace diff A B: what grew. */
#ifndef DIFFER_H
#define DIFFER_H

#include "session.h"

int diff_main(int argc, char **argv, struct title);

#endif
