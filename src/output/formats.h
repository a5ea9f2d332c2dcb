/* The writers that outputs[] lists; one file each. */
#ifndef FORMATS_H
#define FORMATS_H

#include "output.h"

void text_write(FILE *, const struct report *);
void text_tell(FILE *, const struct report *, const struct heap_error *);
void json_write(FILE *, const struct report *);
void csv_write(FILE *, const struct report *);
void folded_write(FILE *, const struct report *);
void check_write(FILE *, const struct report *);
void box_write(FILE *, const struct report *);
void metrics_write(FILE *, const struct report *);

#endif
