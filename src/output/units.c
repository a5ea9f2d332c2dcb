#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "units.h"

char *units_number(char *out, uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);
	char *end = out;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*end++ = ',';
		*end++ = digits[i];
	}
	*end = 0;
	return out;
}

char *units_bytes(char *out, uint64_t n)
{
	static const char *const unit[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = n / 1024.0;
	size_t i = 0;

	if (n < 1024) {
		snprintf(out, UNITS_MAX, "%" PRIu64 " B", n);
		return out;
	}
	for (; value >= 1023.95 && i + 1 < countof(unit); i++)
		value /= 1024;
	snprintf(out, UNITS_MAX, "%.1f %s", value, unit[i]);
	return out;
}

char *units_count(char *out, uint64_t n, const char *noun)
{
	size_t len = strlen(units_number(out, n));

	snprintf(out + len, UNITS_MAX - len, " %s%s", noun, n == 1 ? "" : "s");
	return out;
}

char *units_time(char *out, uint64_t ms)
{
	uint64_t seconds = ms / 1000, minutes = seconds / 60;

	if (ms < 1000)
		snprintf(out, UNITS_MAX, "%" PRIu64 " ms", ms);
	else if (minutes < 1)
		snprintf(out, UNITS_MAX, "%" PRIu64 ".%" PRIu64 " s", seconds, ms % 1000 / 100);
	else if (minutes < 60)
		snprintf(out, UNITS_MAX, "%" PRIu64 " min %" PRIu64 " s", minutes, seconds % 60);
	else
		snprintf(out, UNITS_MAX, "%" PRIu64 " h %" PRIu64 " min", minutes / 60,
			 minutes % 60);
	return out;
}

char *units_share(char *out, uint64_t part, uint64_t whole)
{
	double percent = whole ? 100.0 * part / whole : 0;

	if (percent > 0 && percent < 0.05)
		return strcpy(out, "<0.1 %");
	if (part < whole && percent > 99.9)
		percent = 99.9;
	snprintf(out, UNITS_MAX, "%.1f %%", percent);
	return out;
}
