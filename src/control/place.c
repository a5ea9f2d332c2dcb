#include "place.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void folder_of(char path[CONTROL_PATH], uid_t uid)
{
	snprintf(path, CONTROL_PATH, "/tmp/alloctrace-ctl-%u", uid);
}

void place_path(char path[CONTROL_PATH], uid_t uid, pid_t session)
{
	snprintf(path, CONTROL_PATH, "/tmp/alloctrace-ctl-%u/%d", uid, session);
}

bool place_is_private(uid_t uid)
{
	char folder[CONTROL_PATH];
	struct stat stat_;

	folder_of(folder, uid);
	return lstat(folder, &stat_) == 0 && S_ISDIR(stat_.st_mode) && stat_.st_uid == uid &&
	       !(stat_.st_mode & 077);
}

bool place_make(void)
{
	char folder[CONTROL_PATH];

	folder_of(folder, geteuid());
	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		return false;
	errno = EPERM;
	return place_is_private(geteuid());
}

void place_remove(pid_t session)
{
	char path[CONTROL_PATH];

	place_path(path, geteuid(), session);
	unlink(path);
	folder_of(path, geteuid());
	rmdir(path);
}
