#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <zstd.h>

#define WAITING_MAX (UINT64_C(1) << 30) /* bytes that are still to be written */
#define LEVEL 3

struct job {
	struct job *next;
	struct block block;
	struct wire payload;
};

struct disk {
	int fd;
	const char *path;  /* if it is to go when nothing was written */
	bool is_regular;
	uint64_t offset;   /* the file's, so far */
	struct wire index;
	uint64_t rows, last_row;
	ZSTD_CCtx *packer;
	uint8_t *packed;
	size_t packed_room;
	pthread_t thread;  /* once there is something to write: not before others fork */
	bool runs;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t came;
	struct job *first, **last;
	uint64_t waiting;
	bool ends;
	int error;
};

static void fail(struct disk *disk, int error)
{
	pthread_mutex_lock(&disk->lock);
	disk->error = disk->error ? disk->error : error;
	pthread_mutex_unlock(&disk->lock);
}

int disk_error(struct disk *disk)
{
	int error;

	pthread_mutex_lock(&disk->lock);
	error = disk->error;
	pthread_mutex_unlock(&disk->lock);
	return error;
}

/* ---- the thread: writing ------------------------------------------------------------------ */

/* Where it breaks off the file ends, as far as that can be. */
static bool write_whole(struct disk *disk, struct iovec *parts, int count)
{
	uint64_t done = 0;

	while (count) {
		ssize_t len = writev(disk->fd, parts, count);

		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0) {
			fail(disk, len < 0 ? errno : EIO);
			if (done && disk->is_regular && ftruncate(disk->fd, disk->offset) < 0)
				return false;
			return false;
		}
		done += len;
		for (; count && (size_t)len >= parts->iov_len; count--)
			len -= parts++->iov_len;
		if (count) {
			parts->iov_base = (char *)parts->iov_base + len;
			parts->iov_len -= len;
		}
	}
	disk->offset += done;
	return true;
}

static bool write_header(struct disk *disk)
{
	uint8_t header[HEADER_LEN];

	form_put_header(header);
	if (disk->is_regular && ftruncate(disk->fd, 0) < 0) {
		fail(disk, errno);
		return false;
	}
	disk->path = NULL;
	return write_whole(disk, &(struct iovec){ header, HEADER_LEN }, 1);
}

/* What zstd makes of it, unless that is more. */
static void pack(struct disk *disk, struct block *block, const struct wire *payload,
                 const uint8_t **bytes)
{
	size_t room = ZSTD_compressBound(payload->len), len;
	uint8_t *grown = room > disk->packed_room ? realloc(disk->packed, room) : NULL;

	if (grown) {
		disk->packed = grown;
		disk->packed_room = room;
	}
	*bytes = payload->bytes;
	block->len = block->stored = payload->len;
	if (!disk->packer || disk->packed_room < room)
		return;
	len = ZSTD_compressCCtx(disk->packer, disk->packed, disk->packed_room, payload->bytes,
	                        payload->len, LEVEL);
	if (ZSTD_isError(len) || len >= payload->len)
		return;
	*bytes = disk->packed;
	block->packed = true;
	block->stored = len;
}

static void write_block(struct disk *disk, struct block *block, const struct wire *payload)
{
	uint8_t head[HEAD_LEN];
	const uint8_t *bytes;

	if (disk_error(disk) || (!disk->offset && !write_header(disk)))
		return;
	pack(disk, block, payload, &bytes);
	block->offset = disk->offset;
	block->sum = form_sum(bytes, block->stored);
	form_put_head(block, head);
	if (!write_whole(disk, (struct iovec[]){ { head, HEAD_LEN },
	                                         { (void *)bytes, block->stored } }, 2))
		return;
	form_put_row(&disk->index, block, disk->last_row);
	disk->last_row = block->offset;
	disk->rows++;
}

static void write_end(struct disk *disk)
{
	struct block index = { .kind = BLOCK_INDEX };
	struct wire payload = { 0 };
	uint8_t end[END_LEN];

	if (!disk->offset || disk->index.failed)
		return;
	wire_number(&payload, disk->rows);
	wire_put(&payload, disk->index.bytes, disk->index.len);
	if (!payload.failed && payload.len <= PAYLOAD_MAX)
		write_block(disk, &index, &payload);
	free(payload.bytes);
	form_put_end(index.offset, end);
	if (index.offset && !disk_error(disk))
		write_whole(disk, &(struct iovec){ end, END_LEN }, 1);
}

