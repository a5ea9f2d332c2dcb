#include "place.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal_file.h"

void place_path(char path[CONTROL_PATH], uid_t uid, pid_t session)
{
	snprintf(path, CONTROL_PATH, "/tmp/alloctrace-%u/ctl.%d", uid, session);
}

bool place_is_private(uid_t uid)
{
	char folder[CONTROL_PATH];
	struct stat stat_;

	snprintf(folder, sizeof(folder), "/tmp/alloctrace-%u", uid);
	return lstat(folder, &stat_) == 0 && S_ISDIR(stat_.st_mode) && stat_.st_uid == uid &&
	       !(stat_.st_mode & 077);
}

bool place_make(void)
{
	return journal_file_folder(true);
}

void place_remove(pid_t session)
{
	char path[CONTROL_PATH];

	place_path(path, geteuid(), session);
	unlink(path);
	snprintf(path, sizeof(path), "/tmp/alloctrace-%u", geteuid());
	rmdir(path);
}
