/* For programs that want to tell alloctrace what they are doing. Each of these is one instruction
 * that does nothing (nop), and a note in the file, where it is: nothing to link, and nothing to
 * pay while alloctrace is not there. C and C++, x86-64, gcc and clang.
 *
 *   alloctrace_mark("loaded");       a mark, to compare with later: alloctrace ctl PID diff loaded
 *   alloctrace_reset();              counters begin anew
 *   alloctrace_phase("parsing");     what the program does from now on
 *   alloctrace_tag("node", "ast");   what this thread's allocations are from now on: stacks end
 *                                    with it; alloctrace_tag("", "") ends it
 *   alloctrace_dump();               a report
 *   alloctrace_stats(&stats, sizeof(stats));   fills them in, if alloctrace runs with
 *                                    --client-stats; they stay as they are if it does not
 *
 * Strings end with 0; of each 63 bytes are kept. The notes are those of static probes in general
 * (.note.stapsdt), and can be listed by other tools: provider alloctrace. */
#ifndef ALLOCTRACE_CLIENT_H
#define ALLOCTRACE_CLIENT_H

#include <stddef.h>
#include <stdint.h>

struct alloctrace_stats { /* of the process since it began; bytes are requested bytes */
	uint64_t allocs, frees, bytes_allocated, bytes_freed;
	uint64_t live_blocks, live_bytes, peak_live_bytes;
};

/* pc, base, semaphore, then the strings: systemtap's wiki, "User space probe implementation". */
/* An argument that is not there is an empty one: ISO C wants one for the dots. */
#define ALLOCTRACE_PROBE_(name, args, ...)                                                \
	__asm__ __volatile__("990: nop\n"                                                 \
	                     ".pushsection .note.stapsdt,\"?\",\"note\"\n"                \
	                     ".balign 4\n"                                                \
	                     ".4byte 992f-991f, 994f-993f, 3\n"                           \
	                     "991: .asciz \"stapsdt\"\n"                                  \
	                     "992: .balign 4\n"                                           \
	                     "993: .8byte 990b, _.stapsdt.base, 0\n"                      \
	                     ".asciz \"alloctrace\"\n"                                    \
	                     ".asciz \"" name "\"\n"                                      \
	                     ".asciz \"" args "\"\n"                                      \
	                     "994: .balign 4\n"                                           \
	                     ".popsection\n"                                              \
	                     ".ifndef _.stapsdt.base\n"                                   \
	                     ".pushsection .stapsdt.base,\"aG\",\"progbits\","            \
	                     ".stapsdt.base,comdat\n"                                     \
	                     ".weak _.stapsdt.base\n"                                     \
	                     ".hidden _.stapsdt.base\n"                                   \
	                     "_.stapsdt.base: .space 1\n"                                 \
	                     ".size _.stapsdt.base, 1\n"                                  \
	                     ".popsection\n"                                              \
	                     ".endif\n" ::__VA_ARGS__ : "memory")

static inline void alloctrace_mark(const char *name)
{
	ALLOCTRACE_PROBE_("mark", "8@%0", "r"(name));
}

static inline void alloctrace_reset(void)
{
	ALLOCTRACE_PROBE_("reset", "", );
}

static inline void alloctrace_phase(const char *name)
{
	ALLOCTRACE_PROBE_("phase", "8@%0", "r"(name));
}

static inline void alloctrace_tag(const char *type, const char *location)
{
	ALLOCTRACE_PROBE_("tag", "8@%0 8@%1", "r"(type), "r"(location));
}

static inline void alloctrace_dump(void)
{
	ALLOCTRACE_PROBE_("dump", "", );
}

static inline void alloctrace_stats(struct alloctrace_stats *stats, size_t len)
{
	ALLOCTRACE_PROBE_("stats", "8@%0 8@%1", "r"(stats), "r"(len));
}

#endif
