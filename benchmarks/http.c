/* HTTP over TLS, as much of it as the answers of a project server need: see http.h. */

#define _POSIX_C_SOURCE 200809L

#include "http.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* A server may hold a call for 30 s while a job is locked; nobody waits much longer. */
static const struct timeval TIMEOUT = {.tv_sec = 60};

void *must_have(void *memory)
{
    if (memory == NULL) {
        fputs("load: out of memory\n", stderr);
        exit(2);
    }
    return memory;
}

SSL_CTX *client_context(const char *certificate, const char *authority)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL || SSL_CTX_load_verify_locations(context, authority, NULL) != 1 ||
        SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, certificate, SSL_FILETYPE_PEM) != 1) {
        fprintf(stderr, "load: cannot use %s with %s\n", certificate, authority);
        ERR_print_errors_fp(stderr);
        exit(2);
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    return context;
}

static bool tcp_open(struct connection *connection)
{
    const struct addrinfo *address = connection->address;
    int one = 1;
    connection->socket = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
    if (connection->socket < 0)
        return false;
    if (setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0 &&
        setsockopt(connection->socket, SOL_SOCKET, SO_RCVTIMEO, &TIMEOUT, sizeof TIMEOUT) == 0 &&
        connect(connection->socket, address->ai_addr, address->ai_addrlen) == 0)
        return true;
    close(connection->socket);
    return false;
}

bool http_open(struct connection *connection)
{
    if (connection->tls != NULL)
        return true;
    if (!tcp_open(connection))
        return false;
    connection->tls = must_have(SSL_new(connection->context));
    if (SSL_set_fd(connection->tls, connection->socket) == 1 &&
        SSL_set_tlsext_host_name(connection->tls, connection->host) == 1 &&
        SSL_set1_host(connection->tls, connection->host) == 1 && SSL_connect(connection->tls) == 1)
        return true;
    http_close(connection);
    return false;
}

void http_close(struct connection *connection)
{
    if (connection->tls == NULL)
        return;
    /* Only said goodbye, not waited for: it fails harmlessly where the connection is broken already. */
    if (SSL_is_init_finished(connection->tls))
        SSL_shutdown(connection->tls);
    SSL_free(connection->tls);
    connection->tls = NULL;
    close(connection->socket);
    ERR_clear_error();
}

static bool write_all(struct connection *connection, const char *text, size_t length)
{
    return SSL_write(connection->tls, text, (int)length) == (int)length;
}

/* Read what has come, behind what is there. */
static bool read_more(struct connection *connection)
{
    if (connection->size - connection->filled < 65536) {
        connection->size = 2 * connection->size + 131072;
        connection->buffer = must_have(realloc(connection->buffer, connection->size + 1));
    }
    int length = SSL_read(connection->tls, connection->buffer + connection->filled,
                          (int)(connection->size - connection->filled));
    if (length <= 0)
        return false;
    connection->filled += (size_t)length;
    connection->buffer[connection->filled] = '\0';
    return true;
}

/* The value of a header, or an empty text. */
static const char *header(const char *head, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, length) == 0 && line[2 + length] == ':')
            return line + 3 + length + strspn(line + 3 + length, " \t");
    return "";
}

/* The status of an answer, or -1. Only answers that say their length are understood. */
static int read_answer(struct connection *connection, bool *closing)
{
    char *end = NULL, *rest = NULL;
    connection->filled = 0;
    do {
        if (!read_more(connection))
            return -1;
    } while ((end = strstr(connection->buffer, "\r\n\r\n")) == NULL);
    *end = '\0';
    const char *length = header(connection->buffer, "Content-Length");
    size_t start = (size_t)(end + 4 - connection->buffer), size = strtoul(length, &rest, 10);
    *closing = strncasecmp(header(connection->buffer, "Connection"), "close", 5) == 0;
    if (rest == length || strncmp(connection->buffer, "HTTP/1.", 7) != 0)
        return -1;
    int status = atoi(connection->buffer + strlen("HTTP/1.1 "));
    while (connection->filled < start + size)
        if (!read_more(connection))
            return -1;
    connection->body = connection->buffer + start;
    return status;
}

int http_post(struct connection *connection, const char *path, const char *form)
{
    char request[8192];
    bool closing = false;
    int length = snprintf(request, sizeof request,
                          "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: load\r\nAccept: */*\r\n"
                          "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %zu\r\n\r\n%s",
                          path, connection->host, strlen(form), form);
    if (length < 0 || (size_t)length >= sizeof request) {
        fprintf(stderr, "load: the form for %s is too long\n", path);
        exit(2);
    }
    if (!http_open(connection))
        return -1;
    int status = write_all(connection, request, (size_t)length) ? read_answer(connection, &closing) : -1;
    if (status < 0 || closing)
        http_close(connection);
    return status;
}
