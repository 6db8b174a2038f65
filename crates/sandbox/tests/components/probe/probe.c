// What tests do to the sandbox, and ask of it.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"

#define FUNCTION(name) \
    bool exports_probe_##name(probe_string_t *input, probe_string_t *context, probe_string_t *ret, probe_failure_t *err)

static volatile int zero;
static char seen[64] = "nothing";

static probe_string_t text(const char *of) { return (probe_string_t){(uint8_t *)of, strlen(of)}; }

static bool ask(const char *operation, const char *argument, probe_string_t *ret, probe_failure_t *err) {
    probe_string_t name = text(operation), json = text(argument);
    return nexus_function_host_call(&name, &json, ret, err);
}

FUNCTION(echo) {
    probe_string_dup_n(ret, (const char *)input->ptr, input->len);
    return true;
}

FUNCTION(whereabouts) {
    probe_string_dup_n(ret, (const char *)context->ptr, context->len);
    return true;
}

FUNCTION(refuse) {
    probe_string_dup(&err->name, "CardDeclined");
    probe_string_dup(&err->message, "no money");
    err->code.is_some = false;
    err->non_retryable = true;
    return false;
}

FUNCTION(not_json) {
    probe_string_dup(ret, "{not json");
    return true;
}

// The answer is what the call before has left behind: nothing, when memories are not shared.
FUNCTION(remember) {
    char said[80];
    snprintf(said, sizeof said, "\"%s\"", seen);
    snprintf(seen, sizeof seen, "%.*s", input->len > 2 ? (int)input->len - 2 : 0, (const char *)input->ptr + 1);
    probe_string_dup(ret, said);
    return true;
}

FUNCTION(spin) {
    for (;;) zero = 0;
}

FUNCTION(trap) {
    __builtin_trap();
}

FUNCTION(wild) {
    *(volatile int *)0x7fffffff = 1;
    return false;
}

// Nothing of these frames lies in linear memory: it is the machine's stack that is used up.
static int deeper(int n);
static int (*volatile again)(int) = deeper;
static int deeper(int n) { return again(n + 1) ^ n; }

FUNCTION(recurse) {
    zero = deeper(0);
    return false;
}

static char *volatile hoarded; // a compiler leaves out memory that nobody looks at

FUNCTION(hoard) {
    for (;;) {
        char *more = malloc(1 << 20);
        if (!more) abort();
        memset(more, 0x5a, 1 << 20);
        hoarded = more;
    }
}

static char *filled(size_t len) {
    char *json = malloc(len + 1);
    if (!json) abort();
    memset(json, 'x', len);
    json[0] = json[len - 1] = '"';
    json[len] = 0;
    return json;
}

FUNCTION(big_result) {
    probe_string_set(ret, filled(1 << 20));
    return true;
}

FUNCTION(log_lines) {
    probe_string_t line = text("a line"), other = text("a warning");
    nexus_function_host_log(NEXUS_FUNCTION_HOST_LEVEL_INFO, &line);
    nexus_function_host_log(NEXUS_FUNCTION_HOST_LEVEL_WARN, &other);
    char now[32];
    snprintf(now, sizeof now, "%llu", (unsigned long long)nexus_function_host_now());
    probe_string_dup(ret, now);
    return true;
}

FUNCTION(log_flood) {
    probe_string_t line = text(filled(64 << 10));
    for (;;) nexus_function_host_log(NEXUS_FUNCTION_HOST_LEVEL_INFO, &line);
}

FUNCTION(call_flood) {
    for (;;) {
        probe_string_t answer;
        ask("kv.get", "\"k\"", &answer, err);
    }
}

FUNCTION(big_argument) { return ask("kv.get", filled(1 << 20), ret, err); }
FUNCTION(kv_get) { return ask("kv.get", "\"k\"", ret, err); }
FUNCTION(kv_put) {
    return ask("kv.commit", "{\"checks\":[],\"puts\":[{\"key\":\"k\",\"value\":7}],\"deletes\":[]}", ret, err);
}
FUNCTION(fetch) { return ask("http", "{\"url\":\"https://example.com/\"}", ret, err); }
FUNCTION(wait) { return ask("host", "{\"name\":\"wait\",\"arg\":1}", ret, err); }
FUNCTION(draw) { return ask("random", "16", ret, err); }
FUNCTION(unknown) { return ask("files.open", "null", ret, err); }

static bool all(size_t count, probe_string_t *ret, probe_failure_t *err) {
    nexus_function_host_list_operation_t wanted = {malloc(count * sizeof(nexus_function_host_operation_t)), count};
    for (size_t i = 0; i < count; i++) {
        wanted.ptr[i].name = text("host");
        wanted.ptr[i].argument = text(i ? "{\"name\":\"wait\",\"arg\":2}" : "{\"name\":\"wait\",\"arg\":1}");
    }
    nexus_function_host_list_result_string_failure_t answers;
    nexus_function_host_call_all(&wanted, &answers);
    char said[256] = "[";
    for (size_t i = 0; i < answers.len && i < 8; i++) {
        if (answers.ptr[i].is_err) {
            *err = answers.ptr[i].val.err;
            return false;
        }
        snprintf(said + strlen(said), sizeof said - strlen(said), "%s%.*s", i ? "," : "", (int)answers.ptr[i].val.ok.len,
                 (const char *)answers.ptr[i].val.ok.ptr);
    }
    strcat(said, "]");
    probe_string_dup(ret, said);
    return true;
}

FUNCTION(wait_both) { return all(2, ret, err); }
FUNCTION(wait_many) { return all(1000, ret, err); }
