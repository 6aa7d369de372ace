"""The sandbox's POP3 servers, driven by Python's poplib, by plain sockets and by curl."""
import poplib
import shutil
import socket
import subprocess

import pytest

from sandbox_fixture import LETTER, OUTLOOK, box, running_box, send, xoauth2  # noqa: F401

SHOP = "shop@contoso.example"
SHARED = "invoices@contoso.example"
POP3_SCOPE = f"{OUTLOOK}POP.AccessAsUser.All offline_access openid"
REFUSED = b"-ERR Authentication failure: unknown user name or bad password.\r\n"
PROTOCOL_ERROR = b"-ERR Protocol error. Connection is closed. 10\r\n"


def pop3_token(box, user=SHOP, **kw):
    return box.sign_in(user=user, scope=POP3_SCOPE, **kw)["access_token"]


class Wire:
    """Lines as they are."""

    def __init__(self, box, server="pop3", tls=True):
        raw = socket.create_connection(("localhost", box.info[server]["port"]), 30)
        self.socket = box.tls.wrap_socket(raw, server_hostname="localhost") if tls else raw
        self.file = self.socket.makefile("rb")
        self.greeting = self.line()

    def line(self):
        return self.file.readline()

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, command):
        self.send(command + b"\r\n")
        return self.line()

    def listing(self, command):
        first, lines = self.ask(command), []
        assert first.startswith(b"+OK"), first
        while (line := self.line()) != b".\r\n":
            assert line
            lines.append(line.rstrip(b"\r\n"))
        return lines

    def sign_in(self, token, user=SHOP):
        assert self.ask(b"AUTH XOAUTH2") == b"+ \r\n"
        return self.ask(xoauth2(user, token).encode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()


def items(box):
    return box.folder(SHOP, "INBOX")["items"]


@pytest.mark.parametrize("generation,greeting,capabilities", [
    ("classic", b"+OK The Microsoft Exchange POP3 service is ready. [", [b"TOP", b"UIDL", b"SASL PLAIN XOAUTH2", b"USER"]),
    ("2026", b"+OK Microsoft Exchange POP3 server ready (tcpproxy/15.20.9137.005). [", [b"TOP", b"UIDL", b"SASL XOAUTH2", b"USER"]),
    ("bare", b"+OK The Microsoft Exchange POP3 service is ready.\r\n", [b"TOP", b"UIDL", b"SASL PLAIN XOAUTH2", b"USER"]),
])
def test_generations(box, generation, greeting, capabilities):
    box.set("pop3.generation", generation)
    with Wire(box) as w:
        assert w.greeting.startswith(greeting)
        assert w.listing(b"CAPA") == capabilities
        assert w.sign_in(pop3_token(box)).startswith(b"+OK User successfully authenticated. [")
        assert w.ask(b"QUIT") == b"+OK Microsoft Exchange Server POP3 server signing off.\r\n"
        assert w.line() == b""


def test_a_token_stands_on_a_line_of_its_own(box):
    token = pop3_token(box)
    with Wire(box) as w:
        assert w.ask(b"AUTH XOAUTH2 " + xoauth2(SHOP, token).encode()) == PROTOCOL_ERROR
        assert w.line() == b""
    box.set("pop3.blob", "any")
    with Wire(box) as w:
        assert w.ask(b"AUTH XOAUTH2 " + xoauth2(SHOP, token).encode()).startswith(b"+OK")
    box.set("token.size", 6)
    long = pop3_token(box)
    with Wire(box) as w:
        assert w.sign_in(long).startswith(b"+OK")
    box.set("pop3.blob-size", 4096)
    with Wire(box) as w:
        assert w.sign_in(long) == PROTOCOL_ERROR and w.line() == b""
    assert token[20:60] not in str(box.api("/api/log"))


def test_who_may_sign_in(box):
    imap_only = box.sign_in(scope=f"{OUTLOOK}IMAP.AccessAsUser.All offline_access")["access_token"]
    token, app = pop3_token(box), box.app_token().json["access_token"]
    client = box.client("app")["client_id"]
    for t, user in ((token, SHOP), (token, SHARED), (app, SHOP), (app, SHARED)):
        with Wire(box) as w:
            assert w.sign_in(t, user).startswith(b"+OK"), user
    for t, user in ((imap_only, SHOP), (token, "alice@contoso.example"), (token, "orders@contoso.example"), ("x", SHOP),
                    (box.app_token("rbac").json["access_token"], SHOP)):
        with Wire(box) as w:
            assert w.sign_in(t, user) == REFUSED, user
    for switch, value, t, user in (("pop3.enabled", f"{SHOP}=off", token, SHOP), ("pop3.state", f"{SHOP}=unavailable", token, SHOP),
                                   ("mailbox-permission", f"{client}:{SHOP}=missing", app, SHOP),
                                   ("mailbox-permission", f"{SHOP}:{SHARED}=missing", token, SHARED)):
        box.set(switch, value)
        with Wire(box) as w:
            assert w.sign_in(t, user) == b"-ERR Server Unavailable. 21\r\n", switch
            assert w.ask(b"STAT") == b"-ERR Command is not valid in this state.\r\n"
        box.set("reset", "all")
    with Wire(box) as w:
        assert w.sign_in(app, "nobody@contoso.example") == b"-ERR Server Unavailable. 21\r\n"
    box.set("pop3.state", f"{SHOP}=lost")
    with Wire(box) as w:
        assert w.sign_in(token).startswith(b"+OK")
        assert w.ask(b"STAT") == b"-ERR Server Unavailable. 21\r\n"
    box.set("reset", "all")
    box.set("pop3.connections", 1)
    with Wire(box) as first, Wire(box) as second:
        assert first.sign_in(token).startswith(b"+OK")
        assert second.sign_in(token).startswith(b"-ERR Server Unavailable")


def test_passwords_and_bad_commands(box):
    with Wire(box) as w:
        assert w.ask(b"USER shop@contoso.example") == b"+OK\r\n"
        assert w.ask(b"PASS shop-password") == b"-ERR Logon failure: unknown user name or bad password.\r\n"
    box.set("pop3.login", "basic-disabled")
    with Wire(box) as w:
        w.ask(b"USER a")
        assert w.ask(b"PASS b") == b"-ERR Basic authentication is disabled\r\n"
        assert w.ask(b"STAT") == b"-ERR Command is not valid in this state.\r\n"
        assert w.ask(b"XYZZY").startswith(b"-ERR Protocol error. 14")
        assert w.ask(b"PASS b") == PROTOCOL_ERROR and w.line() == b""
    with Wire(box) as w:
        for _ in range(2):
            assert w.sign_in("wrong") == REFUSED
        assert w.sign_in("wrong") == REFUSED and w.line() == b""
    with Wire(box) as w:
        w.send(b"STAT " + b"x" * 200000 + b"\r\n")
        assert w.line().startswith(b"-ERR")
    assert "shop-password" not in str(box.api("/api/log"))


BODIES = [LETTER, b"Subject: dots\r\n\r\n.\r\n..\r\n.x\r\nend", b"Subject: 8-bit\r\n\r\n\xff\xfe bare \r and \n in it\r\n",
          b"Subject: long\r\n\r\n" + b"y" * 300000 + b"\r\n", b"Subject: no body\r\n", b".dot first\r\n\r\n"]


def unstuffed(box, command, w):
    """The octets of a multi-line answer, by the letter of RFC 1939."""
    assert w.ask(command).startswith(b"+OK")
    data = b"\r\n"
    while not data.endswith(b"\r\n.\r\n"):
        part = w.file.read1(1 << 16)
        assert part
        data += part
    return data[:-3].replace(b"\r\n.", b"\r\n")[2:]


def test_mail_goes_out_as_it_came(box):
    for body in BODIES:
        box.put(body, SHOP)
    with Wire(box) as w:
        w.sign_in(pop3_token(box))
        assert w.ask(b"STAT") == f"+OK {len(BODIES)} {sum(map(len, BODIES))}\r\n".encode()
        assert w.listing(b"LIST") == [f"{n} {len(b)}".encode() for n, b in enumerate(BODIES, 1)]
        uidl = w.listing(b"UIDL")
        assert len({line.split()[1] for line in uidl}) == len(BODIES)
        assert w.ask(b"UIDL 2") == b"+OK " + uidl[1] + b"\r\n"
        for n, body in enumerate(BODIES, 1):
            got = unstuffed(box, b"RETR %d" % n, w)
            assert got == (body if body.endswith(b"\r\n") else body + b"\r\n"), n
        assert unstuffed(box, b"TOP 1 0", w) == LETTER[:LETTER.index(b"\r\n\r\n") + 4]
        assert unstuffed(box, b"TOP 2 2", w) == b"Subject: dots\r\n\r\n.\r\n..\r\n"
        for bad in (b"RETR 99", b"RETR 0", b"RETR", b"RETR x", b"TOP 1", b"LIST 99", b"DELE 99"):
            assert w.ask(bad).startswith(b"-ERR"), bad
    with Wire(box) as w:
        w.sign_in(pop3_token(box))
        assert w.listing(b"UIDL") == uidl  # the same in the next session


def test_deleting(box):
    for _ in range(3):
        box.put(LETTER, SHOP)
    uids = [i["uid"] for i in items(box)]
    token = pop3_token(box)
    with Wire(box) as w:
        w.sign_in(token)
        assert w.ask(b"DELE 2") == b"+OK\r\n"
        assert w.ask(b"RETR 2").startswith(b"-ERR") and w.ask(b"STAT").startswith(b"+OK 2 ")
        assert len(w.listing(b"LIST")) == 2
    assert [i["uid"] for i in items(box)] == uids  # the connection broke: nothing goes
    with Wire(box) as w:
        w.sign_in(token)
        w.ask(b"DELE 1")
        w.ask(b"RSET")
        w.ask(b"DELE 3")
        box.put(LETTER, SHOP)
        assert w.ask(b"STAT").startswith(b"+OK 2 ")  # as it was at sign-in
        assert w.ask(b"QUIT").startswith(b"+OK")
    assert [i["uid"] for i in items(box)][:2] == uids[:2] and len(items(box)) == 3


def test_poplib_and_sent_mail(box):
    token = box.sign_in(scope=f"{OUTLOOK}SMTP.Send {POP3_SCOPE}")["access_token"]
    with box.signed_in(token) as client:
        assert send(client, recipients=[SHOP])[0] == 250
    m = poplib.POP3_SSL("localhost", box.info["pop3"]["port"], context=box.tls, timeout=30)
    m._shortcmd("AUTH XOAUTH2")
    m._shortcmd(xoauth2(SHOP, token))
    assert b"\r\n".join(m.retr(1)[1]) + b"\r\n" == LETTER
    m.quit()


def test_trouble_by_switch(box):
    token = pop3_token(box)
    box.put(b"Subject: x\r\n\r\n" + b"y" * 100000, SHOP)
    with Wire(box) as w:
        w.sign_in(token)
        box.set("pop3.inject", "retr=-ERR Server Unavailable. 21", uses=1)
        assert w.ask(b"RETR 1") == b"-ERR Server Unavailable. 21\r\n"
        box.set("pop3.inject", "retr=cut:50000", uses=1)
        w.send(b"RETR 1\r\n")
        assert len(w.file.read()) == 50000
    box.set("pop3.inject", "quit=drop", uses=1)
    with Wire(box) as w:
        w.sign_in(token)
        w.ask(b"DELE 1")
        assert w.ask(b"QUIT") == b""
    assert len(items(box)) == 1
    box.set("pop3.inject", "quit=drop-after", uses=1)
    with Wire(box) as w:
        w.sign_in(token)
        w.ask(b"DELE 1")
        assert w.ask(b"QUIT") == b""
    assert items(box) == []
    box.set("pop3.idle", 60)
    with Wire(box) as w:
        box.advance(61)
        assert w.line().startswith(b"-ERR Connection is closed. 2") and w.line() == b""


def test_a_session_ends_with_its_token(box):
    box.set("pop3.idle", 0)
    box.set("token.lifetime", "60m")
    box.put(LETTER, SHOP)
    token = pop3_token(box)
    with Wire(box) as one, Wire(box) as two:
        one.sign_in(token), two.sign_in(token)
        assert one.ask(b"DELE 1").startswith(b"+OK")
        box.advance(3601)
        assert one.ask(b"QUIT") == b"-ERR Session invalidated - AccessTokenExpired\r\n" and one.line() == b""
        assert len(items(box)) == 1, "nothing is deleted"
        box.set("pop3.expiry", "ignore")
        assert two.ask(b"STAT").startswith(b"+OK 1 ")
    with Wire(box) as w:
        assert w.sign_in(token) == REFUSED


def test_stls(box):
    token = pop3_token(box)
    with Wire(box, "pop3_stls", tls=False) as w:
        assert w.listing(b"CAPA") == [b"TOP", b"UIDL", b"STLS"]
        assert w.ask(b"AUTH XOAUTH2").startswith(b"-ERR")
    m = poplib.POP3("localhost", box.info["pop3_stls"]["port"], timeout=30)
    m.stls(box.tls)
    m._shortcmd("AUTH XOAUTH2")
    assert m._shortcmd(xoauth2(SHOP, token)).startswith(b"+OK")
    m.quit()
    box.set("pop3.stls", "refuse")
    m = poplib.POP3("localhost", box.info["pop3_stls"]["port"], timeout=30)
    with pytest.raises(poplib.error_proto):
        m.stls(box.tls)
    m.close()


def test_google(box):
    token = box.google_token()
    with Wire(box, "google_pop3") as w:
        assert w.greeting.startswith(b"+OK Gpop ready")
        assert b"SASL PLAIN XOAUTH2 OAUTHBEARER" in w.listing(b"CAPA")
        assert w.ask(b"AUTH XOAUTH2 " + xoauth2("erin@gmail.example", "wrong").encode()).startswith(b"+ eyJzdGF0dXMi")
        assert w.ask(b"") == b"-ERR [AUTH] Invalid credentials.\r\n"
        assert w.ask(b"AUTH XOAUTH2 " + xoauth2("erin@gmail.example", token).encode()) == b"+OK Welcome.\r\n"
        assert w.ask(b"STAT").startswith(b"+OK ")


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
def test_curl(box):
    box.put(LETTER, SHOP)
    done = subprocess.run(["curl", "-sS", "--cacert", box.info["ca_file"], "--user", f"{SHOP}:", "--oauth2-bearer",
                           pop3_token(box), f"pop3s://localhost:{box.info['pop3']['port']}/1"], capture_output=True, timeout=30)
    assert done.returncode == 0 and done.stdout == LETTER, done
