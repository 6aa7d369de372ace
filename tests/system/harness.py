"""Starts what a system test needs, on loopback and free ports, and stops only what it started.

Nothing here sleeps for a fixed time: `until` polls a condition with a deadline, and the daemon's own event file says what
happened. The clock of every process of a test can be moved together with `Clock.advance`.
"""
import base64
import http.client
import json
import os
import pathlib
import pwd
import random
import shutil
import signal
import smtplib
import socket
import struct
import subprocess
import tempfile
import threading
import time

import yaml

import contract

TOP = pathlib.Path(__file__).resolve().parents[2]
BIN = os.environ.get("POSTERN_BIN", str(TOP / "build" / "postern"))
# What only prepares a test runs the commands of a build without sanitizers, where there is one: a start costs a thirtieth.
SWIFT = os.environ.get("POSTERN_SWIFT_BIN", BIN)
DEADLINE = float(os.environ.get("POSTERN_TEST_DEADLINE", "30"))


def until(condition, what, deadline=DEADLINE):
    """The first true value of condition(); fails the test with `what`, or what that says then, after the deadline."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline:g} s: {what() if callable(what) else what}")
        time.sleep(0.01)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def quiet_port():
    """A free port that no outgoing connection of anybody takes meanwhile, as it may happen to those of free_port()."""
    while True:
        port = random.SystemRandom().randrange(12000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def serve(server):
    """One of Python's servers answers in a thread of its own until its shutdown(), which then takes no half second."""
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()


def can_connect(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Clock:
    """Eight bytes that every process of a test reads as its clock's offset in milliseconds."""

    def __init__(self, folder):
        self.path = pathlib.Path(folder) / "clock"
        self.ms = 0
        self.path.write_bytes(struct.pack("=q", 0))

    def advance(self, seconds):
        self.ms += int(seconds * 1000)
        with open(self.path, "r+b") as f:
            f.write(struct.pack("=q", self.ms))


class Process:
    """A child whose output goes to a file, so that nothing blocks and a failure can be read."""

    def __init__(self, argv, folder, name, env=None, cwd=None):
        self.log = pathlib.Path(folder) / f"{name}.log"
        self.out = open(self.log, "ab")
        self.begun = self.out.tell()
        self.child = subprocess.Popen(
            [str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=self.out, stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})}, cwd=cwd)

    def text(self):
        return self.log.read_text(errors="replace")

    def wait_for_line(self, line, deadline=DEADLINE):
        """Among what this process said; another may have written to the same file before."""
        def seen():
            if self.child.poll() is not None:
                raise AssertionError(f"{self.child.args[:3]} ended with {self.child.returncode}:\n{self.text()}")
            return line.encode() in self.log.read_bytes()[self.begun:]
        until(seen, f"'{line}' from {self.child.args[:3]}; it said:\n{self.text()[-2000:]}", deadline)

    def stop(self, sig=signal.SIGTERM, deadline=30):
        if self.child.poll() is None:
            self.child.send_signal(sig)
            try:
                self.child.wait(deadline)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
                raise AssertionError(f"{self.child.args[:3]} did not stop:\n{self.text()[-2000:]}") from None
        self.out.close()
        return self.child.returncode


