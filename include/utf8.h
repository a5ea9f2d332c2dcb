/* Names from the target are bytes; what we print is UTF-8. Each ill-formed
 * sequence becomes one U+FFFD (Unicode 15, 3.9, maximal subparts). */
#ifndef UTF8_H
#define UTF8_H

#include "types.h"

/* s itself when it is well-formed, else a copy the caller frees; NULL: no memory. */
char *utf8_clean(const char *s);

#define UTF8_FIT(columns) (4 * (columns) + 1)

/* Copies s into out, which holds UTF8_FIT(columns) bytes, for a terminal: no
 * control characters, and where s is longer than columns (at least 3), an
 * ellipsis after its first head columns, then its end. */
char *utf8_fit(char *out, const char *s, size_t columns, size_t head);
size_t utf8_columns(const char *s); /* counted in code points */

#endif
