#include "listen.h"
#include "place.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Who has no number here may live in another pid namespace. */
void place_sweep(void)
{
	const struct dirent *entry;
	char path[CONTROL_PATH];
	DIR *dir;

	folder_of(path, geteuid());
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		place_path(path, geteuid(), pid);
		if (pid > 0 && kill(pid, 0) < 0 && errno == ESRCH)
			listen_remove_stale(path);
	}
	if (dir)
		closedir(dir);
}

bool place_make(void)
{
	char folder[CONTROL_PATH];

	folder_of(folder, geteuid());
	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		return false;
	if (place_is_private(geteuid()))
		return true;
	errno = access(folder, F_OK) < 0 && errno == ENOENT ? ENOENT : EPERM;
	return false;
}

void place_remove(pid_t session)
{
	char path[CONTROL_PATH];

	place_path(path, geteuid(), session);
	unlink(path);
	folder_of(path, geteuid());
	rmdir(path);
}
