#!/usr/bin/env python3
"""A controller for abide-keeper (dialect 1, so daemonproxy understands it too); only Python's standard library.

    controller.py SERVICES            events come on stdin, commands go to stdout

It starts the loggers and apps that the file SERVICES lists, restarts what dies, with growing pauses, and on SIGTERM or SIGINT (of the
keeper; signals are events) stops the apps, then the loggers, then the keeper. README.md tells the file's format and the settings.

The keeper holds every process, pipe and pending start, so this program holds nothing that may not be lost. It may be killed at any
moment: the next one asks `statedump`, builds its picture from the answer, and goes on. Lost events (`overflow`) are the same case.

It has no clock: the keeper starts a service at a given second, so a pause is a planned start, and a time limit is the planned start of a
service that does nothing (TIMER).
"""

import os
import signal
import sys
from dataclasses import dataclass, field

BASE, MAX, RESET, STOP = (
    int(os.environ.get(name, default))
    for name, default in (("BACKOFF_BASE", 1), ("BACKOFF_MAX", 30), ("BACKOFF_RESET", 10), ("STOP_TIMEOUT", 5))
)
GUARD = os.environ.get("TERMINATE_GUARD", "")
TIMER = "controller.timer"
NOT_ASKED, INPUT_ENDED, TERMED, KILLED = range(4)


def send(*fields):
    sys.stdout.buffer.write("\t".join(map(str, fields)).encode(errors="surrogateescape") + b"\n")
    sys.stdout.buffer.flush()


def say(*words):
    print("controller:", *words, file=sys.stderr, flush=True)


@dataclass
class Service:
    name: str
    kind: str = "app"
    args: list = field(default_factory=list)
    logger: str = ""
    # What the keeper last said of it.
    state: str = "absent"
    since: str = "-"
    life: int = 0
    # What we did: short lives in a row; how it was asked to end; whether it ends because it shall be restarted.
    fails: int = 0
    asked: int = NOT_ASKED
    again: bool = False

    def pause(self):
        """Seconds until the restart that this death asks for: 0, BASE, 2*BASE, 4*BASE ... MAX."""
        if self.again or self.life >= RESET:
            self.fails = 0
        pause = min(MAX, BASE << min(self.fails - 1, 20)) if self.fails else 0
        self.fails = 0 if self.again else self.fails + 1
        return pause


def read_services(path):
    services, logger = [], ""
    with open(path, errors="surrogateescape") as file:
        for line in file.read().split("\n"):
            if not line or line.startswith("#"):
                continue
            name, kind, *args = line.split("\t") + [""] * (2 - line.count("\t") - 1)
            if kind not in ("app", "logger"):
                sys.exit(f"controller: {name}: the kind must be app or logger, not '{kind}'")
            logger = name if kind == "logger" else logger
            services.append(Service(name, kind, args, "" if kind == "logger" else logger))
    return sorted(services, key=lambda s: s.kind == "app")  # loggers first


