/* The app of the benches. Its first action is to look at the clock; then it says so, in one record of 16 bytes, on a FIFO.
 *
 *     app FIFO                stamps, then waits until a signal ends it
 *     app FIFO flash          stamps, then ends with 0 at once
 *     app FIFO lines COUNT    stamps, then writes COUNT lines of 100 bytes to standard output, then ends with 0
 *     app FIFO ready          stamps, says READY=1 on NOTIFY_SOCKET, then waits until a signal ends it
 *     app FIFO probe COUNT MS LOG RESULT
 *                             stamps, then COUNT times, every MS milliseconds, writes a line of 100 bytes to standard output and looks at
 *                             LOG each 20 microseconds until it has grown; the nanoseconds that it took go to RESULT; then waits until a
 *                             signal ends it
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 100, LOOK_NS = 20000, BATCH = 655 }; /* 655 lines are the most that fit into a pipe of 64 KiB */

static int lines(long left) {
    static char batch[LINE * BATCH];
    memset(batch, 'x', sizeof batch);
    for (int i = 1; i <= BATCH; i++) batch[i * LINE - 1] = '\n';
    while (left > 0) {
        size_t want = (size_t)(left < BATCH ? left : BATCH) * LINE;
        for (size_t done = 0; done < want;) {
            ssize_t wrote = write(1, batch + done, want - done);
            if (wrote < 0) return 2;
            done += (size_t)wrote;
        }
        left -= BATCH;
    }
    return 0;
}

static uint64_t clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int probe(long count, long ms, const char *log, const char *result) {
    char line[LINE], fresh[4096];
    memset(line, 'x', sizeof line);
    line[LINE - 1] = '\n';
    uint64_t *took = calloc((size_t)count, sizeof *took);
    struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };
    struct timespec look = { 0, LOOK_NS };
    struct stat found;
    if (!took || prctl(PR_SET_TIMERSLACK, 1L)) return 2;
    for (long i = 0; i < count; i++) {
        nanosleep(&pause, NULL);
        off_t before = stat(log, &found) ? 0 : found.st_size;
        uint64_t begun = clock_ns();
        if (write(1, line, sizeof line) != sizeof line) return 2;
        // It sleeps between two looks: one that never does takes a processor from whoever carries the line.
        while (stat(log, &found) || found.st_size <= before) nanosleep(&look, NULL);
        took[i] = clock_ns() - begun;
    }
    snprintf(fresh, sizeof fresh, "%s.new", result);
    FILE *out = fopen(fresh, "w");
    if (!out || fwrite(took, sizeof *took, (size_t)count, out) != (size_t)count || fclose(out) || rename(fresh, result)) return 2;
    for (;;) pause.tv_sec = 3600, nanosleep(&pause, NULL);
}

static int ready(void) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un whom = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (!path || strlen(path) >= sizeof whom.sun_path || fd < 0) return 2;
    strcpy(whom.sun_path, path);
    return sendto(fd, "READY=1", 7, 0, (struct sockaddr *)&whom, sizeof whom) == 7 ? 0 : 2;
}

int main(int argc, char **argv) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (argc < 2) return 1;
    uint64_t record[2] = { (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec, (uint64_t)getpid() };
    int fifo = open(argv[1], O_WRONLY | O_CLOEXEC);
    if (fifo < 0 || write(fifo, record, sizeof record) != sizeof record) return 1;
    close(fifo);
    if (argc > 2 && strcmp(argv[2], "flash") == 0) return 0;
    if (argc > 3 && strcmp(argv[2], "lines") == 0) return lines(atol(argv[3]));
    if (argc > 6 && strcmp(argv[2], "probe") == 0) return probe(atol(argv[3]), atol(argv[4]), argv[5], argv[6]);
    if (argc > 2 && strcmp(argv[2], "ready") == 0 && ready()) return 2;
    for (;;) pause();
}
