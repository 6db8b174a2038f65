// Two activities in C, as a WebAssembly component. build.sh makes ../activities/words.wasm of it.
//
// Input and result are JSON. A program that does more than this would bring a JSON library along; the few lines here
// read a text or a whole number.
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"

// ---- JSON, as much as is needed ----

// The text of a JSON string, and its length; escapes become blanks. NULL when it is something else.
static char *text_of(const words_string_t *json, size_t *len) {
    if (json->len < 2 || json->ptr[0] != '"') return NULL;
    char *text = malloc(json->len);
    if (!text) abort(); // the host tells that the memory was at its limit
    size_t at = 0;
    for (size_t i = 1; i + 1 < json->len; i++) {
        bool escaped = json->ptr[i] == '\\';
        if (escaped) i += json->ptr[i + 1] == 'u' ? 5 : 1;
        text[at++] = escaped ? ' ' : (char)json->ptr[i];
    }
    *len = at;
    return text;
}

static bool number_of(const words_string_t *json, int64_t *number) {
    int64_t value = 0;
    for (size_t i = 0; i < json->len; i++) {
        if (json->ptr[i] < '0' || json->ptr[i] > '9' || value > INT64_MAX / 10 - 9) return false;
        value = value * 10 + (json->ptr[i] - '0');
    }
    *number = value;
    return json->len > 0;
}

static bool fail(words_failure_t *failure, const char *name, const char *message) {
    words_string_dup(&failure->name, name);
    words_string_dup(&failure->message, message);
    failure->code.is_some = false;
    failure->non_retryable = true;
    return false;
}

// ---- the host ----

static void say(const char *line) {
    words_string_t text = {(uint8_t *)line, strlen(line)};
    nexus_function_host_log(NEXUS_FUNCTION_HOST_LEVEL_INFO, &text);
}

// One operation of the host. A failure of it becomes the function's own.
static bool ask(const char *operation, char *argument, words_string_t *answer, words_failure_t *failure) {
    words_string_t name = {(uint8_t *)operation, strlen(operation)};
    words_string_t json = {(uint8_t *)argument, strlen(argument)};
    return nexus_function_host_call(&name, &json, answer, failure);
}

// ---- the activities ----

bool exports_words_count_words(words_string_t *input, words_string_t *context, words_string_t *ret, words_failure_t *err) {
    (void)context;
    size_t len, words = 0, longest_at = 0, longest_len = 0;
    char *text = text_of(input, &len);
    if (!text) return fail(err, "TypeError", "the input is a text");
    for (size_t i = 0; i < len;) {
        while (i < len && text[i] <= ' ') i++;
        size_t begin = i;
        while (i < len && (unsigned char)text[i] > ' ') i++;
        if (i == begin) break;
        words++;
        if (i - begin > longest_len) longest_at = begin, longest_len = i - begin;
    }
    char *result = malloc(longest_len + 64);
    if (!result) abort();
    snprintf(result, longest_len + 64, "{\"words\":%zu,\"longest\":\"%.*s\"}", words, (int)longest_len, text + longest_at);
    say("counted");
    words_string_set(ret, result);
    return true;
}

bool exports_words_remember_total(words_string_t *input, words_string_t *context, words_string_t *ret, words_failure_t *err) {
    (void)context;
    int64_t words, total;
    if (!number_of(input, &words)) return fail(err, "TypeError", "the input is a number of words");
    // Somebody else may count at the same time: the commit says whether the key is still what was read.
    for (;;) {
        words_string_t entry, done;
        if (!ask("kv.get", "\"words/total\"", &entry, err)) return false;
        // null, or {"key":"words/total","value":N,"version":V}
        const char *json = (const char *)entry.ptr;
        char version[24] = "null";
        total = 0;
        if (entry.len > 4) {
            char copy[160];
            snprintf(copy, sizeof copy, "%.*s", (int)entry.len, json);
            const char *value_at = strstr(copy, "\"value\":"), *version_at = strstr(copy, "\"version\":");
            if (!value_at || !version_at) return fail(err, "TypeError", "words/total holds something else");
            total = strtoll(value_at + 8, NULL, 10);
            snprintf(version, sizeof version, "%lld", strtoll(version_at + 10, NULL, 10));
        }
        char commit[256];
        snprintf(commit, sizeof commit,
                 "{\"checks\":[{\"key\":\"words/total\",\"version\":%s}],\"puts\":[{\"key\":\"words/total\",\"value\":%lld}],"
                 "\"deletes\":[]}",
                 version, (long long)(total + words));
        if (!ask("kv.commit", commit, &done, err)) return false;
        if (done.len > 10 && memcmp(done.ptr, "{\"ok\":true", 10) == 0) break;
    }
    char result[32];
    snprintf(result, sizeof result, "%lld", (long long)(total + words));
    words_string_dup(ret, result);
    return true;
}
