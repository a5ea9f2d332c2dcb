#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "event.h"

#define CALL_STOP (SIGTRAP | 0x80) /* with PTRACE_O_TRACESYSGOOD */

static enum event_kind stop_kind(int sig, int ptrace_event)
{
	switch (ptrace_event) {
	case 0:
		return sig == SIGTRAP ? EV_TRAP : sig == CALL_STOP ? EV_CALL : EV_SIGNAL;
	case PTRACE_EVENT_STOP: /* ptrace(2), "Group-stop": the signal tells which */
		return sig == SIGTRAP ? EV_STOP : EV_GROUP_STOP;
	case PTRACE_EVENT_EXEC:
		return EV_EXEC;
	case PTRACE_EVENT_FORK:
		return EV_FORK;
	case PTRACE_EVENT_VFORK:
		return EV_VFORK;
	case PTRACE_EVENT_CLONE:
		return EV_CLONE;
	}
	return EV_OTHER;
}

struct event event_of_status(int status)
{
	if (WIFEXITED(status))
		return (struct event){ EV_EXITED, 0, status };
	if (WIFSIGNALED(status))
		return (struct event){ EV_KILLED, WTERMSIG(status), status };
	if (WIFSTOPPED(status))
		return (struct event){ stop_kind(WSTOPSIG(status), status >> 16),
			               WSTOPSIG(status), status };
	return (struct event){ EV_OTHER, 0, status };
}
