/* What can be told of a program before it is run. */
#ifndef PROGRAM_FILE_H
#define PROGRAM_FILE_H

/* Ends the process, with one sentence, for an ELF file that is damaged or not for this
 * processor, which execvp(3) would hand to a shell, and for one whose interpreter, or
 * a script whose interpreter, is not there, and for what may not be read: prctl(2)
 * tells of such a process's memory. */
void program_file_check(const char *path);
/* Only whether it is one for this processor: of a program that runs already. */
void program_file_check_class(const char *path, const char *name);

#endif
