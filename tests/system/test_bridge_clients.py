"""Programs that people read mail with: what each fetches through the gateway is what it fetches directly."""
import hashlib
import os
import pty
import random
import re
import select
import signal
import subprocess
import types

import pytest

import bodies
import harness
import peers
from harness import until
from mail_in import KINDS, MAILBOX, Room

COUNT = 60
TAME, TAME_COUNT = "tame@contoso.example", 13  # for those who choke on stranger mail, or change it: fetchmail by plain sockets, lines over 8 KB


@pytest.fixture(scope="module")
def house():
    world = harness.World()
    certificates = peers.Certificates(world)
    identity, sink = peers.Identity(MAILBOX, certificates), peers.Sink()
    try:
        dovecot = peers.Dovecot(world, certificates, identity, sink.port, users=[MAILBOX, TAME], password="secret")
        dovecot.deliver(MAILBOX, [b for b in bodies.corpus(COUNT + 1, 3) if b])
        chance = random.Random(1)
        dovecot.deliver(TAME, [*(bodies.BODIES[k] for k in ("plain", "8-bit", "dots", "998 octets", "latin-1")),
                               *(bodies.common(chance, n) for n in (1, 2, 3, 4, 6, 7, 8, 9))])
        room = Room.of(world, certificates, identity, dovecot, users=[MAILBOX, TAME])
        yield types.SimpleNamespace(world=world, dovecot=dovecot, room=room, sink=sink, certificates=certificates, kept={})
    finally:
        identity.close()
        sink.close()
        world.close()


class Account:
    """Where a client is pointed at, and a home of its own. The user name is the same everywhere: some clients write it into mail."""

    def __init__(self, house, protocol, kind, user=MAILBOX):
        self.protocol, self.kind, self.ca = protocol, kind, house.certificates.ca
        if kind == "direct":
            self.kind, self.port = "implicit", house.dovecot.ports[protocol + "s"]
            self.user, self.password = user, "secret"
        else:
            self.port, self.user, self.password = house.room.port(protocol, kind), user, house.room.passwords["erp" if user == MAILBOX else "erp1"]
        self.home = house.world.dir / f"home-{len(os.listdir(house.world.dir))}"
        self.home.mkdir()

    def file(self, name, text):
        path = self.home / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def maildir(self, name):
        for part in ("cur", "new", "tmp"):
            (self.home / name / part).mkdir(parents=True)
        return self.home / name

    def run(self, *argv, ok=(0,), timeout=90, **options):
        done = subprocess.run([str(a) for a in argv], capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL, cwd=self.home,
                              env={"PATH": "/usr/bin:/bin", "HOME": str(self.home), "LC_ALL": "C.UTF-8"}, **options)
        assert done.returncode in ok, (done.stdout + done.stderr).decode(errors="replace")[-3000:]
        return done


def files(folder):
    """What lies in a Maildir, or in a plain folder, without the names."""
    return sorted(hashlib.sha256(re.sub(rb"(?m)^X-TUID: [^\n]*\n", b"", p.read_bytes())).hexdigest()
                  for p in folder.rglob("*") if p.is_file() and p.parent.name in ("cur", "new", "out"))


def curl(a, house):
    out = a.home / "out"
    out.mkdir()
    path = "INBOX;UID=[1-60]" if a.protocol == "imap" else "[1-60]"
    scheme = a.protocol + ("s" if a.kind == "implicit" else "")
    a.run("curl", "-sS", "--cacert", a.ca, *(["--ssl-reqd"] if a.kind == "starttls" else []), "-u", f"{a.user}:{a.password}", "-o",
          "out/#1", f"{scheme}://localhost:{a.port}/{path}")
    return files(out)


def mbsync(a, house):
    a.maildir("mail/INBOX")
    rc = a.file("mbsyncrc", f"""\
IMAPAccount there
Host localhost
Port {a.port}
User {a.user}
Pass {a.password}
AuthMechs LOGIN
SSLType {dict(none="None", starttls="STARTTLS", implicit="IMAPS")[a.kind]}
CertificateFile {a.ca}

IMAPStore far
Account there

MaildirStore near
Path {a.home}/mail/
Inbox {a.home}/mail/INBOX

Channel all
Far :far:
Near :near:
Patterns INBOX
Sync Pull
SyncState *
""")
    a.run("mbsync", "-q", "-c", rc, "-a", ok=(0, 1))
    return files(a.home / "mail/INBOX")


