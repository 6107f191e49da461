// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* A JSON writer (RFC 8259). */
#include <inttypes.h>
#include <string.h>

#include "json.h"

/*
 * Length of the UTF-8 sequence at @text, or 0 if it is not valid (RFC 3629:
 * no overlong forms, no surrogates, nothing above U+10FFFF). Stops at the
 * terminating NUL because that is no continuation byte.
 */
static size_t json_utf8_length(const unsigned char *text)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t length;

	if (text[0] < 0x80)
		return 1;
	if (text[0] >= 0xc2 && text[0] <= 0xdf)
		length = 2;
	else if (text[0] >= 0xe0 && text[0] <= 0xef)
		length = 3;
	else if (text[0] >= 0xf0 && text[0] <= 0xf4)
		length = 4;
	else
		return 0;

	if (text[0] == 0xe0)
		low = 0xa0;
	else if (text[0] == 0xed)
		high = 0x9f;
	else if (text[0] == 0xf0)
		low = 0x90;
	else if (text[0] == 0xf4)
		high = 0x8f;
	if (text[1] < low || text[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if (text[i] < 0x80 || text[i] > 0xbf)
			return 0;
	return length;
}

static void json_quote(struct json *json, const char *value)
{
	const unsigned char *text = (const unsigned char *)value;
	size_t length;

	fputc('"', json->out);
	for (; *text; text += length) {
		length = json_utf8_length(text);
		if (!length) {
			fputs("\\ufffd", json->out);
			length = 1;
		} else if (*text == '"' || *text == '\\') {
			fprintf(json->out, "\\%c", *text);
		} else if (*text < 0x20 || *text == 0x7f) {
			fprintf(json->out, "\\u%04x", *text);
		} else {
			fwrite(text, 1, length, json->out);
		}
	}
	fputc('"', json->out);
}

static void json_indent(struct json *json)
{
	fprintf(json->out, "\n%*s", (int)json->depth * 2, "");
}

static void json_next(struct json *json, const char *key)
{
	if (json->follows)
		fputc(',', json->out);
	if (json->depth)
		json_indent(json);
	if (key) {
		json_quote(json, key);
		fputs(": ", json->out);
	}
	json->follows = true;
}

static void json_begin(struct json *json, const char *key, char bracket)
{
	json_next(json, key);
	fputc(bracket, json->out);
	json->depth++;
	json->follows = false;
}

static void json_end(struct json *json, char bracket)
{
	json->depth--;
	if (json->follows)
		json_indent(json);
	fputc(bracket, json->out);
	json->follows = true;
	if (!json->depth)
		fputc('\n', json->out);
}

void json_object_begin(struct json *json, const char *key)
{
	json_begin(json, key, '{');
}

void json_object_end(struct json *json)
{
	json_end(json, '}');
}

void json_array_begin(struct json *json, const char *key)
{
	json_begin(json, key, '[');
}

void json_array_end(struct json *json)
{
	json_end(json, ']');
}

void json_string(struct json *json, const char *key, const char *value)
{
	json_next(json, key);
	json_quote(json, value);
}

void json_unsigned(struct json *json, const char *key, uint64_t value)
{
	json_next(json, key);
	fprintf(json->out, "%" PRIu64, value);
}

void json_signed(struct json *json, const char *key, int64_t value)
{
	json_next(json, key);
	fprintf(json->out, "%" PRId64, value);
}

void json_bool(struct json *json, const char *key, bool value)
{
	json_next(json, key);
	fputs(value ? "true" : "false", json->out);
}

void json_null(struct json *json, const char *key)
{
	json_next(json, key);
	fputs("null", json->out);
}
