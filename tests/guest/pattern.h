/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Memory contents that tell their writer and their place. */
#ifndef PEERMR_PATTERN_H
#define PEERMR_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#include "testing.h"

/* The word at index @i of what writer @seed writes; never 0. */
static inline uint64_t pattern_word(uint64_t seed, uint64_t i)
{
	return ((seed + 1) * 0x9e3779b97f4a7c15ULL ^
		i * 0xff51afd7ed558ccdULL) | 1;
}

static inline void pattern_fill(void *memory, size_t length, uint64_t seed)
{
	volatile uint64_t *word = memory;
	size_t i;

	for (i = 0; i < length / sizeof(*word); i++)
		word[i] = pattern_word(seed, i);
}

static inline void pattern_check(const void *memory, size_t length,
				 uint64_t seed)
{
	const volatile uint64_t *word = memory;
	size_t i;

	for (i = 0; i < length / sizeof(*word); i++) {
		uint64_t value = word[i];

		if (value != pattern_word(seed, i))
			TEST_FAIL("byte %zu of %zu holds %#llx, not %#llx", i * 8,
				  length, (unsigned long long)value,
				  (unsigned long long)pattern_word(seed, i));
	}
}

static inline void zero_check(const void *memory, size_t length)
{
	const volatile uint64_t *word = memory;
	size_t i;

	for (i = 0; i < length / sizeof(*word); i++) {
		uint64_t value = word[i];

		if (value)
			TEST_FAIL("byte %zu of %zu holds %#llx, not 0", i * 8,
				  length, (unsigned long long)value);
	}
}

#endif /* PEERMR_PATTERN_H */