def keeper(a):
    """A program that puts what it is given into `out`."""
    (a.home / "out").mkdir()
    program = a.file("keep.sh", f'#!/bin/sh\nexec cat >"$(mktemp {a.home}/out/XXXXXXXX)"\n')
    program.chmod(0o700)
    return program


def fetchmail(a, house):
    how = {"none": "sslproto ''", "starttls": f"sslproto 'tls1.2+' sslcertck sslcertfile '{a.ca}'",
           "implicit": f"ssl sslcertck sslcertfile '{a.ca}'"}[a.kind]
    rc = a.file("fetchmailrc", f"""\
set invisible
set no bouncemail
poll localhost service {a.port} protocol {a.protocol} timeout 60
  user '{a.user}' password '{a.password}' keep fetchall no rewrite no mimedecode {how}
  mda '{keeper(a)}'
""")
    a.run("fetchmail", "-f", rc, "--pidfile", a.home / "pid", "-i", a.home / "ids", ok=(0, 1))
    return files(a.home / "out")


def getmail(a, house):
    """It knows no STARTTLS. Now and then it misses the end of its own child and waits for ever, whatever the server."""
    retriever = {"imap": "SimpleIMAP", "pop3": "SimplePOP3"}[a.protocol] + ("SSL" if a.kind == "implicit" else "") + "Retriever"
    rc = a.file("getmailrc", f"""\
[retriever]
type = {retriever}
server = localhost
port = {a.port}
username = {a.user}
password = {a.password}
{f"ca_certs = {a.ca}" if a.kind == "implicit" else ""}
[destination]
type = MDA_external
path = {keeper(a)}
unixfrom = false
allow_root_commands = true
[options]
delete = false
delivered_to = false
received = false
""")
    for patience in (15, 15, 60):
        try:
            a.run("getmail", "--getmaildir", a.home, "--rcfile", rc, timeout=patience)
            break
        except subprocess.TimeoutExpired:
            [p.unlink() for p in (a.home / "out").iterdir()]
    return files(a.home / "out")


def neomutt(a, house):
    """It wants a terminal: it gets one, and what a person would type."""
    url = f"imap{'s' if a.kind == 'implicit' else ''}://{a.user.replace('@', '%40')}@localhost:{a.port}/"
    (a.home / "out").mkdir()
    a.file("keep.sh", '#!/bin/sh\nt=$(mktemp) && cat >"$t" && mv "$t" out/\n').chmod(0o700)
    copies = "<pipe-message>./keep.sh<enter><next-entry>" * TAME_COUNT
    rc = a.file("muttrc", f"""\
set imap_pass="{a.password}"
set ssl_force_tls={"no" if a.kind == "none" else "yes"}
set ssl_starttls={"yes" if a.kind == "starttls" else "no"}
set certificate_file="{a.ca}"
set confirmappend=no confirmcreate=no quit=yes delete=no mark_old=no wait_key=no sleep_time=0 beep=no
set pipe_decode=no copy=no record="" resolve=no sort=mailbox-order header_cache="" message_cachedir="" net_inc=0 read_inc=0 write_inc=0
push "<jump>1<enter>{copies}"
""")
    on_terminal(["neomutt", "-n", "-F", str(rc), "-f", url], a, lambda: len(files(a.home / "out")) == TAME_COUNT)
    return files(a.home / "out")


