/* The app of the benches. Its first action is to look at the clock; then it says so, in one record of 16 bytes, on a FIFO.
 *
 *     app FIFO                stamps, then waits until a signal ends it
 *     app FIFO flash          stamps, then ends with 0 at once
 *     app FIFO lines COUNT    stamps, then writes COUNT lines of 100 bytes to standard output, then ends with 0
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 100, BATCH = 655 }; /* 655 lines are the most that fit into a pipe of 64 KiB */

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
    for (;;) pause();
}