class World:
    """A temporary folder with everything of one test in it; its path is short, because sockets live there."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="pst-"))
        self.clock = Clock(self.dir)
        self.running = []

    def env(self):
        return {"POSTERN_TEST_CLOCK": str(self.clock.path), "HOME": str(self.dir)}

    def run(self, argv, name, env=None, cwd=None):
        p = Process(argv, self.dir, name, {**self.env(), **(env or {})}, cwd)
        self.running.append(p)
        return p

    def file(self, name, content):
        path = self.dir / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def close(self):
        faults = []
        for p in reversed(self.running):
            try:
                p.stop()
            except AssertionError as e:
                faults.append(str(e))
            report = p.text()
            if "ERROR: AddressSanitizer" in report or "runtime error:" in report or "ERROR: LeakSanitizer" in report:
                faults.append(f"a sanitizer complained:\n{report[-6000:]}")
        shutil.rmtree(self.dir, ignore_errors=True)
        if faults:
            raise AssertionError("\n".join(faults))


class Sandbox:
    """`postern sandbox`, and what arrived in it. Its own tests run the sanitized one; to the others it is but the peer."""

    signing_key = None

    def __init__(self, world, *args, binary=BIN):
        self.world = world
        self.dir = world.dir / "sandbox"
        self.dir.mkdir(exist_ok=True)
        if Sandbox.signing_key:  # making one takes longer than everything else at its start
            (self.dir / "signing.pem").write_bytes(Sandbox.signing_key)
        self.process = world.run([binary, "sandbox", "--dir", self.dir, *args], "sandbox")
        self.process.wait_for_line("sandbox ready")
        self.info = json.loads((self.dir / "sandbox.json").read_text())
        Sandbox.signing_key = Sandbox.signing_key or (self.dir / "signing.pem").read_bytes()

    def set(self, switch, value):
        """KEY=@FILE stands for what is in the file, as in the command."""
        import urllib.parse
        import urllib.request
        key, at, file = str(value).partition("@/")
        value = key + pathlib.Path("/" + file).read_text() if at else value
        request = urllib.request.Request(f"{self.info['web'].rstrip('/')}/api/switches/{urllib.parse.quote(switch)}",
                                         json.dumps({"value": str(value)}).encode(), {"Content-Type": "application/json"}, method="PUT")
        urllib.request.urlopen(request, timeout=60).close()

    def get(self, path, raw=False):
        import urllib.request
        with urllib.request.urlopen(self.info["web"].rstrip("/") + path, timeout=10) as answer:
            data = answer.read()
        return data if raw else json.loads(data)

    def put(self, message, mailbox, **query):
        """A message straight into a folder: folder=, flags=, received=, count= (postern-sandbox(1))."""
        import urllib.parse
        import urllib.request
        query = urllib.parse.urlencode({"mailbox": mailbox, **query})
        request = urllib.request.Request(f"{self.info['web'].rstrip('/')}/api/messages?{query}", message,
                                         {"Content-Type": "message/rfc822"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def folder(self, mailbox, folder="INBOX"):
        """UIDVALIDITY, UIDNEXT, and `items` with UIDs, flags, sizes and times."""
        import urllib.parse
        return self.get("/api/folders?" + urllib.parse.urlencode({"mailbox": mailbox, "folder": folder}))

    def messages(self):
        found = self.get("/api/messages")
        return found["items"] if isinstance(found, dict) else found

    def wait_messages(self, count, deadline=DEADLINE):
        return until(lambda: (m := self.messages()) and len(m) >= count and m, f"{count} messages in the sandbox", deadline)

    def raw(self, message):
        return self.get(f"/api/messages/{message['id']}/raw", raw=True)


class Answer:
    def __init__(self, response, method="GET"):
        self.method, self.status, self.headers, self.body = method, response.status, response.headers, response.read()

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def finding(self):
        """The id of the first finding of a refusal."""
        return next((f["id"] for f in self.json["findings"]), None)

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class Console:
    """A browser, or a program with its key (`bearer`) or its app's name and password (`basic`), at the console's address."""

    def __init__(self, host, port, tls=None, bearer=None, basic=None):
        self.host, self.port, self.tls = host, port, tls
        self.cookie = self.csrf = None
        self.auth = f"Bearer {bearer}" if bearer else None
        if basic:
            self.auth = "Basic " + base64.b64encode(":".join(basic).encode()).decode()

    def connection(self, timeout=30):
        if self.tls:
            return http.client.HTTPSConnection(self.host, self.port, context=self.tls, timeout=timeout)
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def headers(self, method):
        headers = {"Authorization": self.auth, "Cookie": self.cookie}
        if self.csrf and method not in ("GET", "HEAD"):
            headers["X-Postern-CSRF"] = self.csrf
        return {k: v for k, v in headers.items() if v}

    def prepared(self, method, path, body, headers):
        """Path, body and headers as they go out. `body`: bytes, or what becomes JSON. Paths like "status" are the API's."""
        path = path if path.startswith("/") else "/api/v1/" + path
        headers = {**self.headers(method), **(headers or {})}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        return path, body, headers

    def __call__(self, method, path, body=None, headers=None):
        """One request on a connection of its own."""
        path, body, headers = self.prepared(method, path, body, headers)
        c = self.connection()
        try:
            try:
                c.request(method, path, body, headers)
            except BrokenPipeError:
                pass  # refused before the body's end; the answer is there
            answer = Answer(c.getresponse(), method)
        finally:
            c.close()
        self.keep_cookie(answer)
        contract.watch.look(self.document, method, path, answer)
        return answer

    def document(self):
        """What the gateway says of its API; None if it can't be asked just now."""
        c = self.connection()
        try:
            c.request("GET", "/api/v1/openapi.json")
            answer = Answer(c.getresponse())
        except OSError:
            return None
        finally:
            c.close()
        return contract.Document(answer.json) if answer.status == 200 else None

    def keep_cookie(self, answer):
        for value in answer.headers.get_all("Set-Cookie") or []:
            pair = value.split(";")[0]
            self.cookie = pair if pair.split("=", 1)[1] else None

    def get(self, path, **kw):
        return self("GET", path, **kw)

    def post(self, path, body=None, **kw):
        return self("POST", path, body, **kw)

    def put(self, path, body=None, **kw):
        return self("PUT", path, body, **kw)

    def patch(self, path, body=None, **kw):
        return self("PATCH", path, body, **kw)

    def delete(self, path, **kw):
        return self("DELETE", path, **kw)

    def sign_in(self, name, password):
        answer = self.post("session", {"name": name, "password": password})
        if answer.status == 200:
            self.csrf = answer.json["csrf"]
        return answer


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=30):
        super().__init__("postern", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Local(Console):
    """Somebody at the Unix socket, who may do everything."""

    def __init__(self, path):
        super().__init__("postern", 0)
        self.path = path

    def connection(self, timeout=30):
        return UnixConnection(self.path, timeout)


class Gateway:
    """`postern serve` with a state directory of its own."""

    CONFIG = """\
state: {state}
user: {user}
hostname: gateway.test
listeners:
  - {{ protocol: smtp, address: "127.0.0.1:0", tls: none }}
{extra}
"""

    USER = pwd.getpwuid(os.getuid()).pw_name

    def __init__(self, world, extra="", config=None, start=True):
        self.world = world
        self.state = world.dir / "state"
        text = config if config is not None else self.CONFIG.format(state=self.state, extra=extra, user=self.USER)
        text = self.with_console(text)
        if os.geteuid() == 0 and "\nuser:" not in text:
            text = "user: root\n" + text  # the folder of a test is nobody else's
        self.config = world.file("postern.yaml", text)
        self.process = None
        self.starts = 0
        if start:
            self.start()

    def with_console(self, text):
        """With an address for the console that is nobody else's, unless the test chose one."""
        section = next((line for line in text.splitlines() if line.startswith("console:")), None)
        if section and "address:" in text[text.index(section):]:
            return text
        address = f'address: "127.0.0.1:{quiet_port()}"'
        if section:
            return text.replace(section, section.replace("{", "{ " + address + ",", 1))
        return f"{text.rstrip()}\nconsole: {{ {address} }}\n"

    def console(self, host="127.0.0.1", **kw):
        """Somebody at the console's address; see Console."""
        address = json.loads((self.state / "listeners.json").read_text())["console"]["address"]
        return Console(host, int(address.rsplit(":", 1)[1]), **kw)

    def local(self):
        """Somebody at the Unix socket; see Console for what can be asked."""
        return Local(self.state / "admin.sock")

    def start(self, wait=True):
        (self.state / "listeners.json").unlink(missing_ok=True)
        self.starts += 1
        self.process = self.world.run([BIN, "serve", "-c", self.config], f"gateway{self.starts}")
        if wait:
            self.process.wait_for_line("postern: ready")
        return self

    def is_answering(self):
        try:
            return self.local().get("status").status == 200
        except OSError:
            return False

    def stop(self):
        return self.process.stop()

    def kill(self):
        self.process.child.send_signal(signal.SIGKILL)
        self.process.child.wait()

    @property
    def ports(self):
        listeners = json.loads((self.state / "listeners.json").read_text())
        return [int(entry["address"].rsplit(":", 1)[1]) for entry in listeners["listeners"]]

    @property
    def port(self):
        return self.ports[0]

    def cli(self, *args, stdin=None, check=True, timeout=60, env=None, binary=BIN):
        done = subprocess.run([binary, *map(str, args), "-c", str(self.config)], input=stdin, capture_output=True,
                              timeout=timeout, text=not isinstance(stdin, bytes),
                              env={**os.environ, **self.world.env(), **(env or {})})
        if check and done.returncode != 0:
            raise AssertionError(f"{args} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def json(self, *args, **kw):
        return json.loads(self.cli(*args, "--json", **kw).stdout)

    def prepare(self, *args, **kw):
        """A command that is not what the test is about; what it printed."""
        return self.cli(*args, binary=SWIFT, **kw).stdout

    def asked(self, method, path, body=None):
        """What the API answers to what is not what the test is about: a command's start would cost more than all the rest."""
        answer = self.local()(method, path, body)
        assert answer.status < 300, (method, path, answer)
        return answer.json if answer.body else None

    def add(self, kind, name, secret=None, **fields):
        """An object as the commands make it; `secret` is a registration's, or a mailbox's password."""
        from urllib.parse import quote
        path = f"{kind}/{quote(name)}"
        self.asked("PUT", path, {"address" if kind == "mailboxes" else "name": name, **fields})
        if secret:
            what = "secret" if kind == "registrations" else "password"
            self.asked("PUT", f"{path}/{what}", {what: secret})

    def add_provider(self, file):
        provider = yaml.load(pathlib.Path(file).read_text(), yaml.CSafeLoader)
        if "ca-file" in provider:
            provider["ca-file"] = str(pathlib.Path(file).parent / provider["ca-file"])
        self.asked("PUT", f"providers/{provider['name']}", provider)

    def roles(self, name=None):
        return [r for r in self.asked("GET", "status")["roles"] if name in (None, r["role"])]

    def events(self, event=None, **fields):
        found, mark = [], f'"event":"{event}"' if event else ""
        for suffix in (".1", ""):
            path = pathlib.Path(f"{self.state}/events.jsonl{suffix}")
            whole = path.read_text().rpartition("\n")[0] if path.exists() else ""  # the last line may be half written
            for line in whole.splitlines():
                entry = json.loads(line) if mark in line else {}
                if entry and event in (None, entry["event"]) and all(entry.get(k) == v for k, v in fields.items()):
                    found.append(entry)
        return found

    def wait_event(self, event, deadline=DEADLINE, **fields):
        return until(lambda: self.events(event, **fields), f"event {event} {fields}", deadline)[-1]

    def message(self, message_id):
        return self.asked("GET", f"messages/{message_id}")

    ENDS = ("delivered", "bounced", "partial", "expired", "removed")

    def wait_state(self, message_id, state, deadline=DEADLINE):
        def reached():
            m = self.message(message_id)
            assert m["state"] == state or m["state"] not in self.ENDS, f"message {message_id} is to be {state}; it is {m}"
            return m if m["state"] == state else None
        return until(reached, lambda: f"message {message_id} {state}; it is {self.message(message_id)}", deadline)

    def smtp(self, port=None, **kw):
        return smtplib.SMTP("127.0.0.1", port or self.port, local_hostname="client.test", timeout=60, **kw)

    def submit(self, user, password, sender, recipients, body, options=()):
        """One message by Python's own client; bytes go out as they are. Returns the queue's id."""
        with self.smtp() as client:
            client.ehlo()
            if password:
                client.login(user, password)
            return submit_on(client, sender, recipients, body, options)


def submit_on(client, sender, recipients, body, options=()):
    code, text = client.mail(sender, options)
    assert code == 250, (code, text)
    for r in [recipients] if isinstance(recipients, str) else recipients:
        code, text = client.rcpt(r)
        assert code in (250, 251), (code, text)
    code, text = client.docmd("DATA")
    assert code == 354, (code, text)
    data = body if isinstance(body, bytes) else body.encode()
    stuffed = b"\r\n".join(b"." + line if line.startswith(b".") else line for line in data.split(b"\r\n"))
    client.send(stuffed + (b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n"))
    code, text = client.getreply()
    assert code == 250, (code, text)
    return text.decode().rsplit(" ", 1)[-1]


def new_app(gateway, name, mailboxes, options=()):
    """An app and its password."""
    if options:
        args = [a for m in mailboxes for a in ("--mailbox", m)]
        return json.loads(gateway.prepare("app", "add", name, *args, *options, "--json"))["password"]
    gateway.add("apps", name, mailboxes=list(mailboxes))
    return gateway.asked("POST", f"apps/{name}/password")["password"]


class Tenant:
    """A gateway joined to a sandbox: provider, registration, mailbox and app are there, and it has signed in."""

    MAILBOX = "shop@contoso.example"
    NO_LIMITS = {"connections": 8, "messages-per-minute": 0, "recipients-per-day": 0, "recipients-per-message": 450, "size-mb": 150}

    def __init__(self, world, grant="app", extra="", limits=None):
        self.world = world
        self.sandbox = Sandbox(world, binary=SWIFT)
        self.gateway = Gateway(world, extra)
        self.provider = self.provider_file(limits or self.NO_LIMITS)
        self.add_registration(grant)
        self.add_mailbox(self.MAILBOX, grant)
        self.password = self.add_app("erp", self.MAILBOX)

    def provider_file(self, limits):
        """The sandbox's own provider file with other limits; Microsoft's would make every test take minutes."""
        provider = yaml.load((self.sandbox.dir / "provider.yaml").read_text(), yaml.CSafeLoader)
        provider["limits"] = limits
        if limits is self.NO_LIMITS:
            self.sandbox.set("smtp.limits", "off")
        return self.world.file("sandbox-provider.yaml", yaml.safe_dump(provider))

    def registration_of(self, grant):
        name = {"app": "app", "code": "web", "device": "public"}[grant]
        return next(r for r in self.sandbox.info["registrations"] if r["name"] == name)

    def add_registration(self, grant, name="m365"):
        r = self.registration_of(grant)
        self.gateway.add_provider(self.provider)
        self.gateway.add("registrations", name, secret=r.get("secret"), provider="sandbox", tenant=r["tenant"], client_id=r["client_id"],
                         credential="secret" if r.get("secret") else "none")

    def add_mailbox(self, address, grant="app", *options):
        if options:
            self.gateway.prepare("mailbox", "add", address, "--registration", "m365", "--grant", grant, *options)
        else:
            self.gateway.add("mailboxes", address, registration="m365", grant=grant)

    def add_app(self, name, *mailboxes, options=()):
        return new_app(self.gateway, name, mailboxes, options)

    def submit(self, body, recipients="alice@contoso.example", sender=None, app="erp", options=()):
        return self.gateway.submit(app, self.password, sender or self.MAILBOX, recipients, body, options)


def letter(subject="Hello", body="Text\r\n", sender=Tenant.MAILBOX, to="alice@contoso.example"):
    return (f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nDate: Sat, 21 Nov 2026 09:00:00 +0000\r\n"
            f"Message-ID: <{subject.replace(' ', '.')}@client.test>\r\n\r\n{body}").encode()


def without_received(raw):
    """What was sent: everything after the one Received line (with its folds) that the gateway puts in front."""
    assert raw.startswith(b"Received: "), raw[:200]
    at = 0
    while True:
        at = raw.index(b"\r\n", at) + 2
        if raw[at:at + 1] not in (b" ", b"\t"):
            return raw[at:]
