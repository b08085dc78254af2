#!/bin/sh
# A controller for abide-keeper (dialect 1, so daemonproxy understands it too) in POSIX shell.
#
#     controller.sh SERVICES            events come on stdin, commands go to stdout
#
# It starts the loggers and apps that the file SERVICES lists, restarts what dies, with growing pauses, and on SIGTERM or SIGINT (of
# the keeper; signals are events) stops the apps, then the loggers, then the keeper. README.md tells the file's format and the settings.
#
# The keeper holds every process, pipe and pending start, so this script holds nothing that may not be lost. It may be killed at any
# moment: the next one asks `statedump`, builds its picture from the answer, and goes on. Lost events (`overflow`) are the same case.
#
# All waiting is done in `read`. There is no clock here: the keeper starts a service at a given second, so a pause is a planned start,
# and a time limit is the planned start of a service that does nothing (TIMER).
set -uf
TAB=$(printf '\t')
IFS=$TAB # "$*" then joins the fields of a line

BASE=${BACKOFF_BASE:-1} MAX=${BACKOFF_MAX:-30} RESET=${BACKOFF_RESET:-10} STOP=${STOP_TIMEOUT:-5} GUARD=${TERMINATE_GUARD:-}
TIMER=controller.timer

send() { printf '%s\n' "$*"; }
say() { printf 'controller: %s\n' "$*" >&2; }

# Takes the first field off $rest into $field. (`read` with IFS=TAB would not do: TAB counts as white space, so it would swallow empty
# fields.)
next() {
    field=${rest%%"$TAB"*}
    case $rest in
    *"$TAB"*) rest=${rest#*"$TAB"} ;;
    *) rest= ;;
    esac
}

# Service number I is described by name_I, kind_I, args_I (joined by TABs) and log_I (the number of its logger, 0 = none). What the
# keeper last said of it: state_I, since_I, life_I (seconds), and for a logger r_I and w_I (1 = that end of its pipe exists). What we did:
# fails_I (short lives in a row), asked_I (how it was asked to end: 0 = not, 1 = by the end of its input, 2 = SIGTERM, 3 = SIGKILL),
# again_I (1 = it ends because it shall be restarted).
put() { eval "$1_$2=\$3"; }
get() { eval "value=\$$1_$2"; }
is() { eval "[ \"\$$1_$2\" = \"\$3\" ]"; } # leaves $value alone

number_of() { # NAME → $i
    i=1
    while [ "$i" -le "$count" ]; do
        is name "$i" "$1" && return 0
        i=$((i + 1))
    done
    return 1
}

each() { # KIND DO: runs `DO I` for each service of that kind
    _i=1
    while [ "$_i" -le "$count" ]; do
        if is kind "$_i" "$1"; then "$2" "$_i"; fi
        _i=$((_i + 1))
    done
}

read_services() {
    count=0 logger=0
    while IFS= read -r rest || [ -n "$rest" ]; do
        case $rest in '' | '#'*) continue ;; esac
        count=$((count + 1))
        next && put name $count "$field"
        next && put kind $count "$field" && put args $count "$rest"
        case $field in
        logger) logger=$count && put log $count 0 ;;
        app) put log $count $logger ;;
        *) say "line $count of the services: the kind must be app or logger, not '$field'" && exit 2 ;;
        esac
        for field in fails asked again; do put $field $count 0; done
        forget $count
    done
}

forget() {
    put state "$1" absent && put since "$1" - && put life "$1" 0
    put r "$1" 0 && put w "$1" 0
}

# ---- starting and restarting

define() {
    get name "$1" && name=$value
    get kind "$1" && send service.tags "$name" "$value"
    get args "$1" && send service.args "$name" "$value"
    get log "$1" && log=$value
    if is kind "$1" logger; then
        # A pipe that is there already may have lines in it, and a life at the other end.
        if ! is r "$1" 1 || ! is w "$1" 1; then send fd.pipe "$name.r" "$name.w"; fi
        put r "$1" 1 && put w "$1" 1
        send service.fds "$name" "$name.r" stdout stderr
    elif [ "$log" != 0 ]; then
        get name "$log" && send service.fds "$name" null "$value.w" "$value.w"
    else
        send service.fds "$name" null stdout stderr
    fi
}

