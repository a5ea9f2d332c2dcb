/* The file: a header, then blocks one behind the other, and at last an index of them and where
 * it is. What has no index, for its writer was killed, is gone through from block to block.
 *
 *   header   MAGIC, version (4 bytes), 4 of zeros
 *   block    a head of HEAD_LEN bytes, then its payload, as zstd has it or as it is
 *   end      END_MAGIC, offset of the index' block (8 bytes), the checksum of these (4)
 *
 * Numbers of a fixed length have the lowest byte first. Each program of each process is a track
 * with blocks of its own:
 *
 *   TRACK    its process, and how it began; the first block
 *   SITES    frames, stacks and sites that are new; before any block that has their numbers
 *   FACTS    all that events do not tell, as it is behind the blocks before
 *   STATE    all that they do: from here on reading can begin, with the FACTS before it
 *   EVENTS   the events, event_code.h
 *   MARK     the moment was reported, with the FACTS before it
 *   NAMES    of all frames
 *
 * Of no track are CATALOGUE, the first one, and INDEX, the last. */
#ifndef FORM_H
#define FORM_H

#include "types.h"
#include "wire.h"

#define MAGIC "\x89" "ATRACE\n"
#define END_MAGIC "ATRACEND"
#define VERSION_NOW 1
enum { HEADER_LEN = 16, HEAD_LEN = 48, END_LEN = 20 };
#define PAYLOAD_MAX (1u << 30) /* bytes, unpacked */

enum block_kind { BLOCK_NONE, BLOCK_CATALOGUE, BLOCK_SITES, BLOCK_FACTS, BLOCK_STATE, BLOCK_EVENTS,
                  BLOCK_NAMES, BLOCK_MARK, BLOCK_INDEX, BLOCK_TRACK, BLOCK_KINDS };

struct block {
	uint64_t offset;  /* in the file, of its head */
	uint8_t kind;     /* enum block_kind; others are of versions to come, and passed over */
	bool packed;      /* by zstd */
	uint32_t track;
	uint32_t events;
	uint32_t len, stored; /* bytes of the payload, and as it stands in the file */
	uint64_t first_ns, last_ns;
	uint32_t sum;     /* of the payload as it stands */
};

uint32_t form_sum(const void *bytes, size_t len);
void form_put_header(uint8_t out[HEADER_LEN]);
/* NULL, or what is wrong with it, a sentence without a subject. */
const char *form_check_header(const uint8_t *bytes, size_t len);
void form_put_head(const struct block *, uint8_t out[HEAD_LEN]);
/* All but the offset. False: that is none. */
bool form_take_head(const uint8_t head[HEAD_LEN], struct block *);
void form_put_end(uint64_t index, uint8_t out[END_LEN]);
bool form_take_end(const uint8_t end[END_LEN], uint64_t *index);
/* As a row of the index; a row is behind the one before. */
void form_put_row(struct wire *, const struct block *, uint64_t last_offset);
bool form_take_row(struct wire_reader *, struct block *, uint64_t last_offset);
#define ROW_LEN 10 /* bytes at the least */

#endif
