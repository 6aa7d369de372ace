#!/usr/bin/python3
"""Measures Postern beside Debian's Postfix as a queueing relay: same load, same next hop, same disk, both durable; and then as a bridge,
beside Debian's Dovecot and nginx as mail proxies (bridge.py); and last the console, in a browser (console.py).

Every figure is of this machine and this run; the closing lines are what Postern does beside Postfix and, for the bridge with a plain
client, beside Dovecot (2.0: twice as much, or half the processor time). `--quick` measures less."""
import argparse
import json
import mmap
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import time

import bridge
import console
from servers import Postern, Postfix, until

STAMPS_MAX = 4000000
SMALL, LARGE = 4096, 102400


class Load:
    """The load generator: one sink for both servers, and sources as they are needed."""

    def __init__(self, folder):
        self.bin = str(pathlib.Path(os.environ.get("POSTERN_BIN", "build-bench/postern")).resolve().parent / "tests/bench/bench-load")
        self.folder = folder
        self.stamps = folder / "stamps"
        self.next = 0
        self.sink = subprocess.Popen([self.bin, "sink", self.stamps], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.sink.stdout.readline())
        self.file = open(self.stamps, "r+b")
        self.map = mmap.mmap(self.file.fileno(), 16 + 16 * STAMPS_MAX)

    def delivered(self):
        return struct.unpack_from("=Q", self.map, 0)[0]

    def stamp(self, sequence):
        """When it was accepted and when delivered, in nanoseconds."""
        return struct.unpack_from("=QQ", self.map, 16 + 16 * sequence)

    def send(self, port, sessions, size, ms):
        done = subprocess.run([self.bin, "source", str(port), self.stamps, str(sessions), str(size), str(ms), str(self.next)],
                              capture_output=True, text=True)
        if not done.stdout:
            raise SystemExit(f"bench: the source failed: {done.stderr}")
        report = json.loads(done.stdout)
        if report["refused"] or report["failed"]:
            raise SystemExit(f"bench: {report['refused']} refused, {report['failed']} failed:\n{done.stderr[:2000]}")
        first, self.next = self.next, self.next + report["accepted"] + sessions
        return report, range(first, self.next)

    def post(self, socket, sessions, size, ms):
        """Messages as JSON, over HTTP."""
        done = subprocess.run([self.bin, "poster", socket, str(sessions), str(size), str(ms)], capture_output=True, text=True)
        report = json.loads(done.stdout or "{}")
        if not report or report["refused"] or report["failed"]:
            raise SystemExit(f"bench: the API refused: {done.stdout}{done.stderr[:2000]}")
        return report

    def hold(self, port, sessions):
        """Sessions that only stay; close the result's standard input to end them."""
        p = subprocess.Popen([self.bin, "source", str(port), self.stamps, str(sessions), "0", "60000", "0"], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
        staying = json.loads(p.stdout.readline())["staying"]
        if staying != sessions:
            raise SystemExit(f"bench: only {staying} of {sessions} sessions stayed")
        return p

    def floor(self, ms):
        return float(subprocess.run([self.bin, "floor", self.folder / "floor", str(ms)], capture_output=True, text=True, check=True).stdout)

    def close(self):
        self.sink.stdin.close()
        self.sink.wait(10)
        self.map.close()
        self.file.close()


class Result:
    """One run: so many sessions for so long, then waiting until the last message arrived."""

    def __init__(self, load, server, sessions, size, ms):
        before, cpu = load.delivered(), server.cpu_seconds()
        report, sequences = load.send(server.port, sessions, size, ms)
        count = report["accepted"]
        until(lambda: load.delivered() - before >= count, f"{server.name} delivers {count} messages", 300)
        time.sleep(0.3)  # the last answers are still being written down
        self.count = count
        self.cpu_per_1000 = (server.cpu_seconds() - cpu) * 1000 / count
        self.accepted_per_s = count * 1e9 / (report["last_ns"] - report["start_ns"])
        stamps = [s for s in map(load.stamp, sequences) if s[0] and s[1]]
        if len(stamps) != count or load.delivered() - before != count:
            raise SystemExit(f"bench: {server.name} accepted {count} messages and delivered {len(stamps)} of them, "
                             f"{load.delivered() - before} in all")
        self.delivered_per_s = count * 1e9 / (max(s[1] for s in stamps) - report["start_ns"])
        self.answer_ms = report["latency_ms"]


class Posted:
    """The same over HTTP, once all of it is delivered."""

    def __init__(self, load, server, sessions, size, ms):
        before, cpu = load.delivered(), server.cpu_seconds()
        report = load.post(server.socket, sessions, size, ms)
        count = report["accepted"]
        until(lambda: load.delivered() - before >= count, f"{server.name} delivers {count} messages", 300)
        self.accepted_per_s = count * 1e9 / (report["last_ns"] - report["start_ns"])
        self.cpu_per_1000 = (server.cpu_seconds() - cpu) * 1000 / count
        self.answer_ms = report["latency_ms"]


def delay_ms(load, server):
    """From the 250 to the next hop, one message at a time on an idle server; the median."""
    before = load.delivered()
    report, sequences = load.send(server.port, 1, SMALL, 500)
    until(lambda: load.delivered() - before >= report["accepted"], "the last message arrives")
    stamps = sorted(max(s[1] - s[0], 0) for s in map(load.stamp, sequences) if s[0] and s[1])
    return stamps[len(stamps) // 2] / 1e6


def measure(load, server, runs, ms, held):
    """All figures of one server, in the order of the table."""
    rest = server.memory_mb()
    found = {"rest": rest}
    Result(load, server, 4, SMALL, 500)  # processes started, caches warm
    found["delay"] = delay_ms(load, server)
    for sessions, size in runs:
        print(f"  {server.name}: {sessions} sessions, {size >> 10} KB", flush=True)
        found[sessions, size] = Result(load, server, sessions, size, ms)
    if isinstance(server, Postern):
        print(f"  {server.name}: 50 programs at the API, {SMALL >> 10} KB", flush=True)
        found["api"] = Posted(load, server, 50, SMALL, ms)
    if held:
        holder = load.hold(server.port, held)
        time.sleep(1)
        found["held"] = server.memory_mb()
        holder.stdin.close()
        holder.wait(30)
    return found


def row(name, postern, postfix, form="{:,.0f}", better=None):
    ratio = "" if better is None else f"{better:8.1f}"
    print(f"{name:44} {form.format(postern):>12} {form.format(postfix):>12} {ratio:>8}")


def table(postern, postfix, runs, held, floor):
    print(f"\n{'':44} {'Postern':>12} {'Postfix':>12} {'ratio':>8}")
    for title, field in (("accepted per second", "accepted_per_s"), ("delivered per second", "delivered_per_s")):
        for run in runs:
            ours, theirs = getattr(postern[run], field), getattr(postfix[run], field)
            row(f"{title}, {run[0]} sessions x {run[1] >> 10} KB", ours, theirs, better=ours / theirs)
    for run in runs:
        ours, theirs = postern[run].cpu_per_1000, postfix[run].cpu_per_1000
        row(f"CPU s per 1,000, {run[0]} sessions x {run[1] >> 10} KB", ours, theirs, "{:.3f}", theirs / ours)
    for run in runs:
        row(f"ms to the 250, {run[0]} sessions x {run[1] >> 10} KB", postern[run].answer_ms, postfix[run].answer_ms, "{:.2f}")
    row("ms from the 250 to delivered, idle", postern["delay"], postfix["delay"], "{:.2f}")
    row("MB at rest", postern["rest"], postfix["rest"], "{:.1f}")
    if held:
        row(f"MB with {held:,} open sessions", postern["held"], postfix["held"], "{:.1f}")
    print(f"{'this disk: 4 KB made durable per second':44} {floor:>12,.0f}")


def closing_lines(postern, postfix):
    many, one = (50, SMALL), (1, SMALL)
    print(f"\naccept one ratio {postern[one].accepted_per_s / postfix[one].accepted_per_s:.1f}")
    print(f"rest MB {postern['rest']:.1f}")
    print(f"accept ratio {postern[many].accepted_per_s / postfix[many].accepted_per_s:.1f}")
    print(f"deliver ratio {postern[many].delivered_per_s / postfix[many].delivered_per_s:.1f}")
    print(f"cpu ratio {postfix[many].cpu_per_1000 / postern[many].cpu_per_1000:.1f}")


def api_lines(postern):
    api, smtp = postern["api"], postern[50, SMALL]
    print(f"\nby the API, 50 programs x {SMALL >> 10} KB: accepted {api.accepted_per_s:,.0f}/s, {api.cpu_per_1000:.3f} CPU s per 1,000, "
          f"{api.answer_ms:.2f} ms to the 202")
    print(f"api ratio {api.accepted_per_s / smtp.accepted_per_s:.2f}")


def measure_one(kind, load, folder, runs, ms, held):
    """One server at a time, so that neither has to share the machine with the other."""
    server = kind(folder, load.port)
    try:
        print(f"{server.version()}", flush=True)
        found = measure(load, server, runs, ms, held)
        if isinstance(server, Postern):
            found["roles"] = server.roles()
        return found
    finally:
        server.stop()


def mail_out(folder, quick, only):
    """Returns what prints the closing lines."""
    runs = [(n, SMALL) for n in ((1, 50) if quick else (1, 10, 50, 200))]
    runs += [] if quick else [(n, LARGE) for n in (1, 10, 50, 200)]
    ms, held = (4000, 1000) if quick else (8000, 1000)
    load = Load(folder)
    try:
        floor = load.floor(1000)
        print(f"{os.cpu_count()} processors; {folder} makes 4 KB durable {floor:,.0f} times a second", flush=True)
        found = {kind: measure_one(kind, load, folder, runs, ms, held)
                 for kind in (Postern, Postfix) if only in (None, kind.__name__.lower())}
    finally:
        load.close()
    for name, seconds in found.get(Postern, {}).get("roles", {}).items():
        print(f"  Postern's {name}: {seconds:.1f} CPU seconds", flush=True)
    if len(found) == 2:
        table(found[Postern], found[Postfix], runs, held, floor)
        return lambda: (api_lines(found[Postern]), closing_lines(found[Postern], found[Postfix]))
    for run in runs:
        r = next(iter(found.values()))[run]
        print(f"{run[0]:4} sessions x {run[1] >> 10:3} KB: accepted {r.accepted_per_s:,.0f}/s, delivered {r.delivered_per_s:,.0f}/s, "
              f"{r.cpu_per_1000:.3f} CPU s per 1,000, {r.answer_ms:.2f} ms to the 250")
    return (lambda: api_lines(found[Postern])) if Postern in found else lambda: None


def pages(folder, quick):
    """In a folder of its own, beside a gateway that was measured before."""
    here = folder / "console"
    here.mkdir(mode=0o755)
    load = Load(here)
    try:
        return console.run(here, load, quick)
    finally:
        load.close()


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    arguments.add_argument("--only", choices=["postern", "postfix", "bridge", "proxies", "console"],
                           help="measure mail out by one of the two, without ratios; or mail in alone; or mail in without Postern; or the console")
    chosen = arguments.parse_args()
    if os.geteuid() != 0 and chosen.only not in ("postern", "console"):
        raise SystemExit("bench: Postfix and Dovecot start only as root; run this as root, or with --only postern or console")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pst-bench-", dir="/var/tmp"))  # a disk, where /tmp may be memory
    folder.chmod(0o755)
    closing = []
    try:
        if chosen.only not in ("bridge", "proxies", "console"):
            closing.append(mail_out(folder, chosen.quick, chosen.only))
        if chosen.only in (None, "bridge", "proxies"):
            closing.append(bridge.run(folder, chosen.quick, chosen.only != "proxies"))
        if chosen.only in (None, "console"):
            closing.append(pages(folder, chosen.quick))
        for lines in closing:
            lines()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
