"""What tests of mail in share: a gateway with every kind of listener in front of a server, and clients that see every octet."""
import imaplib
import itertools
import poplib
import re
import smtplib
import socket
import ssl

import harness

MAILBOX = harness.Tenant.MAILBOX
PROTOCOLS, KINDS = ("imap", "pop3", "smtp"), ("none", "starttls", "implicit")
EVERYWHERE = list(itertools.product(PROTOCOLS, KINDS))
poplib._MAXLINE = 4 << 20  # the default would refuse what mail is

LISTENER = '  - {{{{ protocol: {protocol}, address: "127.0.0.1:0", tls: {tls}{mode}{files} }}}}\n'

PROVIDER = """\
name: {name}
endpoints: {{ token: "{token}" }}
scopes: {{ app: mail, imap: mail, pop3: mail, smtp: mail }}
{servers}
limits: {{ connections: 100, messages-per-minute: 0, recipients-per-day: 0, recipients-per-message: 100, size-mb: 150 }}
ca-file: {ca}
"""


def listeners():
    """One for each protocol and kind, in the order of EVERYWHERE, behind the first, which queues."""
    return "".join(LISTENER.format(protocol=p, tls=k, mode=", mode: through" if p == "smtp" else "",
                                   files="" if k == "none" else ', certificate: "{cert}", key: "{key}"') for p, k in EVERYWHERE)


class Room:
    """A gateway with every listener there is, and mailboxes at servers that are given by their ports.

    `servers`: {"imap": (port, "implicit"), ...}. The user name of the app of the first mailbox is "erp"."""

    ROOMY = "bridge: {{ sessions-per-app: 5000, sessions-per-mailbox: 5000 }}\n"

    def __init__(self, world, certificates, identity, servers=None, sasl="xoauth2", extra=ROOMY, users=(MAILBOX,)):
        self.world, self.certificates, self.identity = world, certificates, identity
        text = (listeners() + extra).format(cert=certificates.cert, key=certificates.key)
        self.gateway = harness.Gateway(world, text)
        self.tls = ssl.create_default_context(cafile=str(certificates.ca))
        self.passwords = {}
        self.providers = self.registrations = 0
        if servers:
            provider = self.add_provider(servers, sasl)
            for number, user in enumerate(users):
                self.add_mailbox(user, provider, app=f"erp{number or ''}")

    @classmethod
    def of(cls, world, certificates, identity, dovecot, implicit=True, **options):
        """In front of Dovecot, by implicit TLS or by STARTTLS and STLS."""
        names = ("imaps", "pop3s") if implicit else ("imap", "pop3")
        servers = {p: (dovecot.ports[n], "implicit" if implicit else "starttls") for p, n in zip(PROTOCOLS, names)}
        return cls(world, certificates, identity, {**servers, "smtp": (dovecot.port, "starttls")}, **options)

    def add_provider(self, servers, sasl="xoauth2", host="localhost", ca=None):
        self.providers += 1
        name = f"peer{self.providers}"
        lines = "\n".join(f"{protocol}: {{ host: {host}, port: {port}, tls: {tls}, sasl: {sasl} }}"
                          for protocol, (port, tls) in servers.items())
        file = self.world.file(f"{name}.yaml", PROVIDER.format(name=name, token=f"{self.identity.tls_url}/token", servers=lines,
                                                               ca=ca or self.certificates.ca))
        self.gateway.add_provider(file)
        return name

    def add_mailbox(self, user, provider, app=None, options=()):
        """With a registration of its own, whose client id is the address: so does the fixture know whose token it gives."""
        self.registrations += 1
        name = f"r{self.registrations}"
        self.gateway.add("registrations", name, secret="secret", provider=provider, tenant="t", client_id=user.replace("@", "="))
        if options:
            self.gateway.prepare("mailbox", "add", user, "--registration", name, "--grant", "app", *options)
        else:
            self.gateway.add("mailboxes", user, registration=name, grant="app")
        if app:
            self.add_app(app, user)

    def add_app(self, name, *mailboxes, options=()):
        self.passwords[name] = harness.new_app(self.gateway, name, mailboxes, options)
        return self.passwords[name]

    @property
    def password(self):
        return self.passwords["erp"]

    def port(self, protocol, kind="none"):
        return self.gateway.ports[1 + EVERYWHERE.index((protocol, kind))]

    # Python's own clients, signed in

    def imap(self, kind="none", user="erp"):
        port = self.port("imap", kind)
        client = imaplib.IMAP4_SSL("localhost", port, ssl_context=self.tls) if kind == "implicit" else imaplib.IMAP4("localhost", port)
        if kind == "starttls":
            client.starttls(self.tls)
        client.login(user, self.passwords[user])
        return client

    def pop3(self, kind="none", user="erp"):
        port = self.port("pop3", kind)
        client = poplib.POP3_SSL("localhost", port, context=self.tls) if kind == "implicit" else poplib.POP3("localhost", port)
        if kind == "starttls":
            client.stls(self.tls)
        client.user(user)
        client.pass_(self.passwords[user])
        return client

    def smtp(self, kind="none", user="erp"):
        port = self.port("smtp", kind)
        options = {"local_hostname": "client.test", "timeout": 60}
        client = smtplib.SMTP_SSL("localhost", port, context=self.tls, **options) if kind == "implicit" else \
            smtplib.SMTP("localhost", port, **options)
        if kind == "starttls":
            client.starttls(context=self.tls)
        client.login(user, self.passwords[user])
        return client

    # Octets

    def wire(self, protocol, kind="none"):
        return Wire(self.port(protocol, kind), self.tls if kind == "implicit" else None)

    def imap_wire(self, kind="none", user="erp"):
        w = self.wire("imap", kind)
        assert w.line().startswith(b"* OK")
        assert w.imap(f"l1 LOGIN {user} {self.passwords[user]}").endswith(b"\r\n")
        assert w.last.startswith(b"l1 OK"), w.last
        return w

    def pop3_wire(self, kind="none", user="erp"):
        w = self.wire("pop3", kind)
        assert w.line().startswith(b"+OK")
        assert w.say(f"USER {user}").startswith(b"+OK")
        assert w.say(f"PASS {self.passwords[user]}").startswith(b"+OK")
        return w


