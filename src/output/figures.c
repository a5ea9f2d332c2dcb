#include "figures.h"

#include <string.h>

static const struct {
	const char *name;
	unsigned section;
} sections[] = {
	{ "date", FIGURES_DATE }, { "threads", FIGURES_THREADS }, { "count", FIGURES_COUNT },
	{ "sizes", FIGURES_SIZES }, { "allocator", FIGURES_ALLOCATOR }, { "vm", FIGURES_VM },
};

static unsigned section_of(const char *word, size_t len)
{
	for (size_t i = 0; i < countof(sections); i++)
		if (strlen(sections[i].name) == len && memcmp(sections[i].name, word, len) == 0)
			return sections[i].section;
	return 0;
}

bool figures_sections_read(const char *text, unsigned *out)
{
	unsigned set = 0;

	for (;;) {
		size_t len = strcspn(text, ",");
		unsigned one = section_of(text, len);

		if (!one)
			return false;
		set |= one;
		if (!text[len])
			break;
		text += len + 1;
	}
	*out = set;
	return true;
}

void figures_sections_put(FILE *out, unsigned set)
{
	const char *between = "";

	for (size_t i = 0; i < countof(sections); i++) {
		if (!(set & sections[i].section))
			continue;
		fprintf(out, "%s%s", between, sections[i].name);
		between = ",";
	}
}
