/* alloctrace pairs IN -o OUT: a csv-orphan file without the blocks that were freed later. */
#ifndef PAIRS_H
#define PAIRS_H

#include "session.h"

int pairs_main(int argc, char **argv, struct title);

#endif
