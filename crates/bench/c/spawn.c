/* The floor of the keeper's rows: the loop that everybody writes first. Fork, exec, wait, again.
 *
 *     spawn loop WIDTH COUNT PROGRAM ARG…   COUNT children, WIDTH at a time; prints the nanoseconds that they took together
 *     spawn told COUNT PROGRAM ARG…         one at a time; prints for each the moment (ns, CLOCK_MONOTONIC) at which waitpid returned
 *     spawn asked PROGRAM ARG…              one at a time, each for a byte on standard input; writes the line `down` when waitpid has returned
 *     spawn relay COUNT PROGRAM ARG…        one at a time; writes the line `down` when waitpid has returned
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static void bear(char **argv) {
    pid_t pid = fork();
    if (pid < 0) exit(3);
    if (pid == 0) {
        execv(argv[0], argv);
        _exit(127);
    }
}

/* Only a child that ended with 0 counts: one that could not be executed is quicker. */
static void reap(void) {
    int status;
    if (waitpid(-1, &status, 0) < 0 || status != 0) exit(4);
}

static int loop(long width, long count, char **argv) {
    long borne = 0;
    uint64_t begun = now();
    for (; borne < width && borne < count; borne++) bear(argv);
    for (long reaped = 0; reaped < count; reaped++) {
        reap();
        if (borne < count) {
            bear(argv);
            borne++;
        }
    }
    printf("%" PRIu64 "\n", now() - begun);
    return 0;
}

static int told(long count, char **argv) {
    uint64_t *moments = calloc((size_t)count, sizeof *moments);
    if (!moments) return 3;
    for (long i = 0; i < count; i++) {
        bear(argv);
        reap();
        moments[i] = now();
    }
    for (long i = 0; i < count; i++) printf("%" PRIu64 "\n", moments[i]);
    return 0;
}

static int relay(long count, char **argv) {
    for (long i = 0; i < count; i++) {
        bear(argv);
        reap();
        if (write(1, "down\n", 5) != 5) return 5;
    }
    return 0;
}

static int asked(char **argv) {
    char byte;
    while (read(0, &byte, 1) == 1) {
        bear(argv);
        reap();
        if (write(1, "down\n", 5) != 5) return 5;
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc > 4 && strcmp(argv[1], "loop") == 0) return loop(atol(argv[2]), atol(argv[3]), argv + 4);
    if (argc > 3 && strcmp(argv[1], "told") == 0) return told(atol(argv[2]), argv + 3);
    if (argc > 3 && strcmp(argv[1], "relay") == 0) return relay(atol(argv[2]), argv + 3);
    if (argc > 2 && strcmp(argv[1], "asked") == 0) return asked(argv + 2);
    return 2;
}
