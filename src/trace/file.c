#include "file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

void file_note_damage(struct file *file, const char *what, uint64_t offset)
{
	if (file->damage)
		return;
	file->damage = what;
	file->damaged_at = offset;
}

/* All of it, or false. */
static bool read_at(const struct file *file, void *buffer, size_t len, uint64_t offset)
{
	for (size_t done = 0; done < len;) {
		ssize_t got = pread(file->fd, (char *)buffer + done, len - done, offset + done);

		if (got <= 0 && !(got < 0 && errno == EINTR))
			return false;
		done += got > 0 ? got : 0;
	}
	return true;
}

/* ---- the list of blocks ---------------------------------------------------------------- */

static bool add(struct file *file, const struct block *block)
{
	size_t capacity = file->capacity * 2 + 64;
	struct block *grown;

	if (file->count == file->capacity) {
		grown = realloc(file->blocks, capacity * sizeof(*grown));
		if (!grown)
			return false;
		file->blocks = grown;
		file->capacity = capacity;
	}
	file->blocks[file->count++] = *block;
	return true;
}

static bool is_inside(const struct file *file, const struct block *block)
{
	return block->offset >= HEADER_LEN && block->offset <= file->size &&
	       file->size - block->offset >= HEAD_LEN + (uint64_t)block->stored;
}

static bool take_head_at(struct file *file, uint64_t offset, struct block *block)
{
	uint8_t head[HEAD_LEN];

	if (offset > file->size || file->size - offset < HEAD_LEN ||
	    !read_at(file, head, sizeof(head), offset) || !form_take_head(head, block))
		return false;
	block->offset = offset;
	return true;
}

static bool take_rows(struct file *file, struct wire_reader *from)
{
	size_t count = wire_take_count(from, ROW_LEN);
	struct block block = { .offset = 0 };

	for (size_t i = 0; i < count; i++)
		if (!form_take_row(from, &block, block.offset) || !is_inside(file, &block) ||
		    !add(file, &block))
			return false;
	return !from->failed && count;
}

/* False: there is none, or it is not to be used. */
static bool take_index(struct file *file)
{
	uint8_t end[END_LEN];
	struct wire payload = { 0 };
	struct block block;
	uint64_t offset;
	bool sound;

	if (file->size < HEADER_LEN + END_LEN ||
	    !read_at(file, end, sizeof(end), file->size - END_LEN) || !form_take_end(end, &offset) ||
	    !take_head_at(file, offset, &block) || block.kind != BLOCK_INDEX ||
	    !is_inside(file, &block) || !file_read(file, &block, &payload))
		return false;
	sound = take_rows(file, &(struct wire_reader){ payload.bytes, payload.bytes + payload.len,
	                                               false });
	free(payload.bytes);
	if (!sound)
		file->count = 0;
	return sound;
}

/* Is it what stands behind the last block of a file that was written to its end? */
static bool is_end(const struct file *file, uint64_t at)
{
	uint8_t end[END_LEN];
	uint64_t offset;

	return file->size - at == END_LEN && read_at(file, end, sizeof(end), at) &&
	       form_take_end(end, &offset);
}

static void go_through(struct file *file)
{
	uint64_t at = HEADER_LEN;
	struct block block;

	while (at < file->size) {
		if (!take_head_at(file, at, &block)) {
			if (!is_end(file, at))
				file_note_damage(file, file->size - at < HEAD_LEN ?
				                 "breaks off in a block" : "is damaged", at);
			return;
		}
		if (!is_inside(file, &block)) {
			file_note_damage(file, "breaks off in a block", at);
			return;
		}
		if (block.kind != BLOCK_INDEX && !add(file, &block))
			return;
		at += HEAD_LEN + (uint64_t)block.stored;
	}
}

const char *file_open(struct file *file, int fd)
{
	uint8_t header[HEADER_LEN];
	struct stat stat_;
	const char *why;
	size_t len;

	*file = (struct file){ .fd = fd };
	if (fstat(fd, &stat_) < 0 || !S_ISREG(stat_.st_mode))
		return S_ISDIR(stat_.st_mode) ? "is a folder" : "is no plain file";
	file->size = stat_.st_size;
	len = file->size < HEADER_LEN ? file->size : HEADER_LEN;
	if (!read_at(file, header, len, 0))
		return "cannot be read";
	why = form_check_header(header, len);
	if (why)
		return why;
	if (!take_index(file)) {
		file->damage = NULL;
		go_through(file);
	}
	return NULL;
}

void file_close(struct file *file)
{
	free(file->blocks);
	close(file->fd);
}

/* ---- payloads -------------------------------------------------------------------------- */

static bool is_sum(const struct block *block, const uint8_t *bytes)
{
	return form_sum(bytes, block->stored) == block->sum;
}

/* Only as much memory is asked for as there is something to fill it with. */
static uint8_t *unpack(const struct block *block, uint8_t *stored)
{
	unsigned long long len;
	uint8_t *bytes;
	size_t got;

	if (!block->packed)
		return stored;
	len = ZSTD_getFrameContentSize(stored, block->stored);
	bytes = len == block->len ? malloc((size_t)len + 1) : NULL;
	got = bytes ? ZSTD_decompress(bytes, len, stored, block->stored) : 0;
	free(stored);
	if (bytes && (ZSTD_isError(got) || got != len)) {
		free(bytes);
		return NULL;
	}
	return bytes;
}

bool file_read(struct file *file, const struct block *block, struct wire *payload)
{
	uint8_t *stored = malloc((size_t)block->stored + 1), *bytes = NULL;
	bool read = stored && read_at(file, stored, block->stored, block->offset + HEAD_LEN);

	if (read && is_sum(block, stored)) {
		bytes = unpack(block, stored);
		stored = NULL;
	}
	free(stored);
	if (!bytes)
		file_note_damage(file, "is damaged", block->offset);
	*payload = (struct wire){ .bytes = bytes, .len = bytes ? block->len : 0 };
	return bytes;
}
