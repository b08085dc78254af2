#!/usr/bin/env python3
"""controller.py SERVICES: a controller for abide-keeper (dialect 1, so daemonproxy understands it too). Events on stdin, commands on stdout.

It starts the loggers and apps that the file SERVICES lists, restarts what dies, with growing pauses, and on SIGTERM or SIGINT (of the
keeper; signals are events) stops the apps, then the loggers, then the keeper. README.md tells the file's format and the settings.
The keeper holds every process, pipe and pending start, so nothing is held here that may not be lost: a controller that is started again,
or has lost events (`overflow`), asks `statedump`, builds its picture from the answer, and goes on. There is no clock here: a pause is a
start that the keeper does at a given second, and a time limit is the planned start of a service that does nothing (TIMER).
"""

import os
import signal
import sys

BASE, MAX = int(os.environ.get("BACKOFF_BASE", 1)), int(os.environ.get("BACKOFF_MAX", 30))
RESET, STOP = int(os.environ.get("BACKOFF_RESET", 10)), int(os.environ.get("STOP_TIMEOUT", 5))
GUARD = [os.environ["TERMINATE_GUARD"]] if os.environ.get("TERMINATE_GUARD") else []
TIMER = "controller.timer"
NOT_ASKED, INPUT_ENDED, TERMED, KILLED = range(4)  # how a service was asked to end


def send(*fields):
    os.write(1, "\t".join(map(str, fields)).encode(errors="surrogateescape") + b"\n")


def say(*words):
    print("controller:", *words, file=sys.stderr, flush=True)


class Service:
    def __init__(self, name, kind, args, log):
        self.name, self.kind, self.args, self.log = name, kind, args, log
        self.state, self.since, self.life = "absent", "-", 0  # what the keeper last said of it
        self.fails, self.asked, self.again = 0, NOT_ASKED, False  # what we did; `again`: it ends because it shall be restarted

    def hear(self, state, since, _pid, _reason, _value, life, *_):
        self.state, self.since, self.life = "absent" if state == "deleted" else state, since, int(life) if life.isdigit() else 0

    def pause(self):
        """Seconds from its death to its next life: 0, BASE, 2 BASE, 4 BASE … MAX for one short life after the other."""
        if self.state == "absent" or self.since == "-" or self.again:
            return 0  # no death, or a wished one
        fails = 0 if self.life >= RESET else self.fails
        self.fails = fails + 1
        return min(MAX, BASE << min(fails - 1, 20)) if fails else 0


def read_services(path):
    services, log = [], None
    with open(path, errors="surrogateescape") as file:
        for line in file.read().split("\n"):
            name, kind, *args = line.split("\t") if "\t" in line else (line, "")
            if line and not line.startswith("#"):
                assert kind in ("app", "logger"), f"{name}: the kind must be app or logger, not '{kind}'"
                log = name if kind == "logger" else log
                services.append(Service(name, kind, args, log))
    return sorted(services, key=lambda s: s.kind == "app")  # loggers first


