#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch.h"
#include "arch_insn.h"

#define AT UINT64_C(0x7ffff7a01000) /* above 4 GiB, so that truncation shows */

#define R(reg) (1u << ARCH_##reg)
#define CALLER_SAVED                                                                       \
	(R(RAX) | R(RCX) | R(RDX) | R(RSI) | R(RDI) | R(R8) | R(R9) | R(R10) | R(R11))
#define UNKNOWN INT32_MIN /* sp: moves by an amount that is not constant */

struct row {
	const char *bytes;
	uint8_t flow;
	uint32_t writes;
	int32_t sp;
	bool memory;
	taddr_t target, slot; /* 0, or distances from AT; absolute for slot below AT */
	const char *refuse;   /* NULL: emulated; or part of the reason */
};

static const struct row rows[] = {
	/* plain */
	{ "90", .writes = 0 },
	{ "f3 0f 1e fa", .writes = 0 },
	{ "66 2e 0f 1f 84 00 00 00 00 00", .writes = 0 },
	{ "48 89 c3", .writes = R(RBX) },
	{ "88 e7", .writes = R(RBX) },
	{ "64 48 8b 04 25 28 00 00 00", .writes = R(RAX), .memory = true },
	{ "48 8b 05 10 00 00 00", .writes = R(RAX) },
	{ "48 8b 03", .writes = R(RAX), .memory = true },
	{ "48 8d 03", .writes = R(RAX) },
	{ "48 01 18", .memory = true },
	{ "48 39 18", .memory = true },
	{ "48 85 ff", .writes = 0 },
	{ "87 d8", .writes = R(RAX) | R(RBX) },
	{ "48 99", .writes = R(RDX) | R(RAX) }, /* rax to be safe: as capstone has it */
	{ "0f 94 c0", .writes = R(RAX) },
	{ "48 0f 44 c3", .writes = R(RAX) },

	/* the stack pointer */
	{ "50", .writes = R(RSP), .sp = -8, .memory = true },
	{ "54", .writes = R(RSP), .sp = -8, .memory = true },
	{ "6a 01", .writes = R(RSP), .sp = -8, .memory = true },
	{ "5b", .writes = R(RSP) | R(RBX), .sp = 8, .memory = true },
	{ "5c", .writes = R(RSP), .sp = UNKNOWN, .memory = true },
	{ "48 83 ec 18", .writes = R(RSP), .sp = -24 },
	{ "48 81 c4 00 01 00 00", .writes = R(RSP), .sp = 256 },
	{ "48 8d 64 24 f8", .writes = R(RSP), .sp = -8 },
	{ "48 83 e4 f0", .writes = R(RSP), .sp = UNKNOWN },
	{ "48 89 ec", .writes = R(RSP), .sp = UNKNOWN },
	{ "c9", .writes = R(RSP) | R(RBP), .sp = UNKNOWN, .memory = true },
	{ "66 50", .writes = R(RSP), .sp = -2, .memory = true, .refuse = "operand-size" },
	{ "9c", .writes = R(RSP), .sp = -8, .memory = true, .refuse = "not emulated" },
	{ "9d", .writes = R(RSP), .sp = 8, .memory = true, .refuse = "not emulated" },
	{ "0f a0", .writes = R(RSP), .sp = -8, .memory = true, .refuse = "not one of the general" },
	{ "c8 10 00 00", .writes = R(RSP) | R(RBP), .sp = UNKNOWN, .memory = true,
	  .refuse = "not emulated" },

	/* control flow */
	{ "eb 10", .flow = FLOW_JUMP, .target = 0x12 },
	{ "eb fe", .flow = FLOW_JUMP, .target = AT },
	{ "e9 00 01 00 00", .flow = FLOW_JUMP, .target = 0x105 },
	{ "66 48 e9 00 01 00 00", .flow = FLOW_JUMP, .target = 0x107 },
	{ "ff e0", .flow = FLOW_JUMP },
	{ "3e ff e0", .flow = FLOW_JUMP },
	{ "ff 20", .flow = FLOW_JUMP, .memory = true },
	{ "ff 25 00 20 00 00", .flow = FLOW_JUMP, .slot = 0x2006 },
	{ "f2 ff 25 00 20 00 00", .flow = FLOW_JUMP, .slot = 0x2007 },
	{ "ff 24 25 00 20 00 00", .flow = FLOW_JUMP, .memory = true, .slot = 0x2000 },
	{ "64 ff 25 00 20 00 00", .flow = FLOW_JUMP, .memory = true },
	{ "67 ff 25 00 20 00 00", .flow = FLOW_JUMP, .memory = true, .refuse = "address-size" },
	{ "74 10", .flow = FLOW_BRANCH, .target = 0x12 },
	{ "2e 74 10", .flow = FLOW_BRANCH, .target = 0x13 },
	{ "f2 75 10", .flow = FLOW_BRANCH, .target = 0x13 },
	{ "0f 8f 00 01 00 00", .flow = FLOW_BRANCH, .target = 0x106 },
	{ "e2 10", .flow = FLOW_BRANCH, .writes = R(RCX), .target = 0x12,
	  .refuse = "not emulated" },
	{ "e3 10", .flow = FLOW_BRANCH, .target = 0x12, .refuse = "not emulated" },
	{ "e8 00 01 00 00", .flow = FLOW_CALL, .writes = CALLER_SAVED, .memory = true,
	  .target = 0x105 },
	{ "66 48 e8 00 01 00 00", .flow = FLOW_CALL, .writes = CALLER_SAVED, .memory = true,
	  .target = 0x107 },
	{ "f2 e8 00 01 00 00", .flow = FLOW_CALL, .writes = CALLER_SAVED, .memory = true,
	  .target = 0x106 },
	{ "67 e8 00 01 00 00", .flow = FLOW_CALL, .writes = CALLER_SAVED, .memory = true,
	  .target = 0x106, .refuse = "address-size" }, /* left by linker relaxation */
	{ "ff d0", .flow = FLOW_CALL, .writes = CALLER_SAVED, .memory = true },
	{ "ff 50 10", .flow = FLOW_CALL, .writes = CALLER_SAVED, .memory = true },
	{ "ff 15 00 20 00 00", .flow = FLOW_CALL, .writes = CALLER_SAVED, .memory = true,
	  .slot = 0x2006 },
	{ "c3", .flow = FLOW_RET, .writes = R(RSP), .sp = 8, .memory = true },
	{ "f3 c3", .flow = FLOW_RET, .writes = R(RSP), .sp = 8, .memory = true },
	{ "f2 c3", .flow = FLOW_RET, .writes = R(RSP), .sp = 8, .memory = true },
	{ "c2 00 80", .flow = FLOW_RET, .writes = R(RSP), .sp = 0x8008, .memory = true },
	{ "cb", .flow = FLOW_RET, .writes = R(RSP), .sp = UNKNOWN, .memory = true,
	  .refuse = "not emulated" },
	{ "0f 0b", .flow = FLOW_STOP, .refuse = "not emulated" },
	{ "f4", .flow = FLOW_STOP, .refuse = "not emulated" },
	{ "cc", .flow = FLOW_STOP, .refuse = "not emulated" },

	/* refused */
	{ "f0 48 ff 00", .memory = true, .refuse = "lock prefix" },
	{ "f0 0f b1 0b", .writes = R(RAX), .memory = true, .refuse = "lock prefix" },
	{ "48 87 03", .writes = R(RAX), .memory = true, .refuse = "exchange with memory" },
	{ "f3 a4", .writes = R(RSI) | R(RDI) | R(RCX), .memory = true, .refuse = "repeat prefix" },
	{ "f3 a5", .writes = R(RSI) | R(RDI) | R(RCX), .memory = true, .refuse = "repeat prefix" },
	{ "a4", .writes = R(RSI) | R(RDI), .memory = true, .refuse = "not emulated" },
	{ "67 8b 00", .writes = R(RAX), .memory = true, .refuse = "address-size" },
	{ "64 65 8b 00", .writes = R(RAX), .memory = true, .refuse = "segment prefix" },
	{ "8e d8", .refuse = "not one of the general" },
	{ "8c d8", .writes = R(RAX), .refuse = "not one of the general" },
	{ "d3 e0", .writes = R(RAX), .refuse = "not constant" },
	{ "c0 e0 09", .writes = R(RAX), .refuse = "more bits" },
	{ "48 0f af c3", .writes = R(RAX), .refuse = "not emulated" },
	{ "48 f7 e3", .writes = R(RAX) | R(RDX), .refuse = "not emulated" },
	{ "0f 05", .writes = R(RAX) | R(RCX) | R(R11), .memory = true, .refuse = "not emulated" },
	{ "0f a2", .writes = R(RAX) | R(RBX) | R(RCX) | R(RDX), .refuse = "not emulated" },
	{ "0f 28 c1", .refuse = "not one of the general" },
	{ "0f 11 03", .memory = true, .refuse = "not one of the general" },
	{ "66 48 0f 7e c0", .writes = R(RAX), .refuse = "not one of the general" },
	{ "c5 f8 77", .refuse = "not emulated" },
};

