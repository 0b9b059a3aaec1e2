/* A scenario file: lines `key = value`, `#` comments, `include = FILE` (beside this file).
 *
 * A key is a path of segments joined by dots; `*` in the file stands for any one segment. The last line that
 * fits a question wins, so that a file includes a machine and then states what differs.
 * A value may end in KiB, MiB or GiB, and then in a comment.
 */
#include <ctype.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LINES 2000

static struct {
    char *key, *value;
} lines_[MAX_LINES];
static int count_;

static char *trim(char *text) {
    while (isspace((unsigned char)*text)) text++;
    for (char *end = text + strlen(text); end > text && isspace((unsigned char)end[-1]);) *--end = 0;
    return text;
}

static void load(const char *path) {
    FILE *file = fopen(path, "r");
    char line[4096];
    if (!file) {
        fprintf(stderr, "no scenario %s\n", path);
        abort();
    }
    while (fgets(line, sizeof line, file)) {
        char *equals = strchr(line, '=');
        char *key = trim(line);
        if (!*key || *key == '#' || !equals) continue;
        *equals = 0;
        key = trim(key);
        char *value = trim(equals + 1), *comment = strstr(value, " #");
        if (comment) *comment = 0;
        value = trim(value);
        if (!strcmp(key, "include")) {
            char beside[4096];
            const char *slash = strrchr(path, '/');
            snprintf(beside, sizeof beside, "%.*s%s", slash ? (int)(slash - path + 1) : 0, path, value);
            load(beside);
        } else if (count_ < MAX_LINES) {
            lines_[count_].key = strdup(key);
            for (char *dot = lines_[count_].key; *dot; dot++)
                if (*dot == '.') *dot = '/'; /* so that fnmatch's * stays within a segment */
            lines_[count_++].value = strdup(value);
        }
    }
    fclose(file);
}

/* The value of a key, or NULL. */
static const char *ask(const char *format, ...) {
    char key[256];
    va_list args;
    va_start(args, format);
    vsnprintf(key, sizeof key, format, args);
    va_end(args);
    for (char *dot = key; *dot; dot++)
        if (*dot == '.') *dot = '/';
    for (int at = count_ - 1; at >= 0; at--)
        if (!fnmatch(lines_[at].key, key, FNM_PATHNAME)) return *lines_[at].value ? lines_[at].value : NULL;
    return NULL;
}

static double number(const char *text) {
    char *unit;
    double value = strtod(text, &unit);
    if (!strncmp(text, "0x", 2)) value = (double)strtoull(text, &unit, 16);
    unit = trim(unit);
    if (!strncmp(unit, "KiB", 3)) return value * (1ull << 10);
    if (!strncmp(unit, "MiB", 3)) return value * (1ull << 20);
    if (!strncmp(unit, "GiB", 3)) return value * (1ull << 30);
    return value;
}
