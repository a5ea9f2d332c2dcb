#include "proc_maps.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include "proc_stat.h"

static FILE *open_file(pid_t pid, const char *name)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return fopen(path, "re");
}

static bool has_memory(pid_t tid)
{
	FILE *file = open_file(tid, "statm");
	unsigned long size = 0;

	if (!file)
		return false;
	if (fscanf(file, "%lu", &size) != 1)
		size = 0;
	fclose(file);
	return size > 0;
}

pid_t proc_with_memory(pid_t pid)
{
	const struct dirent *entry;
	char path[32];
	pid_t tid = 0;
	DIR *tasks;

	if (has_memory(pid))
		return pid;
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	while (tasks && (entry = readdir(tasks)) && !has_memory(tid))
		tid = atoi(entry->d_name);
	if (tasks)
		closedir(tasks);
	return has_memory(tid) ? tid : pid;
}

/* NULL also where nothing is mapped any more: the list of a process that ends is empty. */
static FILE *open_list(pid_t pid, const char *name)
{
	FILE *list = open_file(proc_with_memory(pid), name);
	int first = list ? getc(list) : EOF;

	if (first != EOF) {
		ungetc(first, list);
		return list;
	}
	if (list) {
		fclose(list);
		errno = ESRCH;
	}
	return NULL;
}

taddr_t proc_heap(pid_t pid)
{
	FILE *file = open_list(pid, "stat");
	char text[PROC_STAT_MAX];
	size_t len = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	if (file)
		fclose(file);
	text[len] = '\0';
	return proc_stat_number(text, PROC_STAT_BRK);
}

FILE *proc_maps_open(pid_t pid)
{
	return open_list(pid, "maps");
}

FILE *proc_smaps_open(pid_t pid)
{
	return open_list(pid, "smaps");
}

static bool parse(char *line, struct mapping *mapping)
{
	char perms[5];
	unsigned major, minor;
	unsigned long long begin, end, offset, inode;
	int name = 0;

	if (sscanf(line, "%llx-%llx %4s %llx %x:%x %llu %n", &begin, &end, perms, &offset, &major,
	           &minor, &inode, &name) < 7 || end > UINT64_C(1) << 63)
		return false;
	line[strcspn(line, "\n")] = '\0';
	*mapping = (struct mapping){
		.begin = begin, .end = end, .offset = offset, .dev = makedev(major, minor),
		.inode = inode, .shared = perms[3] == 's', .name = line + name,
		.prot = (perms[0] == 'r' ? PROT_READ : 0) | (perms[1] == 'w' ? PROT_WRITE : 0) |
		        (perms[2] == 'x' ? PROT_EXEC : 0),
	};
	return true;
}

/* "Rss:                 152 kB" */
static void read_field(const char *line, struct mapping *mapping)
{
	unsigned long long kilobytes;

	if (sscanf(line, "Rss: %llu", &kilobytes) == 1)
		mapping->resident = kilobytes * 1024;
	else if (sscanf(line, "Anonymous: %llu", &kilobytes) == 1)
		mapping->anonymous = kilobytes * 1024;
}

/* A mapping's line becomes the present one: its name is pointed to. */
static bool take_line(struct proc_maps *maps, struct mapping *mapping)
{
	char *line = maps->line;
	size_t room = maps->line_room;

	maps->line = maps->next;
	maps->line_room = maps->next_room;
	maps->next = line;
	maps->next_room = room;
	return parse(maps->line, mapping);
}

bool proc_maps_go_on(FILE *list)
{
	int first;

	rewind(list);
	first = getc(list);
	rewind(list);
	return first != EOF;
}

bool proc_maps_next(struct proc_maps *maps, struct mapping *mapping)
{
	bool found = false;

	while (maps->ahead || getline(&maps->next, &maps->next_room, maps->file) > 0) {
		bool is_field = isupper((unsigned char)*maps->next);

		maps->ahead = !is_field && found;
		if (maps->ahead)
			return true;
		if (!is_field)
			found = take_line(maps, mapping);
		else if (found)
			read_field(maps->next, mapping);
	}
	return found;
}

void proc_maps_deinit(struct proc_maps *maps)
{
	free(maps->line);
	free(maps->next);
}
