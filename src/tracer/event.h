/* A wait status, classified once. Pure. */
#ifndef EVENT_H
#define EVENT_H

enum event_kind {
	EV_EXITED,
	EV_KILLED,
	EV_TRAP,       /* SIGTRAP that no ptrace event explains: a trap hit, or a real one */
	EV_CALL,       /* at the entry or exit of a system call, PTRACE_SYSCALL */
	EV_SIGNAL,     /* about to be delivered */
	EV_GROUP_STOP,
	EV_STOP,       /* a new thread's first stop, PTRACE_INTERRUPT, or SIGCONT */
	EV_EXEC,
	EV_FORK,
	EV_VFORK,
	EV_CLONE,
	EV_OTHER
};

struct event {
	enum event_kind kind;
	int sig;    /* SIGNAL, TRAP, GROUP_STOP */
	int status; /* EXITED, KILLED: as waitpid gave it */
};

struct event event_of_status(int wait_status);

#endif