static const char *const undecodable[] = {
	"",
	"48",
	"48 8b",
	"06",                /* push es */
	"f3 48 0f 1e c8",    /* rdsspq, unknown to capstone 4 */
	"66 e8 00 01 00 00", /* means different things on different processors */
	"66 74 10",
	"66 c3",
	"66 e2 10",
	"48 66 89 c3",       /* REX not next to the opcode */
	"67 48 e8 00 01 00 00", /* capstone 4 gets the length of these two wrong */
	"66 f3 68 00 00 00 00",
	"f3 67 0f 2c ef", /* cvttss2si, taken for cvttps2pi */
};

static size_t parse(const char *hex, uint8_t *bytes)
{
	size_t n = 0;
	char *end;

	for (; *hex; hex = end)
		bytes[n++] = (uint8_t)strtoul(hex, &end, 16);
	return n;
}

static taddr_t absolute(taddr_t value, bool relative)
{
	return value && value < AT && relative ? AT + value : value;
}

/* The first thing that is not as the row has it, or NULL. */
static const char *wrong(const struct row *row, const struct decoded *d, size_t len)
{
	bool moves_sp = row->writes & R(RSP), pc_relative = !strstr(row->bytes, "24 25");

	if (d->len != len || d->insn.len != (row->refuse ? 0 : len))
		return "len";
	if (d->flow != row->flow)
		return "flow";
	if (d->target != absolute(row->target, true))
		return "target";
	if (d->slot != absolute(row->slot, pc_relative))
		return "slot";
	if (d->writes != row->writes)
		return "writes";
	if (d->touches_memory != row->memory)
		return "touches_memory";
	if (d->moves_sp != moves_sp || d->sp_known != (moves_sp && row->sp != UNKNOWN))
		return "moves_sp, sp_known";
	if (d->sp_delta != (row->sp == UNKNOWN ? 0 : row->sp))
		return "sp_delta";
	if (!d->refuse != !row->refuse || (d->refuse && !strstr(d->refuse, row->refuse)))
		return d->refuse ? d->refuse : "not refused";
	return !d->insn.op == !row->refuse ? "insn.op" : NULL;
}