# What the picture says about service $1 has changed: do what it asks for. Called for one after each of its events, and for all when the
# picture is whole again.
settle() {
    get state "$1"
    case $value in
    down) if may_live "$1"; then revive "$1"; fi ;;
    absent) if [ "$phase" = run ]; then revive "$1"; fi ;;
    start) if ! may_live "$1"; then call_off "$1"; fi ;;
    up) if ! may_live "$1" && is asked "$1" 0; then press "$1"; fi ;;
    esac
}

may_live() { # loggers live until the last app is down
    case $phase in
    run) ;;
    apps) is kind "$1" logger ;;
    *) false ;;
    esac
}

revive() {
    pause=0
    get since "$1" && since=$value
    if is again "$1" 1; then
        put again "$1" 0 && put fails "$1" 0
    elif is state "$1" down && [ "$since" != - ]; then
        get life "$1" && [ "$value" -ge "$RESET" ] && put fails "$1" 0
        get fails "$1" && set_pause "$value" && put fails "$1" $((value + 1))
    fi
    put asked "$1" 0
    put state "$1" start # until the keeper says so: one death is one restart
    get name "$1"
    # After a loss of events the death may be long past, and daemonproxy plans no start in the past.
    if [ "$pause" = 0 ] || [ "$whole" = 0 ]; then
        send service.start "$value"
    else
        # Times are cut to seconds: one more, so that the pause is never shorter than it should be.
        send service.start "$value" $((since + pause + 1))
    fi
}

set_pause() { # FAILS: 0, BASE, 2·BASE, 4·BASE … MAX
    pause=$BASE k=$1
    while [ "$k" -gt 1 ] && [ "$pause" -lt "$MAX" ]; do pause=$((pause * 2)) k=$((k - 1)); done
    if [ "$pause" -gt "$MAX" ]; then pause=$MAX; fi
    if [ "$1" = 0 ]; then pause=0; fi
}

restart() { # on SIGHUP
    put fails "$1" 0
    get state "$1"
    case $value in
    up)
        put again "$1" 1
        if is asked "$1" 0; then press "$1"; fi
        ;;
    start) get name "$1" && send service.start "$value" ;;
    esac
}

# ---- ending

press() { # asks $1 to end, each time more firmly
    get name "$1" && name=$value
    get asked "$1"
    case $value in
    0 | 1)
        # The end of its input is the gentlest way to tell a logger: it will have read every line.
        if [ "$phase:$value" = loggers:0 ]; then
            if is w "$1" 1; then send fd.delete "$name.w"; fi
            put asked "$1" 1
        else
            send service.signal "$name" SIGTERM
            put asked "$1" 2
        fi
        arm
        ;;
    2)
        say "$name does not end: SIGKILL"
        send service.signal "$name" SIGKILL
        put asked "$1" 3
        ;;
    esac
}

call_off() { # a start that is planned for later
    get name "$1"
    if is kind "$1" logger && is asked "$1" 0; then
        # There may be last lines in its pipe, so it is started at once and told that there will be no more.
        send service.start "$value"
        press "$1"
    elif is kind "$1" app; then
        send service.start "$value" -
    fi
}

too_late() {
    if is state "$1" up && ! is asked "$1" 0; then
        press "$1"
    elif is state "$1" start && ! may_live "$1"; then
        get name "$1" && send service.start "$value" -
    fi
}

remains() { if is state "$1" up || is state "$1" start; then left=1; fi; }

