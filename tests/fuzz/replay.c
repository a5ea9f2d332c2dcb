/* Gives kept inputs to a fuzz target: replay FILE|FOLDER... Says how many there were. */
#include <fts.h>

#include "fuzz.h"

static void replay(const char *path)
{
	FILE *file = fopen(path, "re"), *to;
	char *bytes = NULL;
	uint8_t *exact; /* one byte too far is then seen */
	size_t len;
	int c;

	to = open_memstream(&bytes, &len);
	if (!file || !to) {
		perror(path);
		exit(2);
	}
	while ((c = getc(file)) != EOF)
		putc(c, to);
	fclose(file);
	fclose(to);
	exact = malloc(len ? len : 1);
	memcpy(exact, bytes, len);
	fprintf(stderr, "%s\n", path); /* the last one is the culprit */
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	free(bytes);
}

int main(int argc, char **argv)
{
	FTS *tree = argc > 1 ? fts_open(argv + 1, FTS_PHYSICAL | FTS_NOCHDIR, NULL) : NULL;
	unsigned count = 0;
	FTSENT *entry;

	while (tree && (entry = fts_read(tree)))
		if (entry->fts_info == FTS_F) {
			replay(entry->fts_path);
			count++;
		}
	if (tree)
		fts_close(tree);
	printf("%u\n", count);
	return count ? 0 : 2;
}
