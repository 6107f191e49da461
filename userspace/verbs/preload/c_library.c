// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * dlsym() and dlvsym() of the C library. Ours have their names, so whatever the
 * dynamic linker would look up for us, under any version, is ours again;
 * therefore we read the symbol tables of the objects behind us ourselves. (Our
 * definitions have no version, and such a one matches every reference.)
 */
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "c_library.h"

/* This object's own. */
extern ElfW(Dyn) _DYNAMIC[] __attribute__((visibility("hidden")));

struct symbol_table {
	const ElfW(Sym) *symbols;
	const char *names;
	const uint32_t *hash;	/* DT_GNU_HASH */
};

/* Most loaders turn these into addresses, some leave offsets. */
static const void *dynamic_address(const struct link_map *object,
				   const ElfW(Dyn) *entry)
{
	ElfW(Addr) address = entry->d_un.d_ptr;

	if (address < object->l_addr)
		address += object->l_addr;
	return (const void *)address;
}

static bool symbol_table_read(const struct link_map *object,
			      struct symbol_table *table)
{
	const ElfW(Dyn) *entry;

	memset(table, 0, sizeof(*table));
	for (entry = object->l_ld; entry->d_tag != DT_NULL; entry++) {
		if (entry->d_tag == DT_SYMTAB)
			table->symbols = dynamic_address(object, entry);
		else if (entry->d_tag == DT_STRTAB)
			table->names = dynamic_address(object, entry);
		else if (entry->d_tag == DT_GNU_HASH)
			table->hash = dynamic_address(object, entry);
	}
	return table->symbols && table->names && table->hash;
}

static uint32_t symbol_hash(const char *name)
{
	uint32_t hash = 5381;

	while (*name)
		hash = hash * 33 + (unsigned char)*name++;
	return hash;
}

/*
 * The table starts with the number of buckets, the first symbol that is in it,
 * and the number of words of a Bloom filter, which is not needed for two names.
 * Then come the filter, the buckets, and the chains: a hash for each symbol,
 * whose lowest bit marks the last one of a bucket.
 */
static const ElfW(Sym) *symbol_find(const struct symbol_table *table,
				    const char *name)
{
	uint32_t hash = symbol_hash(name), bucket_count = table->hash[0];
	uint32_t first = table->hash[1], filter_words = table->hash[2], i;
	const uint32_t *buckets = (const uint32_t *)
		((const ElfW(Addr) *)(table->hash + 4) + filter_words);
	const uint32_t *chains = buckets + bucket_count;

	if (!bucket_count)
		return NULL;
	i = buckets[hash % bucket_count];
	if (i < first)
		return NULL;
	do {
		const ElfW(Sym) *symbol = &table->symbols[i];

		if ((chains[i - first] | 1) == (hash | 1) &&
		    symbol->st_shndx != SHN_UNDEF &&
		    !strcmp(table->names + symbol->st_name, name))
			return symbol;
	} while (!(chains[i++ - first] & 1));
	return NULL;
}

/* Whichever version of it: they are one function. */
static void *function_find(const struct link_map *object, const char *name)
{
	const ElfW(Sym) *symbol;
	struct symbol_table table;

	for (; object; object = object->l_next) {
		if (object->l_ld == _DYNAMIC ||
		    !symbol_table_read(object, &table))
			continue;
		symbol = symbol_find(&table, name);
		if (symbol)
			return (void *)(object->l_addr + symbol->st_value);
	}
	return NULL;
}

/* Behind us, so that one preloaded after us that wraps them, too, gets its turn. */
static void *function_find_next(const char *name)
{
	static const char message[] =
		"peermr: libpeermr-preload.so finds no dlsym() or dlvsym(): it needs the GNU C library\n";
	const struct link_map *object = _r_debug.r_map;
	void *function;

	while (object && object->l_ld != _DYNAMIC)
		object = object->l_next;
	function = function_find(object, name) ?:
		   function_find(_r_debug.r_map, name);
	if (!function) {
		if (write(STDERR_FILENO, message, sizeof(message) - 1) < 0)
			abort();
		abort();
	}
	return function;
}

const struct peermr_c_library *peermr_c_library(void)
{
	static struct peermr_c_library functions;

	/* Written by the constructor, or before there are threads. */
	if (!functions.dlvsym) {
		*(void **)&functions.dlsym = function_find_next("dlsym");
		*(void **)&functions.dlvsym = function_find_next("dlvsym");
	}
	return &functions;
}

static void __attribute__((constructor)) c_library_find(void)
{
	peermr_c_library();
}
