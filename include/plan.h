/* What the analysis asks of the tracer. A command is a record in the command
 * ring; the tracer does them in order. */
#ifndef PLAN_H
#define PLAN_H

#include "arch.h"
#include "record.h"

enum probe_kind {
	PROBE_ENTRY,  /* an allocator function begins */
	PROBE_EXIT,   /* it ends: arch_reg(result) holds what it hands out */
	PROBE_NAME,   /* a wrapper (operator new) begins or goes on to an allocator
	                 function: what is called next may be called by this name */
	PROBE_INTERNAL, /* the allocator calls itself from here: no event */
	PROBE_SIGRETURN, /* a handler has returned; planted when first needed */
	PROBE_LIFTED,    /* no trap any more; who has hit it just before goes back to it */
	PROBE_PASS,      /* no trap: an instruction that the tracer may emulate when it
	                    gets there, on the way from a wrapper to the allocator */
	PROBE_SYSCALL,  /* in front of a system call instruction, at probe.call: one that maps
	                   begins if its number, probe.function or any, is of such a call */
	PROBE_SYSRET,   /* behind it: it has returned */
	PROBE_POINT,    /* a place of the program: told, with the registers args as arguments */
	PROBE_CREATES,  /* pthread_create begins: registers args tell what the thread will run, and
	                   with what */
	PROBE_WATCH,    /* a function begins that may be an allocator's: told, no event */
	PROBE_WATCH_END, /* it ends, or another one does: which, the slot tells */
	PROBE_LOADER  /* the loader has changed the modules: hold and ask */
};

enum probe_flags {
	PROBE_REPORT = 1,    /* ENTRY: report now (free, realloc's old block) */
	PROBE_AWAIT = 2,     /* ENTRY: a call now pending until its EXIT; POINT: the thread is held */
	PROBE_TAIL = 4,      /* ENTRY: may end in a jump to another allocator function */
	PROBE_OUT_PARAM = 8, /* ENTRY: the result is stored where argument 0 points */
	PROBE_LATE = 16,     /* ENTRY: not at the begin; what is asked for is in register arg, and
	                        becomes argument 0; 1, a factor that is in it, argument 1 */
	PROBE_SEEN = 32,     /* ENTRY, LATE: the call may have met another one before */
	PROBE_SHEDS = 64,    /* the instruction is an ARCH_SHED_BUT_SIGN, whose flag nobody uses */
	PROBE_RETURNS = 128, /* ENTRY: where it ends is not known: an EXIT is to stand where it
	                        returns to */
	PROBE_BESIDE = 256,  /* ENTRY, EXIT: its calls are events beside the others, whichever is
	                        made by which */
	PROBE_CHAIN = 512,   /* ENTRY, REPORT: of a chain of blocks, each with the next one's
	                        address at offset argument 1 */
	PROBE_LEADS_OUT = 1024, /* ENTRY of a free: it may call what is not in its module */
	PROBE_CALLER = 2048, /* the same: the last argument recorded is to be the address it
	                        returns to, which tells by which of its names it is called, and
	                        by whom */
	PROBE_STRING = 4096, /* ENTRY: argument 0 is a string, and is to be what a copy needs; POINT:
	                        its arguments are strings, which are wanted */
	PROBE_STRING_PART = 8192, /* ENTRY: of argument 1 characters at most, with it */
	PROBE_STACK = 16384, /* ENTRY, REPORT: the stack of every call is wanted, not only of one that
	                        frees what does not live */
	PROBE_USABLE = 32768, /* ENTRY: the word in front of the block is wanted; of a free it
	                         becomes argument 1 */
	PROBE_REF = 65536,    /* ENTRY, REPORT: it frees nothing */
	PROBE_SHARED = 131072 /* EXIT: it is another function's end, too */
};

/* The same bytes elsewhere, never trapped, that a thread does instead of those of the trap;
 * nothing but its pc is changed, so a shadow stack stays right. */
struct twin {
	taddr_t addr; /* 0: none */
	uint32_t sum; /* plan_sum of the bytes there, to be checked when planting */
	uint32_t len; /* bytes, at most 255 */
};

#define PROBE_WATCHED 0x80000000u /* struct probe.function of WATCH: this and above, of no other */

/* One trap. The address of the frame's return address ("slot") is the stack
 * pointer when hit plus slot_delta. */
struct probe {
	taddr_t addr;
	taddr_t push; /* a one-byte push instruction that is never trapped, by which
	                 the thread makes its own stack grow */
	taddr_t module; /* another one in every module */
	taddr_t call; /* SYSCALL, SYSRET: the system call instruction */
	struct twin twin; /* of a plain ret; with LATE of all from here to the ret */
	uint32_t function; /* the analysis's number, handed back in records; SYSCALL, SYSRET:
	                      the system call's, or NO_FUNCTION: any */
	int32_t slot_delta;
	uint8_t kind;     /* enum probe_kind */
	uint8_t result;   /* EXIT: register number; POINT: how many arguments there are */
	uint8_t original; /* the byte the trap replaces */
	uint8_t arg;      /* ENTRY with LATE: register number */
	uint8_t args[RECORD_ARGS]; /* ENTRY: the arguments that are recorded; POINT: registers */
	uint32_t flags; /* enum probe_flags */
	int16_t chain;  /* CHAIN: the offset, where argument 1 does not tell it; or -1 */
	struct insn insn;
};

static inline bool plan_is_ret(const struct probe *probe)
{
	return probe->original == ARCH_RET && probe->kind != PROBE_PASS;
}

static inline uint32_t plan_sum(const uint8_t *bytes, size_t len)
{
	uint32_t sum = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ bytes[i]) * 16777619u;
	return sum;
}

enum command_kind {
	CMD_SEIZE,  /* begin to trace record.tid before its exec; answered by REC_SEIZED */
	CMD_ATTACH, /* the same for the running process record.tid; answered by REC_SEIZED,
	               REC_ATTACHED */
	CMD_PLANT,  /* struct command_plant */
	CMD_FORGET, /* struct command_forget: this range is unmapped, its traps with it */
	CMD_LIFT,   /* struct command_lift: these functions' traps are taken out */
	CMD_OFF,    /* so are those of all functions, until CMD_ON: answered by REC_OFF, */
	CMD_ON,     /* and REC_ON. What is to be planted meanwhile is planted then */
	CMD_HOLD,   /* from here on who has mapped memory, or meets a WATCH, is held until CMD_GO, */
	CMD_HOLD_NOT, /* and no more */
	CMD_GO,     /* the thread record.tid was held for the analysis: it may go on */
	CMD_WRITE,  /* struct command_write: into a buffer that the program has passed for it */
	CMD_QUIET,  /* from REC_QUIET on, no thread maps anything */
	CMD_LOUD,   /* until this */
	CMD_EVERY_CALL, /* look at all system calls, until REC_FEW_CALLS */
	CMD_DETACH  /* lift everything, let go of all, end */
};

struct command_plant {
	struct record record;
	struct probe probes[];
};

#define COMMAND_WRITE_MAX 64

struct command_write { /* record.tid: of the thread that waits for it */
	struct record record;
	taddr_t addr;
	uint32_t len, pad;
	uint8_t bytes[COMMAND_WRITE_MAX];
};

struct command_forget {
	struct record record;
	taddr_t begin, end;
};

struct command_lift {
	struct record record;
	uint32_t begin, end; /* struct probe.function */
	uint32_t shared;     /* not 0: all that may share an end is among them */
	uint32_t pad;
};

#endif
