"""Mail in: reading mailboxes directly, and through Dovecot as a proxy, nginx's mail proxy, and Postern - the same upstream, the same
clients, in one run, turn by turn.

pt: plain to the proxy, TLS from there; tt: TLS on both; nginx has no TLS to the upstream (pp, tp). What passes as "direct" is TLS and a
token, as Postern itself reads."""
import json
import os
import pathlib
import statistics
import subprocess
import time

from mailservers import LARGE, LARGE_OWNER, PEOPLE, SMALL, Certificates, DovecotProxy, Nginx, PosternBridge, Upstream
from servers import family, stat_fields, until

SESSIONS = 20


class Reader:
    """The load generator's reading half."""

    def __init__(self):
        self.bin = str(pathlib.Path(os.environ.get("POSTERN_BIN", "build-bench/postern")).resolve().parent / "tests/bench/bench-load")

    def _argv(self, way, protocol, people, job, sessions, ms):
        return [self.bin, "reader", protocol, "tls" if way.tls else "plain", str(way.server.ports[protocol, way.tls]), people, job,
                str(sessions), str(ms)]

    def run(self, way, protocol, people, job, sessions, ms):
        done = subprocess.run(self._argv(way, protocol, people, job, sessions, ms), capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=ms / 1000 + 120)
        if done.returncode:
            raise SystemExit(f"bench: {way.title}, {protocol} {job}: {done.stdout}{done.stderr}")
        found = json.loads(done.stdout)
        if not found["replies"]:
            raise SystemExit(f"bench: {way.title}, {protocol} {job}: nothing was read in {ms} ms")
        return found

    def hold(self, way, people, sessions):
        """Sessions that stay; close the result's standard input to end them."""
        p = subprocess.Popen(self._argv(way, "imap", people, "hold", sessions, 600000), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
        line = p.stdout.readline()
        staying = json.loads(line)["staying"] if line else 0
        return p, staying


class Way:
    """One way to the mailboxes: a server and whether its clients speak TLS."""

    def __init__(self, folder, server, title, tls, is_direct=False):
        self.server, self.title, self.tls, self.is_direct = server, title, tls, is_direct
        name = title.replace(" ", "-")
        options = (True,) if is_direct else ()
        self.people = server.people(folder / f"{name}.people", PEOPLE, *options)
        self.owner = server.people(folder / f"{name}.owner", [LARGE_OWNER], *options)
        self.figures = {}

    def add(self, figure, value):
        self.figures.setdefault(figure, []).append(value)

    def get(self, figure):
        values = self.figures.get(figure)
        return statistics.median(values) if values else None


def small_mail(reader, way, ms):
    found = reader.run(way, "imap", way.people, "stream", SESSIONS, ms)
    assert found["octets"] >= found["replies"] * SMALL
    way.add("stream", found["replies"] / found["seconds"])
    found = reader.run(way, "imap", way.people, "fetch", SESSIONS, ms)
    assert found["octets"] >= found["replies"] * SMALL
    way.add("fetch", found["replies"] / found["seconds"])
    found = reader.run(way, "pop3", way.people, "fetch", SESSIONS, ms)
    assert found["octets"] >= found["replies"] * SMALL
    way.add("retr", found["replies"] / found["seconds"])


def stalls(reader, way, ms):
    """One session on an idle machine: what takes 35 ms there has waited for something."""
    for protocol in ("imap", "pop3"):
        found = reader.run(way, protocol, way.people, "fetch", 1, ms)
        way.add(f"{protocol} stalls", 100 * found["stalls"] / found["replies"])
        way.add(f"{protocol} p50", found["p50_us"] / 1000)
        way.add(f"{protocol} p99", found["p99_us"] / 1000)


def large_mail(reader, way, ms):
    before = way.server.cpu_seconds()
    found = reader.run(way, "imap", way.owner, "fetch", 4, ms)
    assert found["octets"] >= found["replies"] * LARGE
    way.add("large", found["octets"] / found["seconds"] / 1e6)
    if not way.is_direct:
        way.add("cpu", (way.server.cpu_seconds() - before) * 1e9 / found["octets"])


def sign_ins(reader, way, ms):
    way.add("sign-in", reader.run(way, "imap", way.people, "signin", 1, ms)["p50_us"] / 1000)
    found = reader.run(way, "imap", way.people, "signin", 10, ms)
    way.add("sign-ins", found["replies"] / found["seconds"])


def begin_anew(server):
    old = family(server.pid)
    server.stop()
    until(lambda: not any(stat_fields(pid) for pid in old), f"all processes of {server.name} end")
    server.start()


def idle(reader, way, sessions):
    """Memory of the proxy's processes that comes with so many sessions in IDLE, for each. The proxy is started anew, so that no room
    is left over from earlier work, and has been used a little, so that what all sessions share is there."""
    if way.is_direct:
        return
    begin_anew(way.server)
    reader.run(way, "imap", way.people, "fetch", SESSIONS, 500)
    before = way.server.memory_mb()
    holder, staying = reader.hold(way, way.people, sessions)
    time.sleep(2)  # buffers are given back a moment after they were needed
    if staying == sessions:
        way.add(f"idle {sessions}", (way.server.memory_mb() - before) * 1024 / sessions)
    else:
        way.add(f"held {sessions}", staying)
    holder.stdin.close()
    holder.wait(60)


def cell(way, figure, form, direct=None):
    value = way.get(figure)
    if value is None:
        held = way.get(figure.replace("idle", "held"))
        return f"ends at {held:.0f}" if held else "-"
    return form.format(value / direct if direct else value)


def table(ways, quick, held):
    direct = ways[0]
    print(f"\n{'':46}" + "".join(f"{w.title:>12}" for w in ways))

    def row(title, figure, form, is_share=True):
        base = direct.get(figure) if is_share else None
        print(f"{title:46}" + "".join(f"{cell(w, figure, form, base):>12}" for w in ways), flush=True)

    row("FETCH 1:* of 4 KB, 20 sessions, x direct", "stream", "{:.2f}")
    row("FETCH of 4 KB, one by one, x direct", "fetch", "{:.2f}")
    row("POP3 RETR of 4 KB, x direct", "retr", "{:.2f}")
    row("10 MB messages, MB/s", "large", "{:,.0f}", False)
    row("CPU seconds per GB of them", "cpu", "{:.2f}", False)
    row("sign-in, p50 x direct", "sign-in", "{:.2f}")
    row("sign-ins per second, x direct", "sign-ins", "{:.2f}")
    for sessions in held:
        row(f"KiB per idle session, {sessions:,} sessions", f"idle {sessions}", "{:.1f}", False)
    row("FETCH, 1 session: ms p50", "imap p50", "{:.2f}", False)
    row("FETCH, 1 session: ms p99", "imap p99", "{:.2f}", False)
    row("FETCH, 1 session: % over 35 ms", "imap stalls", "{:.1f}", False)
    row("RETR, 1 session: % over 35 ms", "pop3 stalls", "{:.1f}", False)
    print(f"direct: {direct.get('stream'):,.0f} messages a second by FETCH 1:*, {direct.get('fetch'):,.0f} one by one, "
          f"{direct.get('retr'):,.0f} by RETR; sign-in {direct.get('sign-in'):.1f} ms, {direct.get('sign-ins'):,.0f} a second")


def closing_lines(ways, held):
    ours = next((w for w in ways if w.title == "Postern pt"), None)
    theirs = next(w for w in ways if w.title == "Dovecot pt")
    if not ours:
        return
    print(f"bridge ratio {ours.get('stream') / theirs.get('stream'):.2f}")
    print(f"bridge cpu ratio {theirs.get('cpu') / ours.get('cpu'):.2f}")
    print(f"idle KiB {ours.get(f'idle {held[0]}'):.1f}" if ours.get(f"idle {held[0]}") else "idle KiB -")


def measure(folder, quick, kinds):
    """Returns the ways with their figures, "direct" first."""
    certificates = Certificates(folder)
    upstream = Upstream(folder, certificates)
    running = [upstream]
    held = [1000] if quick else [1000, 10000]
    rounds, ms = (1, 1500) if quick else (3, 3000)
    try:
        reader = Reader()
        ways = [Way(folder, upstream, "direct", True, True)]
        for kind in kinds:
            server = kind(folder, certificates, upstream)
            running.append(server)
            print(server.version(), flush=True)
            upper = "t" if server.upstream_tls else "p"
            ways += [Way(folder, server, f"{server.name} {'t' if tls else 'p'}{upper}", tls) for tls in (False, True)]
        for number in range(rounds):
            print(f"  reading, round {number + 1} of {rounds}", flush=True)
            for part in (small_mail, large_mail, sign_ins, stalls):
                for way in ways:
                    part(reader, way, ms)
        for sessions in held:
            print(f"  {sessions:,} idle sessions", flush=True)
            for way in ways:
                idle(reader, way, sessions)
        table(ways, quick, held)
        return ways, held
    finally:
        for server in reversed(running):
            server.stop()


def run(folder, quick, with_postern=True):
    if os.geteuid() != 0:
        raise SystemExit("bench: Dovecot starts only as root; run this as root")
    ways, held = measure(folder, quick, [DovecotProxy, Nginx] + ([PosternBridge] if with_postern else []))
    return lambda: closing_lines(ways, held)
