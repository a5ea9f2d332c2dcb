/* Probes that a program has in itself for us, alloctrace/client.h: notes in .note.stapsdt. */
#ifndef CLIENT_PROBES_H
#define CLIENT_PROBES_H

#include "job.h"

void client_probes_find(struct job *);

#endif
