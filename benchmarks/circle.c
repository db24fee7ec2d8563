/* Walking a circle of calls: see circle.h. */

#define _POSIX_C_SOURCE 200809L

#include "circle.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *value_of(const struct client *client, const char *name, size_t length)
{
    for (size_t i = 0; i < client->kept; i++)
        if (strlen(client->values[i].name) == length && strncmp(client->values[i].name, name, length) == 0)
            return client->values[i].text;
    return NULL;
}

/* 32 hexadecimal digits that no client of any run has had before. */
static const char *new_value(char *text, size_t room)
{
    static atomic_ullong last;
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    unsigned long long start = (unsigned long long)time.tv_sec * 1000000000ULL + (unsigned long long)time.tv_nsec;
    snprintf(text, room, "%016llX%016llX", start, ++last);
    return text;
}

bool fill_in(const struct client *client, const char *template, char *out, size_t room)
{
    size_t used = 0;
    char fresh[VALUE];
    while (*template != '\0') {
        const char *text = template, *close = *template == '{' ? strchr(template, '}') : NULL;
        size_t length = 1;
        if (close != NULL) {
            text = strncmp(template, "{new}", 5) == 0
                       ? new_value(fresh, sizeof fresh)
                       : value_of(client, template + 1, (size_t)(close - template - 1));
            if (text == NULL)
                return false;
            length = strlen(text);
        }
        if (used + length >= room)
            return false;
        memcpy(out + used, text, length);
        used += length;
        template = close != NULL ? close + 1 : template + 1;
    }
    out[used] = '\0';
    return true;
}

static bool keep(struct client *client, const char *name, size_t length, const char *text, size_t size)
{
    size_t place = 0;
    while (place < client->kept &&
           (strlen(client->values[place].name) != length || strncmp(client->values[place].name, name, length) != 0))
        place++;
    if (place == VALUES || length >= NAME || size >= VALUE)
        return false;
    client->kept += place == client->kept;
    struct value *value = &client->values[place];
    memcpy(value->name, name, length);
    value->name[length] = '\0';
    memcpy(value->text, text, size);
    value->text[size] = '\0';
    return true;
}

void number_client(struct client *client, int number)
{
    char text[VALUE];
    int size = snprintf(text, sizeof text, "%d", number);
    keep(client, "client", strlen("client"), text, (size_t)size);
}

/* Keep the wanted tags of an answer; false when one is missing. */
static bool keep_tags(struct client *client, const char *wanted)
{
    while (*wanted != '\0') {
        size_t length = strcspn(wanted, ",");
        size_t tag = strcspn(wanted, "#,");
        char open[NAME + 4];
        snprintf(open, sizeof open, "<%.*s>", (int)tag, wanted);
        const char *text = client->connection.body;
        for (int left = tag < length ? atoi(wanted + tag + 1) : 1; left > 0 && text != NULL; left--) {
            text = strstr(text, open);
            text = text == NULL ? NULL : text + strlen(open);
        }
        if (text == NULL)
            return false;
        text += strspn(text, " ");
        if (!keep(client, wanted, length, text, strcspn(text, " <")))
            return false;
        wanted += length + (wanted[length] == ',');
    }
    return true;
}

/* Count what went wrong; the first of all is shown. */
static enum outcome fail(struct client *client, const struct call *call, int status)
{
    static pthread_mutex_t shown = PTHREAD_MUTEX_INITIALIZER;
    const char *error = status < 0 ? NULL : strstr(client->connection.body, "<error> <number>");
    int number = error == NULL ? 0 : atoi(error + strlen("<error> <number>"));
    if (number > 0 && number < ERRORS)
        client->errors[number]++;
    else
        client->broken++;
    /* Never unlocked: whoever comes second has nothing to show. */
    if (pthread_mutex_trylock(&shown) == 0)
        fprintf(stderr, "load: %s: status %d: %.600s\n", call->path, status, error ? error : "no LGI answer");
    nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    return FAILED;
}

static enum outcome make_call(struct client *client, const struct call *call)
{
    char form[FORM];
    if (!fill_in(client, call->form, form, sizeof form))
        return FAILED;
    if (client->circle->reconnect)
        http_close(&client->connection);
    int status = http_post(&client->connection, call->path, form);
    if (status != 200 || strstr(client->connection.body, "<error>") != NULL)
        return fail(client, call, status);
    return keep_tags(client, call->keep) ? DONE : EMPTY;
}

enum outcome walk(struct client *client)
{
    enum outcome outcome = DONE;
    size_t last = client->circle->length - 1;
    client->kept = 1;
    for (size_t i = 0; i < last && outcome == DONE; i++)
        outcome = make_call(client, &client->circle->calls[i]);
    enum outcome ending = make_call(client, &client->circle->calls[last]);
    return ending == DONE ? outcome : ending;
}
