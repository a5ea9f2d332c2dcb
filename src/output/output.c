#include <string.h>

#include "formats.h"

const struct output outputs[] = {
	{ "text", ".txt", text_write, text_tell, false },
	{ "json", ".json", json_write, NULL, true },
	{ "csv", ".csv", csv_write, NULL, false },
	{ "folded", ".folded", folded_write, NULL, false },
	{ "box", ".box", box_write, NULL, false },
	{ "openmetrics", ".om", metrics_write, NULL, false },
	{ "check", ".check", check_write, NULL, false },
};
const size_t output_count = countof(outputs);

const struct output *output_by_name(const char *name, size_t len)
{
	for (size_t i = 0; i < output_count; i++)
		if (strlen(outputs[i].name) == len && !memcmp(outputs[i].name, name, len))
			return &outputs[i];
	return NULL;
}

const struct output *output_by_path(const char *path)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < output_count; i++) {
		size_t tail = strlen(outputs[i].suffix);

		if (len > tail && !strcmp(path + len - tail, outputs[i].suffix))
			return &outputs[i];
	}
	return NULL;
}