def on_terminal(argv, a, is_done):
    """Until it has done its work; then it is ended."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(a.home)
        os.execvpe(argv[0], argv, {"PATH": "/usr/bin:/bin", "HOME": str(a.home), "TERM": "xterm", "LC_ALL": "C.UTF-8"})
    shown = bytearray()

    def looked_and_done():
        try:
            while select.select([terminal], [], [], 0)[0]:
                shown.extend(os.read(terminal, 65536))
        except OSError:
            raise AssertionError(f"{argv[0]} ended; it showed {bytes(shown[-1500:])}") from None
        return is_done()
    try:
        until(looked_and_done, f"{argv[0]}'s work")
    except AssertionError as e:
        raise AssertionError(f"{e}; it shows {bytes(shown[-1500:])}") from None
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


CLIENTS = [(curl, "imap"), (curl, "pop3"), (fetchmail, "imap"), (fetchmail, "pop3"), (getmail, "imap"), (getmail, "pop3"), (mbsync, "imap"),
           (neomutt, "imap")]
EACH = [(c, p, k) for c, p in CLIENTS for k in KINDS if (c, k) != (getmail, "starttls")]


@pytest.mark.parametrize("client, protocol, kind", EACH, ids=[f"{c.__name__}-{p}-{k}" for c, p, k in EACH])
def test_fetches_what_it_fetches_directly(house, client, protocol, kind):
    user, count = (MAILBOX, COUNT - 5) if client in (curl, mbsync) else (TAME, TAME_COUNT)
    if (client, protocol) not in house.kept:
        house.kept[client, protocol] = client(Account(house, protocol, "direct", user), house)
    direct = house.kept[client, protocol]
    assert len(direct) >= count, f"{client.__name__} itself fetched {len(direct)} directly"
    through = client(Account(house, protocol, kind, user), house)
    assert through == direct, (set(through) ^ set(direct), len(through), len(direct))


def test_mbsync_writes_and_deletes(house):
    a = Account(house, "imap", "none")
    house.dovecot.deliver(MAILBOX, [harness.letter(f"sync {n}") for n in range(3)], "Synced")
    rc = a.file("mbsyncrc", f"""\
IMAPAccount there
Host localhost
Port {a.port}
User {a.user}
Pass {a.password}
AuthMechs LOGIN
SSLType None

IMAPStore far
Account there

MaildirStore near
Path {a.home}/mail/
Inbox {a.home}/mail/INBOX

Channel all
Far :far:
Near :near:
Patterns Synced
Create Both
Expunge Both
SyncState *
""")
    (a.home / "mail").mkdir()
    a.run("mbsync", "-c", rc, "-a")
    near = a.home / "mail/Synced"
    assert len(files(near)) == 3
    (near / "new/1790000000.1_1.local").write_bytes(harness.letter("from here").replace(b"\r\n", b"\n"))
    gone = next(p for p in near.glob("*/*") if b"sync 1" in p.read_bytes())
    gone.rename(near / "cur" / (gone.name.split(":")[0] + ":2,ST"))
    a.run("mbsync", "-c", rc, "-a")
    subjects = sorted(re.search(rb"Subject: ([^\r\n]*)", m)[1] for m in house.dovecot.stored(MAILBOX, "Synced"))
    assert subjects == [b"from here", b"sync 0", b"sync 2"]


def test_curl_sends_through(house):
    a = Account(house, "imap", "none")
    message = a.file("m.eml", harness.letter("through by curl").decode())
    before = len(house.sink.messages)
    for kind in KINDS:
        port = house.room.port("smtp", kind)
        scheme = "smtps" if kind == "implicit" else "smtp"
        a.run("curl", "-sS", f"{scheme}://localhost:{port}/client.test", "--cacert", a.ca, *(["--ssl-reqd"] if kind == "starttls" else []),
              "--mail-from", MAILBOX, "--mail-rcpt", "a@b.example", "-u", f"{a.user}:{a.password}", "-T", message)
    sent = [m.content for m in house.sink.messages[before:]]
    assert [harness.without_received(m) for m in sent] == [harness.letter("through by curl")] * 3


def test_curl_hears_why_it_is_refused(house):
    a = Account(house, "imap", "none")
    done = a.run("curl", "-sSv", f"imap://localhost:{a.port}/INBOX", "-u", f"{a.user}:wrong", ok=(67,))
    assert b"NO [AUTHENTICATIONFAILED] " in done.stderr