class Wire:
    """A connection that shows every octet and can be as rude as it likes."""

    def __init__(self, port, tls=None, timeout=30):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb", buffering=1 << 20)
        self.last = b""  # the line that ended the last answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def start_tls(self, tls):
        self.file.close()
        self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb", buffering=1 << 20)

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def line(self):
        return self.file.readline()

    def say(self, command):
        self.send((command.encode() if isinstance(command, str) else command) + b"\r\n")
        return self.line()

    def rest(self):
        """Everything until the other side ends; a reset is an end."""
        found = []
        try:
            while data := self.file.read1(1 << 20):
                found.append(data)
        except ConnectionError:
            pass
        return b"".join(found)

    def answer(self, tag):
        """All of an IMAP answer, literals and the tagged line included."""
        found = []
        while True:
            line = self.line()
            assert line, f"the server ended the connection after {b''.join(found)[-500:]}"
            found.append(line)
            literal = re.search(rb"\{(\d+)\}\r\n$", line)
            if literal:
                found.append(self.file.read(int(literal[1])))
            elif line.startswith(tag.encode() + b" "):
                self.last = line
                return b"".join(found)

    def imap(self, command):
        self.send(command + "\r\n")
        return self.answer(command.split()[0])

    def text(self):
        """A POP3 answer of many lines, up to the dot."""
        found = [self.line()]
        assert found[0].startswith(b"+OK"), found[0]
        while found[-1] != b".\r\n":
            found.append(self.line())
            assert found[-1], "the server ended the connection in the middle of a message"
        return b"".join(found)

    def close(self):
        self.file.close()
        self.socket.close()


def direct_imap(dovecot, tls, user=MAILBOX, password="secret"):
    """A wire to Dovecot itself, signed in."""
    w = Wire(dovecot.ports["imaps"], tls)
    assert w.line().startswith(b"* OK")
    assert w.imap(f"l1 LOGIN {user} {password}") and w.last.startswith(b"l1 OK"), w.last
    return w


def direct_pop3(dovecot, tls, user=MAILBOX, password="secret"):
    w = Wire(dovecot.ports["pop3s"], tls)
    assert w.line().startswith(b"+OK")
    assert w.say(f"USER {user}").startswith(b"+OK") and w.say(f"PASS {password}").startswith(b"+OK")
    return w


def processes(gateway, role="edge"):
    return [r["pid"] for r in gateway.roles(role)]


def remembers(pids, words):
    """Which of the words (bytes) stand anywhere in what these processes may write to. Only root may look."""
    found = set()
    for pid in pids:
        with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            for line in maps:
                span, rights = line.split()[:2]
                start, end = (int(at, 16) for at in span.split("-"))
                if not rights.startswith("rw") or end - start > 1 << 27:  # the sanitizer's shadow is that large
                    continue
                memory.seek(start)
                try:
                    data = memory.read(end - start)
                except OSError:
                    continue
                found |= {word for word in words if word in data}
    return found


def memory_kib(pids, field="Rss"):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            total += sum(int(line.split()[1]) for line in file if line.startswith(field + ":"))
    return total