/* ---- the thread: what is to be written ------------------------------------------------------ */

static struct job *next_job(struct disk *disk)
{
	struct job *job;

	pthread_mutex_lock(&disk->lock);
	while (!disk->first && !disk->ends)
		pthread_cond_wait(&disk->came, &disk->lock);
	job = disk->first;
	if (job) {
		disk->first = job->next;
		disk->last = disk->first ? disk->last : &disk->first;
		disk->waiting -= job->payload.len;
	}
	pthread_mutex_unlock(&disk->lock);
	return job;
}

static void *run(void *ctx)
{
	struct disk *disk = ctx;
	struct job *job;

	while ((job = next_job(disk))) {
		write_block(disk, &job->block, &job->payload);
		free(job->payload.bytes);
		free(job);
	}
	write_end(disk);
	return NULL;
}

/* ---- the others' side ----------------------------------------------------------------------- */

static bool is_too_much(const struct disk *disk, const struct wire *payload)
{
	return payload->len > PAYLOAD_MAX || disk->waiting + payload->len > WAITING_MAX;
}

/* No signal is for it. */
static void start(struct disk *disk)
{
	sigset_t all, was;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &was);
	error = pthread_create(&disk->thread, NULL, run, disk);
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	disk->runs = !error;
	if (error)
		fail(disk, error);
}

void disk_put(struct disk *disk, const struct block *block, struct wire *payload)
{
	struct job *job = payload->failed ? NULL : malloc(sizeof(*job));
	bool taken = false;

	if (!disk->runs)
		start(disk);
	pthread_mutex_lock(&disk->lock);
	if (!job)
		disk->error = disk->error ? disk->error : ENOMEM;
	else if (is_too_much(disk, payload))
		disk->error = disk->error ? disk->error : ENOBUFS;
	if (!disk->error) {
		*job = (struct job){ NULL, *block, *payload };
		*disk->last = job;
		disk->last = &job->next;
		disk->waiting += payload->len;
		taken = true;
		pthread_cond_signal(&disk->came);
	}
	pthread_mutex_unlock(&disk->lock);
	if (!taken) {
		free(job);
		free(payload->bytes);
	}
	*payload = (struct wire){ 0 };
}

static int open_file(struct disk *disk, const char *path)
{
	int flags = O_WRONLY | O_CLOEXEC | O_NOCTTY;
	struct stat stat_;

	disk->fd = open(path, flags | O_CREAT | O_EXCL, 0666);
	disk->path = disk->fd < 0 ? NULL : path;
	if (disk->fd < 0 && errno == EEXIST)
		disk->fd = open(path, flags);
	if (disk->fd < 0 || fstat(disk->fd, &stat_) < 0)
		return errno;
	disk->is_regular = S_ISREG(stat_.st_mode);
	return disk->is_regular && flock(disk->fd, LOCK_EX | LOCK_NB) < 0 ? errno : 0;
}

static void disk_free(struct disk *disk)
{
	if (disk->fd >= 0)
		close(disk->fd);
	if (disk->path)
		unlink(disk->path);
	ZSTD_freeCCtx(disk->packer);
	free(disk->packed);
	free(disk->index.bytes);
	pthread_cond_destroy(&disk->came);
	pthread_mutex_destroy(&disk->lock);
	free(disk);
}

struct disk *disk_open(const char *path)
{
	struct disk *disk = calloc(1, sizeof(*disk));
	int error;

	if (!disk)
		return NULL;
	pthread_mutex_init(&disk->lock, NULL);
	pthread_cond_init(&disk->came, NULL);
	disk->last = &disk->first;
	disk->packer = ZSTD_createCCtx();
	error = open_file(disk, path);
	if (!error)
		return disk;
	disk_free(disk);
	errno = error;
	return NULL;
}

int disk_close(struct disk *disk)
{
	int error;

	pthread_mutex_lock(&disk->lock);
	disk->ends = true;
	pthread_cond_signal(&disk->came);
	pthread_mutex_unlock(&disk->lock);
	if (disk->runs)
		pthread_join(disk->thread, NULL);
	error = disk->error;
	if (close(disk->fd) < 0 && !error)
		error = errno;
	disk->fd = -1;
	disk_free(disk);
	return error;
}