class Controller:
    def __init__(self, services):
        self.services = services
        self.named = {s.name: s for s in services}
        self.timer, self.limit = Service(TIMER), None
        self.handles, self.phase, self.whole, self.asked_for, self.hups, self.ends = set(), "run", False, 0, 0, False

    # ---- events

    def ask_for_all(self):
        """The answer to `echo` comes after the whole dump."""
        self.whole, self.asked_for, self.handles = False, self.asked_for + 1, set()
        for service in self.services:
            service.state = "absent"
        send("service.args", TIMER, "true")
        send("statedump")
        send("echo", "barrier", self.asked_for)

    def take(self, event, fields):
        if event == "overflow":
            say("events were lost; asking for everything")
            self.ask_for_all()
        elif event == "barrier" and fields == [str(self.asked_for)]:
            self.all_known()
        elif event == "service.state":
            self.service_state(*fields[:3], fields[6])
        elif event == "fd.state":
            (self.handles.discard if fields[1] == "deleted" else self.handles.add)(fields[0])
        elif event == "signal":
            # A new controller hears of every signal that nobody has cleared yet.
            self.hups = int(fields[2]) if fields[0] == "SIGHUP" else self.hups
            self.ends = self.ends or fields[0] in ("SIGTERM", "SIGINT")
            if self.whole:
                self.handle_signals()
        elif event in ("error", "warning") or event.startswith("warning:"):
            say(event, *fields)

    def service_state(self, name, state, since, life):
        service = self.timer if name == TIMER else self.named.get(name)
        if service is None:
            return
        service.state = "absent" if state == "deleted" else state
        service.since, service.life = since, int(life) if life.isdigit() else 0
        if self.whole and name == TIMER:
            self.timer_event()
        elif self.whole:
            self.settle(service)
            self.go_on()

    def all_known(self):
        self.timer_event()
        self.handle_signals()
        for service in self.services:
            if self.phase == "run":
                self.define(service)
        for service in self.services:
            self.settle(service)
        self.whole = True
        self.go_on()

    def handle_signals(self):
        # SIGTERM is never cleared: if this controller dies on the way, the next one hears of it and finishes.
        if self.ends and self.phase == "run":
            self.phase = "apps"
        for service in self.services if self.whole and self.phase == "apps" else []:
            self.settle(service)
        if self.hups:
            for service in self.services if self.phase == "run" else []:
                if service.kind == "app":
                    self.restart(service)
            send("signal.clear", "SIGHUP", self.hups)
            self.hups = 0
        if self.whole:
            self.go_on()

    # ---- starting and restarting

    def define(self, service):
        name, kind, log = service.name, service.kind, service.logger
        send("service.tags", name, kind)
        send("service.args", name, *service.args)
        if kind == "logger":
            # A pipe that is there already may have lines in it, and a life at the other end.
            if not {f"{name}.r", f"{name}.w"} <= self.handles:
                send("fd.pipe", f"{name}.r", f"{name}.w")
            send("service.fds", name, f"{name}.r", "stdout", "stderr")
        else:
            send("service.fds", name, "null", *([f"{log}.w"] * 2 if log else ["stdout", "stderr"]))

    def may_live(self, service):
        """Loggers live until the last app is down."""
        return self.phase == "run" or (self.phase == "apps" and service.kind == "logger")

    def settle(self, service):
        """Does what the picture of this service asks for. Called after each of its events, and for all when the picture is whole again."""
        if service.state == "down" and self.may_live(service) or service.state == "absent" and self.phase == "run":
            self.revive(service)
        elif service.state == "start" and not self.may_live(service):
            self.call_off(service)
        elif service.state == "up" and not self.may_live(service) and service.asked == NOT_ASKED:
            self.press(service)

    def revive(self, service):
        died = service.state == "down" and service.since != "-"
        pause = service.pause() if died else 0
        service.asked, service.again = NOT_ASKED, False
        service.state = "start"  # until the keeper says so: one death is one restart
        # After a loss of events the death may be long past, and daemonproxy plans no start in the past. And times are cut to seconds: one
        # more, so that the pause is never shorter than it should be.
        later = [int(service.since) + pause + 1] if pause and self.whole else []
        send("service.start", service.name, *later)

    def restart(self, service):
        service.fails = 0
        if service.state == "up":
            service.again = True
            self.press(service)
        elif service.state == "start":
            send("service.start", service.name)

    # ---- ending

    def press(self, service):
        """Asks a service to end, each time more firmly."""
        name = service.name
        if service.asked == NOT_ASKED and self.phase == "loggers":
            # The end of its input is the gentlest way to tell a logger: it will have read every line.
            if f"{name}.w" in self.handles:
                send("fd.delete", f"{name}.w")
            service.asked = INPUT_ENDED
        elif service.asked < TERMED:
            send("service.signal", name, "SIGTERM")
            service.asked = TERMED
        elif service.asked == TERMED:
            say(name, "does not end: SIGKILL")
            send("service.signal", name, "SIGKILL")
            service.asked = KILLED
            return
        else:
            return
        self.arm()

    def call_off(self, service):
        """A start that is planned for later."""
        if service.kind == "app":
            send("service.start", service.name, "-")
        elif service.asked == NOT_ASKED:
            # There may be last lines in its pipe, so it is started at once and told that there will be no more.
            send("service.start", service.name)
            self.press(service)

    def go_on(self):
        """To the next phase, when nothing of this one is left."""
        for phase, kind, following in (("apps", "app", "loggers"), ("loggers", "logger", "end")):
            if self.phase == phase and not any(s.kind == kind and s.state in ("start", "up") for s in self.services):
                self.phase = following
                for service in self.services if following == "loggers" else []:
                    self.settle(service)
                if following == "end":
                    send("terminate", 0, *([GUARD] if GUARD else []))

    # ---- time limits: `arm` runs TIMER once to learn what time it is, then plans its next start for the end of the limit

    def arm(self):
        self.limit = "ask"
        if self.timer.state != "up":
            send("service.start", TIMER)

    def timer_event(self):
        if self.limit is None or self.timer.state != "down" or self.timer.since == "-":
            return
        now = int(self.timer.since)
        if self.limit == "ask":
            self.limit = now + STOP + 1
        if now < self.limit:
            return send("service.start", TIMER, self.limit)
        self.limit = None
        for service in self.services:
            if service.state == "up" and service.asked != NOT_ASKED:
                self.press(service)
            elif service.state == "start" and not self.may_live(service):
                send("service.start", service.name, "-")


def main():
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} SERVICES")
    for name in (signal.SIGINT, signal.SIGHUP):  # of a terminal: those are for the keeper, which tells us
        signal.signal(name, signal.SIG_IGN)
    controller = Controller(read_services(sys.argv[1]))
    controller.ask_for_all()
    for line in sys.stdin.buffer:
        event, *fields = line.decode(errors="surrogateescape").rstrip("\n").split("\t")
        controller.take(event, fields)
    return 0 if controller.phase == "end" else 1  # 1: the keeper has left us


sys.exit(main())
