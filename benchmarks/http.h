/* One TLS connection to a project server, and HTTP/1.1 requests on it, one after the other. */

#ifndef LGI_BENCHMARKS_HTTP_H
#define LGI_BENCHMARKS_HTTP_H

#include <openssl/ssl.h>
#include <netdb.h>
#include <stdbool.h>
#include <stddef.h>

struct connection {
    SSL_CTX *context;                /* who we are and whom we trust */
    const struct addrinfo *address;  /* where the server is */
    const char *host;                /* the name its certificate must have */
    SSL *tls;                        /* NULL while there is no connection */
    int socket;
    char *buffer;                    /* the last answer, ended by a NUL */
    size_t size, filled;
    const char *body;                /* what follows the headers in it */
};

/* A context with full handshakes only; ends the program when a file cannot be used. */
SSL_CTX *client_context(const char *certificate, const char *authority);

/* Connect and shake hands, unless that is done already. */
bool http_open(struct connection *connection);

void http_close(struct connection *connection);

/* Post a form, connecting first where needed. The status of the answer, whose text is then in `body`, or -1
   after an error of the connection, which is closed then. Nothing is ever sent twice. */
int http_post(struct connection *connection, const char *path, const char *form);

/* Memory or the end of the program. */
void *must_have(void *memory);

#endif
