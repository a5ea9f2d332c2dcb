/* Where a session's socket is: /tmp/alloctrace-ctl-UID/PID. /tmp is everybody's: a folder that
 * another user has put there is not ours. */
#ifndef PLACE_H
#define PLACE_H

#include <sys/types.h>

#include "control.h"

void place_path(char path[CONTROL_PATH], uid_t, pid_t session);
bool place_is_private(uid_t); /* the folder is there, that user's and nobody else's */
/* Of our own user: */
bool place_make(void);  /* false with errno; ENOENT: it has gone again */
void place_sweep(void); /* what killed sessions have left goes */
void place_remove(pid_t session); /* and the folder with the last one in it */

#endif