static void test_rows(void **state)
{
	uint8_t bytes[32];
	struct decoded d;

	for (const struct row *row = rows; row < rows + countof(rows); row++) {
		size_t len = parse(row->bytes, bytes);
		int err = decoder_decode(*state, bytes, len, AT, &d);
		const char *what = err ? "does not decode" : wrong(row, &d, len);

		if (what)
			fail_msg("%s: %s", row->bytes, what);
	}
}

static void test_undecodable(void **state)
{
	static const struct decoded zero;
	struct decoded d;
	uint8_t bytes[32];

	for (size_t i = 0; i < countof(undecodable); i++) {
		size_t len = parse(undecodable[i], bytes);

		memset(&d, 0xff, sizeof(d));
		if (decoder_decode(*state, bytes, len, AT, &d) != -EILSEQ)
			fail_msg("%s: decodes", undecodable[i]);
		assert_memory_equal(&d, &zero, sizeof(d));
	}
}

static struct insn insn_of(struct decoder *decoder, const char *hex)
{
	uint8_t bytes[32];
	size_t len = parse(hex, bytes);
	struct decoded d;

	assert_int_equal(decoder_decode(decoder, bytes, len, AT, &d), 0);
	assert_null(d.refuse);
	return d.insn;
}

static void test_memory_operand(void **state)
{
	struct insn insn = insn_of(*state, "64 48 8b 4c b5 80");

	/* mov %fs:-0x80(%rbp,%rsi,4),%rcx */
	assert_int_equal(insn.op, INSN_MOV);
	assert_int_equal(insn.dst.kind, OPERAND_REG);
	assert_int_equal(insn.dst.reg, ARCH_RCX);
	assert_int_equal(insn.dst.width, 8);
	assert_int_equal(insn.src.kind, OPERAND_MEM);
	assert_int_equal(insn.src.reg, ARCH_RBP);
	assert_int_equal(insn.src.index, ARCH_RSI);
	assert_int_equal(insn.src.scale, 4);
	assert_int_equal(insn.src.segment, SEGMENT_FS);
	assert_int_equal(insn.src.value, -0x80);
}

