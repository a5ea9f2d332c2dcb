/* `alloctrace ctl PID COMMAND [ARG...]`: asks a session that runs. */
#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include "session.h"

int ctl_client_main(int argc, char **argv, struct title); /* as rescue_main */

#endif
