#include "made_code.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "map_call.h"
#include "proc_maps.h"

#define MOST (UINT64_C(256) << 20) /* bytes that are looked at */

/* bytes: up to the call. */
static bool ends_in_number(struct decoder *decoder, const uint8_t *bytes, size_t len)
{
	for (size_t back = len < ARCH_INSN_MAX ? len : ARCH_INSN_MAX; back; back--) {
		struct arch_values values = { .known = 0 };
		struct decoded insn;

		if (decoder_decode(decoder, bytes + len - back, back, 0, &insn) < 0 ||
		    insn.len != back)
			continue;
		arch_follow(&insn, &values);
		if (values.known & 1u << ARCH_RESULT &&
		    map_call_of((int)values.value[ARCH_RESULT]) != MAP_CALL_NONE)
			return true;
	}
	return false;
}

static bool maps(struct decoder *decoder, const uint8_t *bytes, size_t len)
{
	const uint8_t *end = bytes + len, *hit;

	for (const uint8_t *at = bytes;
	     (hit = memmem(at, end - at, ARCH_SYSCALL, ARCH_SYSCALL_LEN)); at = hit + 1)
		if (ends_in_number(decoder, bytes, hit - bytes))
			return true;
	return false;
}

bool made_code_maps(struct resolver *resolver, pid_t pid, taddr_t begin, taddr_t end)
{
	uint8_t chunk[65536];
	char path[32];
	bool found = false;
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", proc_with_memory(pid));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (end - begin > MOST)
		end = begin + MOST;
	/* what lies across two chunks is in the next one again */
	for (taddr_t at = begin; fd >= 0 && !found && at < end; at += got - 2 * ARCH_INSN_MAX) {
		size_t want = end - at < sizeof(chunk) ? end - at : sizeof(chunk);

		got = pread(fd, chunk, want, (off_t)at);
		found = got > 0 && maps(resolver_decoder(resolver), chunk, got);
		if (got < (ssize_t)sizeof(chunk))
			break;
	}
	if (fd >= 0)
		close(fd);
	return found;
}
