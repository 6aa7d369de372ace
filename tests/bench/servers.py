"""The two servers that are measured, each in a folder of its own on the same disk, with the same next hop and nothing to look up."""
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import time

SENDER = "load@bench.example"
CONNECTIONS = 20  # to the next hop: Postfix's default_destination_concurrency_limit
TICK = os.sysconf("SC_CLK_TCK")


def until(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"bench: not within {seconds} s: {what}")
        time.sleep(0.02)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def can_connect(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def stat_fields(pid):
    """Fields of /proc/PID/stat from the third (state) on, or None if the process is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def family(root):
    """The process and all its descendants."""
    children = {}
    for entry in os.listdir("/proc"):
        fields = stat_fields(entry) if entry.isdigit() else None
        if fields:
            children.setdefault(int(fields[1]), []).append(int(entry))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


class Server:
    """What is asked of either: its processes' time and memory."""
    pid = None

    def cpu_seconds(self):
        """User and system time of all its processes, those that ended included (their parent waited for them)."""
        total = 0
        for pid in family(self.pid):
            fields = stat_fields(pid)
            if fields:
                total += sum(int(n) for n in fields[11:15])
        return total / TICK

    def memory_mb(self):
        """Proportional set size: shared pages count once."""
        total = 0
        for pid in family(self.pid):
            try:
                text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
        return total / 1024


class Gateway(Server):
    """`postern serve` in a folder of its own."""
    name = "Postern"

    CONFIG = """\
state: {dir}/state
user: {user}
hostname: gateway.bench.example
console: {{ address: none }}
listeners:
{listeners}
limits: {limits}
"""

    def __init__(self, folder, listeners, limits):
        self.bin = os.environ.get("POSTERN_BIN", "build-bench/postern")
        self.dir = folder
        self.dir.mkdir()
        self.socket = str(self.dir / "state/admin.sock")
        self.config = self.dir / "postern.yaml"
        self.config.write_text(self.CONFIG.format(dir=self.dir, user=pwd.getpwuid(os.getuid()).pw_name, listeners=listeners, limits=limits))
        self.start()

    def start(self):
        self.log = open(self.dir / "log", "ab")
        self.process = subprocess.Popen([self.bin, "serve", "-c", self.config], stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT)
        self.pid = self.process.pid
        until(self._answers, f"Postern answers; see {self.dir}/log", 30)

    def run(self, *args, stdin=None):
        return subprocess.run([self.bin, *args, "-c", self.config], capture_output=True, text=True, input=stdin)

    def _answers(self):
        if self.process.poll() is not None:
            raise SystemExit(f"bench: Postern ended:\n{(self.dir / 'log').read_text()}")
        return self.run("status").returncode == 0

    def cli(self, *args, stdin=None):
        done = self.run(*args, stdin=stdin)
        if done.returncode:
            raise SystemExit(f"bench: postern {args} was refused:\n{done.stdout}{done.stderr}")
        return done.stdout

    def version(self):
        return self.run("--version").stdout.strip() or "postern"

    def roles(self):
        """CPU seconds by role, to see where the time goes."""
        roles = json.loads(self.run("status", "--json").stdout)["roles"]
        found = {}
        for role in roles:
            fields = stat_fields(role["pid"])
            if fields:
                found[role["role"]] = found.get(role["role"], 0) + sum(int(n) for n in fields[11:13]) / TICK
        return found

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.log.close()


class Postern(Gateway):
    """As a queueing relay: app known by its address, a next hop that asks for no sign-in."""

    def __init__(self, folder, sink_port):
        self.port = free_port()
        super().__init__(folder / "postern", f'  - {{ protocol: smtp, address: "127.0.0.1:{self.port}", tls: none }}',
                         "{ sessions: 4000, sessions-per-host: 4000 }")
        provider = self.dir / "provider.yaml"
        provider.write_text(f"""\
name: bench
smtp: {{ host: 127.0.0.1, port: {sink_port}, tls: none, sasl: none }}
limits: {{ connections: {CONNECTIONS}, messages-per-minute: 0, recipients-per-day: 0, recipients-per-message: 0, size-mb: 0 }}
""")
        self.cli("provider", "add", provider)
        self.cli("mailbox", "add", SENDER, "--provider", "bench", "--grant", "none")
        self.cli("app", "add", "bench", "--mailbox", SENDER, "--from", "127.0.0.0/8", "--no-password")
        until(lambda: can_connect(self.port), "Postern's port")


class Postfix(Server):
    """Debian's Postfix as it comes, but for what makes it a relay to one host: no look-ups, and as many sessions as are wanted."""
    name = "Postfix"

    MAIN = """\
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
mail_owner = postfix
setgid_group = postdrop
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = {dir}/log/maillog
maillog_file_prefixes = {dir}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = postfix.bench.example
mydestination =
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:{sink}
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtpd_peername_lookup = no
alias_maps =
alias_database =
smtpd_relay_restrictions = permit_mynetworks, reject
default_destination_concurrency_limit = {connections}
"""

    MASTER = """\
127.0.0.1:{port} inet n - n - 1100 smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

    def __init__(self, folder, sink_port):
        self.dir = folder / "postfix"
        for name in ("etc", "queue", "data", "log"):
            (self.dir / name).mkdir(parents=True)
        shutil.chown(self.dir / "data", "postfix")
        self.port = free_port()
        (self.dir / "etc/main.cf").write_text(self.MAIN.format(dir=self.dir, sink=sink_port, connections=CONNECTIONS))
        (self.dir / "etc/master.cf").write_text(self.MASTER.format(port=self.port))
        self._postfix("start")
        until(lambda: can_connect(self.port), f"Postfix's port; see {self.dir}/log/maillog", 30)
        self.pid = int((self.dir / "queue/pid/master.pid").read_text())

    def _postfix(self, verb):
        done = subprocess.run(["/usr/sbin/postfix", "-c", str(self.dir / "etc"), verb], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"bench: postfix {verb} failed:\n{done.stdout}{done.stderr}")

    def version(self):
        done = subprocess.run(["/usr/sbin/postconf", "-d", "-h", "mail_version"], capture_output=True, text=True)
        return f"Postfix {done.stdout.strip()}"

    def stop(self):
        self._postfix("stop")
