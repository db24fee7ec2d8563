/* A client that walks a circle of calls, keeping values of one answer for the forms after it. */

#ifndef LGI_BENCHMARKS_CIRCLE_H
#define LGI_BENCHMARKS_CIRCLE_H

#include "http.h"

enum { VALUES = 64, NAME = 32, VALUE = 64, FORM = 16384, ERRORS = 100 };

enum outcome { DONE, EMPTY, FAILED };

struct call {
    const char *path;
    const char *form;  /* urlencoded, with {NAME} for values; {new} is another one each time */
    const char *keep;  /* the tags of the answer to keep, by commas; TAG#3 is the third of them */
};

struct circle {
    const struct call *calls;
    size_t length;
    bool reconnect;  /* a new connection for every request */
};

struct value {
    char name[NAME], text[VALUE];
};

struct client {
    const struct circle *circle;
    struct connection connection;
    struct value values[VALUES];  /* the first is the client's number */
    size_t kept;
    double *milliseconds;         /* of each measured circle that was done */
    size_t measured, room;
    double seconds;               /* how long this client was measured */
    long warm, empty, failed;     /* circles: done before the measuring, without work, broken off */
    long broken, errors[ERRORS];  /* answers that were none, and LGI errors by number */
};

/* Give a client its number, from 1. */
void number_client(struct client *client, int number);

/* A template with the client's values; false when one of them is not known or there is no room. */
bool fill_in(const struct client *client, const char *template, char *out, size_t room);

/* Walk once. EMPTY when a tag to keep was not there; the last call is made whatever happens before. */
enum outcome walk(struct client *client);

#endif
