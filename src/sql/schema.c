/* Addresses and what else has 64 bits stand in signed columns, bit for bit, as neither dialect
 * has unsigned ones: what a program has is below 2^63 and comes out as it is. Times are
 * nanoseconds since the trace began; sizes are bytes. An id is unique in the whole trace. */
#include "schema.h"

#define NUMBER(name_) { .name = name_, .type = COLUMN_NUMBER }
#define ALWAYS(name_) { .name = name_, .type = COLUMN_NUMBER, .required = true }
#define KEY(name_) { .name = name_, .type = COLUMN_NUMBER, .required = true, .key = true }
#define TEXT(name_) { .name = name_, .type = COLUMN_TEXT }
#define WORD(name_) { .name = name_, .type = COLUMN_TEXT, .required = true }
#define OF(name_, to_) { .name = name_, .type = COLUMN_NUMBER, .to = to_ }
#define ALWAYS_OF(name_, to_) { .name = name_, .type = COLUMN_NUMBER, .required = true, .to = to_ }
#define KEY_OF(name_, to_) \
	{ .name = name_, .type = COLUMN_NUMBER, .required = true, .key = true, .to = to_ }

const struct relation relations[RELATIONS] = {
	[TRACE] = { "trace", {
		[TRACE_VERSION] = KEY("version"),
		[TRACE_BEGAN_US] = NUMBER("began_us"), /* since 1970 */
		[TRACE_COMPLETE] = ALWAYS("complete"), /* 1; 0: it goes on, was cut off, or lacked memory */
	}, .count = 3, .late = true },
	[PROCESSES] = { "processes", { /* one program of one process */
		[PROCESS_ID] = KEY("id"),
		[PROCESS_PID] = ALWAYS("pid"),
		[PROCESS_PARENT] = OF("parent", PROCESSES), /* that forked it, or ran before in it; if seen */
		[PROCESS_HOW] = WORD("how"), /* "exec", "attach", "fork" */
		[PROCESS_EXE] = TEXT("exe"),
		[PROCESS_BEGAN] = ALWAYS("began_ns"),
		[PROCESS_ENDED] = NUMBER("ended_ns"),
		[PROCESS_ENDING] = TEXT("ending"), /* "exit", "signal", "exec", "detach" */
		[PROCESS_STATUS] = NUMBER("status"), /* of the exit, or the signal's number */
	}, .count = 9, .late = true },
	[ARGUMENTS] = { "arguments", {
		[ARGUMENT_PROCESS] = KEY_OF("process", PROCESSES),
		[ARGUMENT_POSITION] = KEY("position"),
		[ARGUMENT_VALUE] = WORD("value"),
	}, .count = 3 },
	[THREADS] = { "threads", {
		[THREAD_ID] = KEY("id"),
		[THREAD_PROCESS] = ALWAYS_OF("process", PROCESSES),
		[THREAD_TID] = ALWAYS("tid"),
		[THREAD_BEGAN] = ALWAYS("began_ns"), /* or was first seen */
		[THREAD_ENDED] = NUMBER("ended_ns"),
	}, .count = 5, .late = true },
	[SITES] = { "sites", { /* one function called from one stack */
		[SITE_ID] = KEY("id"),
		[SITE_PROCESS] = ALWAYS_OF("process", PROCESSES),
		[SITE_NUMBER] = ALWAYS("number"), /* as reports of the process have it */
		[SITE_FUNCTION] = TEXT("function"),
	}, .count = 4 },
	[FRAMES] = { "frames", {
		[FRAME_SITE] = KEY_OF("site", SITES),
		[FRAME_POSITION] = KEY("position"), /* 0: the innermost */
		[FRAME_ADDRESS] = ALWAYS("address"),
		[FRAME_MODULE] = TEXT("module"),
		[FRAME_BUILD_ID] = TEXT("build_id"),
		[FRAME_FUNCTION] = TEXT("function"),
		[FRAME_SYMBOL] = TEXT("symbol"),
		[FRAME_OFFSET] = NUMBER("function_offset"),
		[FRAME_FILE] = TEXT("file"),
		[FRAME_LINE] = NUMBER("line"),
		[FRAME_INLINED] = ALWAYS("inlined"), /* 0 or 1 */
	}, .count = 11 },
	[EVENTS] = { "events", {
		[EVENT_ID] = KEY("id"), /* in the order in which they count */
		[EVENT_PROCESS] = ALWAYS_OF("process", PROCESSES),
		[EVENT_THREAD] = OF("thread", THREADS),
		[EVENT_TIME] = ALWAYS("time_ns"),
		[EVENT_KIND] = WORD("kind"),
		[EVENT_FUNCTION] = TEXT("function"),
		[EVENT_SITE] = OF("site", SITES),
		[EVENT_BLOCK] = OF("block", BLOCKS), /* that was handed out */
		[EVENT_ADDRESS] = NUMBER("address"),
		[EVENT_SIZE] = NUMBER("size"), /* that was asked for */
		[EVENT_USABLE] = NUMBER("usable"),
		[EVENT_FREED] = OF("freed", BLOCKS), /* that was taken back */
		[EVENT_FREED_ADDRESS] = NUMBER("freed_address"),
		[EVENT_FREED_SIZE] = NUMBER("freed_size"), /* of "on": of all that is forgotten */
		[EVENT_STATE] = TEXT("state"), /* of the address given back */
	}, .count = 15 },
	[MAP_CALLS_MADE] = { "map_calls", {
		[CALL_EVENT] = KEY_OF("event", EVENTS),
		[CALL_NAME] = WORD("call"),
		[CALL_ARG] = NUMBER("arg1"), NUMBER("arg2"), NUMBER("arg3"), NUMBER("arg4"),
		NUMBER("arg5"), NUMBER("arg6"),
		[CALL_RESULT] = NUMBER("result"), /* NULL: it failed */
		[CALL_ERROR] = NUMBER("error"),   /* errno */
		[CALL_ORIGIN] = TEXT("origin"),
	}, .count = 11 },
	[MARKS] = { "marks", {
		[MARK_EVENT] = KEY_OF("event", EVENTS),
		[MARK_ACTION] = WORD("action"),
		[MARK_NAME] = TEXT("name"),
		[MARK_DETAIL] = TEXT("detail"),
	}, .count = 4 },
	[BLOCKS] = { "blocks", {
		[BLOCK_ID] = KEY("id"),
		[BLOCK_PROCESS] = ALWAYS_OF("process", PROCESSES),
		[BLOCK_THREAD] = OF("thread", THREADS), /* that allocated it */
		[BLOCK_SITE] = OF("site", SITES),
		[BLOCK_ADDRESS] = ALWAYS("address"),
		[BLOCK_SIZE] = ALWAYS("size"),
		[BLOCK_USABLE] = NUMBER("usable"),
		[BLOCK_BESIDE] = ALWAYS("beside"), /* 1: it may lie within another one */
		[BLOCK_ALLOC_EVENT] = OF("alloc_event", EVENTS),
		[BLOCK_ALLOCATED] = ALWAYS("allocated_ns"),
		[BLOCK_FREE_EVENT] = OF("free_event", EVENTS),
		[BLOCK_FREED] = NUMBER("freed_ns"),
		[BLOCK_FREE_THREAD] = OF("free_thread", THREADS),
		[BLOCK_LIFETIME] = NUMBER("lifetime_ns"),
		[BLOCK_INHERITED] = OF("inherited", BLOCKS), /* the parent's, when it forked */
		[BLOCK_FORGOTTEN] = OF("forgotten_event", EVENTS), /* that it lives is not known since */
	}, .count = 16, .late = true },
	[MAPS] = { "maps", { /* what is mapped at the end of the process */
		[MAP_PROCESS] = KEY_OF("process", PROCESSES),
		[MAP_ADDRESS] = KEY("address"),
		[MAP_SIZE] = ALWAYS("size"),
		[MAP_ORIGIN] = WORD("origin"),
		[MAP_SITE] = OF("site", SITES),
		[MAP_THREAD] = NUMBER("tid"),
		[MAP_PROT] = ALWAYS("prot"), /* PROT_READ 1, PROT_WRITE 2, PROT_EXEC 4 */
		[MAP_SHARED] = ALWAYS("shared"),
		[MAP_FILE] = TEXT("file"),
		[MAP_OFFSET] = NUMBER("file_offset"),
		[MAP_AGE] = NUMBER("age_ms"),
	}, .count = 11 },
};

const struct index indices[] = {
	{ EVENTS, { EVENT_TIME }, 1 },
	{ EVENTS, { EVENT_SITE }, 1 },
	{ BLOCKS, { BLOCK_SITE, BLOCK_FREED }, 2 },
	{ BLOCKS, { BLOCK_ALLOC_EVENT }, 1 },
	{ FRAMES, { FRAME_FUNCTION }, 1 },
};
const size_t index_count = countof(indices);
