#include "journal_file.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void folder_of(char path[JOURNAL_PATH])
{
	snprintf(path, JOURNAL_PATH, "/tmp/alloctrace-%u", geteuid());
}

void journal_file_path(char path[JOURNAL_PATH], int pid)
{
	snprintf(path, JOURNAL_PATH, "/tmp/alloctrace-%u/%d", geteuid(), pid);
}

bool journal_file_folder(bool make)
{
	char folder[JOURNAL_PATH];
	struct stat stat_;

	folder_of(folder);
	if (make)
		mkdir(folder, 0700);
	return lstat(folder, &stat_) == 0 && S_ISDIR(stat_.st_mode) &&
	       stat_.st_uid == geteuid() && !(stat_.st_mode & 077);
}

void journal_file_remove(int pid)
{
	char path[JOURNAL_PATH];

	journal_file_path(path, pid);
	unlink(path);
	folder_of(path);
	rmdir(path);
}
