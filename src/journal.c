/* A line a trap: "+ADDRESS ORIGINAL", in hex, and "-BEGIN END" for a range that was
 * unmapped with its traps. A line cut short by the kill was never planted. */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal_file.h"
#include "log.h"
#include "process.h"

#define TRIES 100

/* The folder goes with the last journal in it, which another session may remove just now. */
static int make_file(int pid)
{
	char path[JOURNAL_PATH];
	int fd = -1;

	journal_file_path(path, pid);
	errno = ENOENT;
	for (int i = 0; fd < 0 && errno == ENOENT && i < TRIES; i++)
		if (journal_file_folder(true))
			fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd;
}

void journal_begin(struct journal *journal, int pid)
{
	int fd;

	journal_close(journal);
	journal->pid = pid;
	fd = make_file(pid);
	if (fd < 0)
		return;
	journal->file = fdopen(fd, "w");
	if (!journal->file) { /* no memory */
		close(fd);
		journal_file_remove(pid);
		return;
	}
	fprintf(journal->file, "alloctrace 1 %d %llu\n", pid, process_of(pid).started);
	fflush(journal->file);
}

void journal_add(struct journal *journal, const struct journal_trap *traps, size_t count)
{
	if (!journal->file)
		return;
	for (size_t i = 0; i < count; i++)
		fprintf(journal->file, "+%" PRIx64 " %x\n", traps[i].addr, traps[i].original);
	fflush(journal->file);
}

void journal_forget(struct journal *journal, taddr_t begin, taddr_t end)
{
	if (!journal->file)
		return;
	fprintf(journal->file, "-%" PRIx64 " %" PRIx64 "\n", begin, end);
	fflush(journal->file);
}

void journal_close(struct journal *journal)
{
	if (journal->file)
		fclose(journal->file);
	*journal = (struct journal){ 0 };
}

void journal_end(struct journal *journal)
{
	int pid = journal->file ? journal->pid : 0;

	journal_close(journal);
	if (pid)
		journal_file_remove(pid);
}

struct traps {
	struct journal_trap *list;
	size_t count;
};

static void drop(struct traps *traps, taddr_t begin, taddr_t end)
{
	for (size_t i = traps->count; i-- > 0;)
		if (traps->list[i].addr >= begin && traps->list[i].addr < end)
			traps->list[i] = traps->list[--traps->count];
}

static void add(struct traps *traps, taddr_t addr, unsigned original)
{
	struct journal_trap *grown = realloc(traps->list, (traps->count + 1) * sizeof(*grown));

	if (!grown)
		die(EXIT_OURS, "no memory for the journal");
	traps->list = grown;
	grown[traps->count++] = (struct journal_trap){ addr, original, false };
}

static void read_lines(FILE *file, struct traps *traps)
{
	char line[128];

	while (fgets(line, sizeof(line), file) && strchr(line, '\n')) {
		taddr_t addr, end;
		unsigned original;

		if (sscanf(line, "+%" SCNx64 " %x", &addr, &original) == 2)
			add(traps, addr, original);
		else if (sscanf(line, "-%" SCNx64 " %" SCNx64, &addr, &end) == 2)
			drop(traps, addr, end);
	}
}

int journal_read(int pid, void (*take)(void *, taddr_t, uint8_t), void *ctx)
{
	struct traps traps = { 0 };
	unsigned long long start = 0;
	char path[JOURNAL_PATH];
	FILE *file;
	int its = 0;

	journal_file_path(path, pid);
	file = journal_file_folder(false) ? fopen(path, "re") : NULL;
	if (!file)
		return -ENOENT;
	if (fscanf(file, "alloctrace 1 %d %llu\n", &its, &start) == 2 && its == pid &&
	    start == process_of(pid).started)
		read_lines(file, &traps);
	else
		its = -1;
	fclose(file);
	for (size_t i = 0; i < traps.count; i++)
		take(ctx, traps.list[i].addr, traps.list[i].original);
	free(traps.list);
	return its == pid ? 0 : -ESTALE;
}