static void test_pc_relative_is_absolute(void **state)
{
	struct insn insn = insn_of(*state, "83 05 f6 ff ff ff ff"); /* addl $-1,-10(%rip) */

	assert_int_equal(insn.op, INSN_ADD);
	assert_int_equal(insn.dst.kind, OPERAND_MEM);
	assert_int_equal(insn.dst.reg, ARCH_NO_REG);
	assert_int_equal(insn.dst.index, ARCH_NO_REG);
	assert_int_equal(insn.dst.value, AT + 7 - 10);
	assert_int_equal(insn.dst.width, 4);
	assert_int_equal(insn.src.kind, OPERAND_IMM);
	assert_int_equal(insn.src.value, -1);
}

static void test_high_byte_register(void **state)
{
	assert_int_equal(insn_of(*state, "88 e0").src.high, 1);    /* mov %ah,%al */
	assert_int_equal(insn_of(*state, "88 e0").src.reg, ARCH_RAX);
	assert_int_equal(insn_of(*state, "40 88 e0").src.high, 0); /* mov %spl,%al */
	assert_int_equal(insn_of(*state, "40 88 e0").src.reg, ARCH_RSP);
}

static void test_conditions(void **state)
{
	char hex[16];

	for (unsigned cond = COND_O; cond <= COND_G; cond++) {
		snprintf(hex, sizeof(hex), "%x 00", 0x70 + cond);
		assert_int_equal(insn_of(*state, hex).cond, cond);
		snprintf(hex, sizeof(hex), "0f %x c0", 0x90 + cond);
		assert_int_equal(insn_of(*state, hex).cond, cond);
		snprintf(hex, sizeof(hex), "0f %x c0", 0x40 + cond);
		assert_int_equal(insn_of(*state, hex).cond, cond);
	}
}

static int set_up(void **state)
{
	*state = decoder_new();
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	decoder_free(*state);
	decoder_free(NULL);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_undecodable),
		cmocka_unit_test(test_memory_operand),
		cmocka_unit_test(test_pc_relative_is_absolute),
		cmocka_unit_test(test_high_byte_register),
		cmocka_unit_test(test_conditions),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
