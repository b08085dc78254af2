/* The least client: connects to a local socket, sends one word, prints the answer.
 *
 *     ask SOCKET WORD
 */
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv) {
    static char room[65536];
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    if (argc < 3 || strlen(argv[1]) >= sizeof to.sun_path) return 2;
    strcpy(to.sun_path, argv[1]);
    int far = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (far < 0 || connect(far, (struct sockaddr *)&to, sizeof to) != 0) return 4;
    if (write(far, argv[2], strlen(argv[2])) < 0) return 4;
    for (;;) {
        ssize_t got = read(far, room, sizeof room);
        if (got <= 0) return got == 0 ? 0 : 4;
        for (ssize_t done = 0; done < got;) {
            ssize_t wrote = write(1, room + done, (size_t)(got - done));
            if (wrote < 0) return 1;
            done += wrote;
        }
    }
}