go_on() { # to the next phase, when nothing of this one is left
    left=0
    if [ "$phase" = apps ]; then
        each app remains
        if [ $left = 0 ]; then phase=loggers && each logger settle; fi
    fi
    if [ "$phase" = loggers ]; then
        each logger remains
        if [ $left = 0 ]; then phase=end && send terminate 0 ${GUARD:+"$GUARD"}; fi
    fi
}

# ---- time limits: `arm` runs TIMER once to learn what time it is, then plans its next start for the end of the limit.

arm() {
    if [ "$limit" != ask ]; then limit=ask && send service.start $TIMER; fi
}

timer_event() { # TS: TIMER has run
    case $limit in
    none) ;;
    ask) limit=$(($1 + STOP + 1)) && send service.start $TIMER "$limit" ;;
    *)
        if [ "$1" -lt "$limit" ]; then
            send service.start $TIMER "$limit"
        else
            limit=none && each app too_late && each logger too_late
        fi
        ;;
    esac
}

# ---- events

ask_for_all() { # the answer to `echo` comes after the whole dump
    whole=0 asked_for=$((asked_for + 1))
    each app forget && each logger forget
    send service.args $TIMER true
    send statedump
    send echo barrier $asked_for
}

all_known() {
    if [ "$timer" = down ] && [ "$timer_since" != - ]; then timer_event "$timer_since"; fi
    handle_signals
    if [ "$phase" = run ]; then each logger define && each app define; fi
    each logger settle
    each app settle
    whole=1
    go_on
}

service_state() {
    next && name=$field && next && state=$field && next && since=$field
    next && next && next && next && life=$field # pid, reason, value
    case $life in '' | *[!0-9]*) life=0 ;; esac
    if [ "$name" = $TIMER ]; then
        timer=$state timer_since=$since
        if [ $whole = 1 ] && [ "$state" = down ] && [ "$since" != - ]; then timer_event "$since"; fi
    elif number_of "$name"; then
        if [ "$state" = deleted ]; then state=absent; fi
        put state "$i" "$state" && put since "$i" "$since" && put life "$i" "$life"
        if [ $whole = 1 ]; then
            settle "$i"
            go_on
        fi
    fi
}

fd_state() { # NAME TYPE …
    next && name=${field%.*} end=${field##*.}
    next && there=1
    if [ "$field" = deleted ]; then there=0; fi
    case $end in r | w) if number_of "$name"; then put "$end" "$i" $there; fi ;; esac
}

signal() { # NAME TS COUNT; a new controller hears of every signal that nobody has cleared yet
    next && name=$field && next && next
    case $name in
    SIGHUP) hups=$field ;;
    SIGTERM | SIGINT) ends=1 ;;
    esac
    if [ $whole = 1 ]; then
        handle_signals
        go_on
    fi
}

handle_signals() {
    # SIGTERM is never cleared: if this controller dies on the way, the next one hears of it and finishes.
    if [ $ends = 1 ] && [ $phase = run ]; then
        phase=apps
        if [ $whole = 1 ]; then each app settle; fi
    fi
    if [ "$hups" != 0 ]; then
        if [ $phase = run ]; then each app restart; fi
        send signal.clear SIGHUP "$hups"
        hups=0
    fi
}

main() {
    trap '' INT HUP # of a terminal: those are for the keeper, which tells us
    phase=run whole=0 asked_for=0 hups=0 ends=0 limit=none timer=absent timer_since=-
    read_services <"$1" || exit 2
    ask_for_all
    while IFS= read -r rest; do
        next
        case $field in
        service.state) service_state ;;
        fd.state) fd_state ;;
        signal) signal ;;
        barrier) if [ "$rest" = $asked_for ]; then all_known; fi ;;
        overflow) say 'events were lost; asking for everything' && ask_for_all ;;
        error | warning | warning:*) say "$field" "$rest" ;;
        esac
    done
    [ $phase = end ] # else the keeper has left us
}

if [ $# != 1 ]; then say "usage: $0 SERVICES" && exit 2; fi
main "$1"