class Controller:
    def __init__(self, services):
        self.services, self.timer = services, Service(TIMER, "timer", ["true"], None)
        self.named = {s.name: s for s in [*services, self.timer]}
        self.handles, self.whole, self.dumps = set(), False, 0  # `whole`: the picture is
        self.phase, self.limit, self.hups = "run", None, 0

    def ask_for_all(self):
        self.whole, self.dumps, self.handles = False, self.dumps + 1, set()
        for service in self.services:
            service.state = "absent"
        send("service.args", TIMER, *self.timer.args)
        send("statedump")
        send("echo", "barrier", self.dumps)  # its answer comes after the whole dump

    def take(self, event, fields):
        if event == "service.state" and fields[0] in self.named:
            self.named[fields[0]].hear(*fields[1:])
            if self.whole:
                self.settle(self.named[fields[0]])
                self.go_on()
        elif event == "fd.state":
            (self.handles.discard if fields[1] == "deleted" else self.handles.add)(fields[0])
        elif event == "signal":  # SIGTERM is never cleared: if this controller dies on the way, the next one hears of it and finishes
            self.hups = int(fields[2]) if fields[0] == "SIGHUP" else self.hups
            if fields[0] in ("SIGTERM", "SIGINT") and self.phase == "run":
                self.enter("apps")
            self.go_on()
        elif event == "barrier" and fields == [str(self.dumps)]:
            self.timer_event()
            for service in self.services if self.phase == "run" else []:
                self.define(service)
            for service in self.services:
                self.settle(service)
            self.whole = True
            self.go_on()
        elif event == "overflow":
            say("events were lost; asking for everything")
            self.ask_for_all()
        elif event in ("error", "warning") or event.startswith("warning:"):
            say(event, *fields)

    def enter(self, phase):
        self.phase = phase
        for service in self.services if self.whole else []:
            self.settle(service)

    def go_on(self):
        """Looks at what concerns all services: SIGHUP, and whether a phase of the end is over."""
        lives = {s.kind for s in self.services if s.state in ("start", "up")}
        if self.whole and self.hups:
            self.restart_apps()
        if self.whole and self.phase == "apps" and "app" not in lives:
            self.enter("loggers")
        if self.whole and self.phase == "loggers" and "logger" not in lives:
            self.phase = "end"
            send("terminate", 0, *GUARD)

    def define(self, service):
        name, log = service.name, service.log
        send("service.tags", name, service.kind)
        send("service.args", name, *service.args)
        if service.kind == "app":
            send("service.fds", name, "null", *([f"{log}.w"] * 2 if log else ["stdout", "stderr"]))
            return
        if not {f"{name}.r", f"{name}.w"} <= self.handles:  # a pipe that is there may have lines in it, and a life at its other end
            send("fd.pipe", f"{name}.r", f"{name}.w")
        send("service.fds", name, f"{name}.r", "stdout", "stderr")

    def settle(self, service):
        """Does what the picture of this service asks for: after each of its events, and for all when the picture is whole again."""
        if service is self.timer:
            return self.timer_event()
        may_live = self.phase == "run" or (self.phase == "apps" and service.kind == "logger")
        if (service.state == "down" and may_live) or (service.state == "absent" and self.phase == "run"):
            pause = service.pause()
            service.state, service.asked, service.again = "start", NOT_ASKED, False  # one death is one restart
            # When the picture was not whole, the death may be long past, and daemonproxy plans no start in the past. Times are cut to
            # seconds: one more, so that the pause is never shorter than it should be.
            send("service.start", service.name, *([int(service.since) + pause + 1] if pause and self.whole else []))
        elif service.state in ("start", "up") and not may_live and service.asked == NOT_ASKED:
            self.press(service)

    def restart_apps(self):
        for service in self.services if self.phase == "run" else []:
            if service.kind == "app":
                service.fails, service.again = 0, service.state == "up"
                if service.state == "up" and service.asked == NOT_ASKED:
                    self.press(service)
                elif service.state == "start":
                    send("service.start", service.name)
        send("signal.clear", "SIGHUP", self.hups)
        self.hups = 0

    def press(self, service):
        """Asks a service to end, each time more firmly."""
        if service.asked == NOT_ASKED and self.phase == "loggers":
            # The end of its input is the gentlest way to tell a logger: it will have read every line. One that waits for its restart is
            # started at once, for what is in its pipe.
            if service.state == "start":
                send("service.start", service.name)
            if f"{service.name}.w" in self.handles:
                send("fd.delete", f"{service.name}.w")
            service.asked = INPUT_ENDED
        elif service.state == "start":
            send("service.start", service.name, "-")
        elif service.asked < TERMED:
            send("service.signal", service.name, "SIGTERM")
            service.asked = TERMED
        elif service.asked == TERMED:
            say(service.name, "does not end: SIGKILL")
            send("service.signal", service.name, "SIGKILL")
            service.asked = KILLED
        if service.asked in (INPUT_ENDED, TERMED) and self.limit != "ask":
            self.limit = "ask"  # what time it is; `timer_event` then plans the end of the limit
            send("service.start", TIMER)

    def timer_event(self):
        if self.limit is None or self.timer.state != "down" or self.timer.since == "-":
            return
        now = int(self.timer.since)
        self.limit = now + STOP + 1 if self.limit == "ask" else self.limit
        if now < self.limit:
            return send("service.start", TIMER, self.limit)
        self.limit = None
        for service in self.services:
            if service.state in ("start", "up") and service.asked != NOT_ASKED:
                self.press(service)


def main():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})  # of a terminal: they are for the keeper, which tells us
    controller = Controller(read_services(sys.argv[1]))
    controller.ask_for_all()
    for line in sys.stdin.buffer:
        event, *fields = line.decode(errors="surrogateescape").rstrip("\n").split("\t")
        controller.take(event, fields)
    return 0 if controller.phase == "end" else 1  # 1: the keeper has left us


sys.exit(main())
