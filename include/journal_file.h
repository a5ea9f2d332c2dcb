/* The file that names the traps standing in a process: /tmp/alloctrace-UID/PID. */
#ifndef JOURNAL_FILE_H
#define JOURNAL_FILE_H

#include <stdbool.h>
#include <stddef.h>

#define JOURNAL_PATH 64

void journal_file_path(char path[JOURNAL_PATH], int pid);
/* /tmp is everybody's: a folder that another user has put there is not ours. */
bool journal_file_folder(bool make);
/* And the folder with the last one. No error: somebody else has been quicker. */
void journal_file_remove(int pid);

#endif
