/* Load for a project server: so many clients, each on a TLS connection of its own, each walking a circle of
   calls again and again. Prints one JSON object.

       load -h HOST -p PORT -c CERTIFICATE -a AUTHORITY -n CLIENTS -t SECONDS [-r] PATH FORM KEEP ...

   A call is three arguments: the path, the urlencoded form, and the tags of the answer to keep, by commas.
   {TAG} in a later form is the kept value; {client} is the client's number from 1, in CERTIFICATE (one PEM
   file with key and certificate) too. When a tag to keep is not in the answer, the circle goes on with its
   last call and is an empty one: a resource that finds no work signs off. -r connects anew for every request.
   Every client walks one circle that is not measured, then all start together; a circle that has begun is
   walked to its end. */

#define _POSIX_C_SOURCE 200809L

#include "circle.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct options {
    const char *host, *port, *certificate, *authority;
    size_t clients;
    double seconds;
};

static struct options options = {"localhost", "443", "", "", 1, 3};
static pthread_barrier_t start_line;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static double processor_seconds(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

static void note(struct client *client, double milliseconds)
{
    if (client->measured == client->room) {
        client->room = 2 * client->room + 1024;
        client->milliseconds = must_have(realloc(client->milliseconds, client->room * sizeof(double)));
    }
    client->milliseconds[client->measured++] = milliseconds;
}

static void *run(void *argument)
{
    struct client *client = argument;
    client->warm = walk(client) == DONE;
    pthread_barrier_wait(&start_line);
    double start = now(), begin = start, finish = start;
    for (; begin < start + options.seconds; begin = finish) {
        enum outcome outcome = walk(client);
        finish = now();
        if (outcome == DONE)
            note(client, (finish - begin) * 1e3);
        client->empty += outcome == EMPTY;
        client->failed += outcome == FAILED;
    }
    client->seconds = finish - start;
    http_close(&client->connection);
    return NULL;
}

static int by_size(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void print_times(const struct client *clients, size_t circles)
{
    double *all = must_have(malloc((circles + 1) * sizeof(double)));
    size_t used = 0;
    all[0] = 0;
    for (size_t i = 0; i < options.clients; i++) {
        if (clients[i].measured > 0)
            memcpy(all + used, clients[i].milliseconds, clients[i].measured * sizeof(double));
        used += clients[i].measured;
    }
    qsort(all, used, sizeof(double), by_size);
    size_t last = used > 0 ? used - 1 : 0;
    printf("\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f, ", all[last / 2], all[last * 99 / 100],
           all[last]);
    free(all);
}

static void print_errors(const struct client *clients)
{
    const char *comma = "";
    printf("\"errors\": {");
    for (int number = 0; number < ERRORS; number++) {
        long count = 0;
        for (size_t i = 0; i < options.clients; i++)
            count += clients[i].errors[number];
        if (count > 0)
            printf("%s\"%d\": %ld", comma, number, count);
        if (count > 0)
            comma = ", ";
    }
    printf("}");
}

static void print_report(const struct client *clients, double processor)
{
    long warm = 0, empty = 0, failed = 0, broken = 0;
    size_t circles = 0;
    double rate = 0, seconds = 0, least = -1;
    for (size_t i = 0; i < options.clients; i++) {
        const struct client *client = &clients[i];
        warm += client->warm;
        empty += client->empty;
        failed += client->failed;
        broken += client->broken;
        circles += client->measured;
        double own = (double)client->measured / client->seconds;
        rate += own;
        least = least < 0 || own < least ? own : least;
        seconds += client->seconds / (double)options.clients;
    }
    printf("{\"done\": %zu, \"warm\": %ld, \"empty\": %ld, \"failed\": %ld, \"broken\": %ld, ", circles, warm,
           empty, failed, broken);
    printf("\"per_second\": %.3f, \"seconds\": %.3f, \"client_cores\": %.3f, ", rate, seconds,
           processor / seconds);
    /* What the worst served client had of its even share: 1 where all were served alike. */
    printf("\"least_share\": %.3f, ", rate > 0 ? least * (double)options.clients / rate : 0);
    print_times(clients, circles);
    print_errors(clients);
    printf("}\n");
}

static int usage(void)
{
    fputs("load -h HOST -p PORT -c CERTIFICATE -a AUTHORITY -n CLIENTS -t SECONDS [-r] PATH FORM KEEP ...\n",
          stderr);
    return 2;
}

/* The circle of the command line; of length 0 when it is not one. */
static struct circle read_arguments(int count, char **arguments)
{
    struct circle circle = {0};
    for (int letter; (letter = getopt(count, arguments, "h:p:c:a:n:t:r")) != -1;) {
        switch (letter) {
        case 'h': options.host = optarg; break;
        case 'p': options.port = optarg; break;
        case 'c': options.certificate = optarg; break;
        case 'a': options.authority = optarg; break;
        case 'n': options.clients = strtoul(optarg, NULL, 10); break;
        case 't': options.seconds = strtod(optarg, NULL); break;
        case 'r': circle.reconnect = true; break;
        default: return circle;
        }
    }
    size_t rest = (size_t)(count - optind);
    if (rest == 0 || rest % 3 != 0 || options.clients == 0 || options.clients > 1000)
        return circle;
    struct call *calls = must_have(calloc(rest / 3, sizeof *calls));
    for (char **word = arguments + optind; circle.length < rest / 3; word += 3)
        calls[circle.length++] = (struct call){word[0], word[1], word[2]};
    circle.calls = calls;
    return circle;
}

static void make_client(struct client *client, const struct circle *circle, const struct addrinfo *address,
                        int number)
{
    char certificate[FORM];
    client->circle = circle;
    client->connection.host = options.host;
    client->connection.address = address;
    number_client(client, number);
    if (!fill_in(client, options.certificate, certificate, sizeof certificate))
        exit(usage());
    client->connection.context = client_context(certificate, options.authority);
}

int main(int count, char **arguments)
{
    struct circle circle = read_arguments(count, arguments);
    struct addrinfo *address, wanted = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    if (circle.length == 0 || getaddrinfo(options.host, options.port, &wanted, &address) != 0)
        return usage();
    struct client *clients = must_have(calloc(options.clients, sizeof *clients));
    pthread_t *threads = must_have(calloc(options.clients, sizeof *threads));
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
        pthread_barrier_init(&start_line, NULL, (unsigned)options.clients + 1) != 0)
        return 2;
    for (size_t i = 0; i < options.clients; i++) {
        make_client(&clients[i], &circle, address, (int)i + 1);
        if (pthread_create(&threads[i], NULL, run, &clients[i]) != 0)
            return 2;
    }
    pthread_barrier_wait(&start_line);
    double before = processor_seconds();
    for (size_t i = 0; i < options.clients; i++)
        pthread_join(threads[i], NULL);
    print_report(clients, processor_seconds() - before);
    return 0;
}
