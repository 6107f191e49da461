// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Sizes in bytes, as people write and read them. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

static const char size_units[] = "KMGT";

int size_parse(const char *text, uint64_t *size)
{
	unsigned long long value;
	const char *unit;
	char *end;

	/* strtoull() takes signs and blanks, which are no part of a size. */
	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno)
		return -errno;
	if (*end) {
		unit = strchr(size_units, toupper((unsigned char)*end));
		if (!unit || end[1])
			return -EINVAL;
		if (__builtin_mul_overflow(value,
					   1ULL << (10 * (unit - size_units + 1)),
					   &value))
			return -ERANGE;
	}
	*size = value;
	return 0;
}

struct size_text size_format(uint64_t size)
{
	struct size_text result;
	unsigned int shift = 0;
	unsigned int tenths;
	uint64_t whole;

	while (shift < 40 && size >> (shift + 10))
		shift += 10;
	whole = size >> shift;
	if (!shift) {
		snprintf(result.text, sizeof(result.text),
			 size ? "%" PRIu64 " B" : "%" PRIu64, size);
		return result;
	}
	/* At most 2^40 - 1 times 10: no overflow. */
	tenths = (unsigned int)((size & ((1ULL << shift) - 1)) * 10 >> shift);
	if (tenths)
		snprintf(result.text, sizeof(result.text),
			 "%" PRIu64 ".%u %ciB", whole, tenths,
			 size_units[shift / 10 - 1]);
	else
		snprintf(result.text, sizeof(result.text), "%" PRIu64 " %ciB",
			 whole, size_units[shift / 10 - 1]);
	return result;
}
