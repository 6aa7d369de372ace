"""Endpoints by command and API: set up, keys, what is refused; mail that is kept, listed, fetched; links that are not ours.

What arrives is the inbox's matter and tested there: here its memory is written while the daemon is down, and read while it is up.
"""
import hashlib
import http.client
import json
import re
import socket
import sqlite3
import urllib.error
import urllib.request

import pytest

from harness import Gateway, free_port, letter, until

BOX = "box@contoso.example"


@pytest.fixture
def gateway(world):
    g = Gateway(world)
    provider = world.file("provider.yaml", f"""\
name: local
smtp: {{ host: 127.0.0.1, port: {free_port()}, tls: none, sasl: plain }}
imap: {{ host: 127.0.0.1, port: {free_port()}, tls: none, sasl: plain }}
pop3: {{ host: 127.0.0.1, port: {free_port()}, tls: none, sasl: plain }}
""")
    g.add_provider(provider)
    add_mailbox(g, BOX)
    return g


def add_mailbox(gateway, address, *options):
    secret = gateway.world.file("password", "hunter2hunter2")
    gateway.cli("mailbox", "add", address, "--provider", "local", "--grant", "basic", "--secret-file", secret, *options)


def refused(gateway, *args, **kw):
    done = gateway.cli(*args, check=False, **kw)
    assert done.returncode == 1, (args, done.stdout, done.stderr)
    return done.stderr


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("postern")
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def api(gateway, method, path, body=None, **headers):
    c = Unix(gateway.state / "admin.sock")
    c.request(method, "/api/v1" + path, json.dumps(body) if body is not None else None, headers)
    answer = c.getresponse()
    data = answer.read()
    kind = answer.headers.get("Content-Type", "")
    c.close()
    return answer.status, json.loads(data) if "json" in kind else data


# --- set up ---

@pytest.mark.parametrize("options, kind, group", [
    (["--command", "/usr/bin/true", "--argument", "-a,b", "--argument", "c", "--timeout", "5"], "command",
     {"path": "/usr/bin/true", "arguments": ["-a,b", "c"], "timeout_s": 5}),
    (["--maildir", "/var/mail/tickets"], "maildir", "/var/mail/tickets"),
    (["--lmtp", "127.0.0.1:24", "--recipient", "x@y.example"], "lmtp",
     {"host": "127.0.0.1:24", "is_smtp": False, "recipient": "x@y.example"}),
    (["--smtp", "mail.example.org:25", "--tls", "starttls", "--ca-file", "/etc/ca.pem"], "lmtp",
     {"host": "mail.example.org:25", "is_smtp": True, "tls": "starttls", "ca_file": "/etc/ca.pem"}),
    (["--keep", "--keep-days", "3"], "keep", None),
])
def test_each_kind_is_added_as_it_is_said(gateway, options, kind, group):
    made = gateway.json("endpoint", "add", "tickets", "--mailbox", BOX, *options)
    assert made["kind"] == kind and made["mailbox"] == BOX
    if isinstance(group, dict):
        assert {k: made[kind][k] for k in group} == group
    elif group:
        assert made[kind] == group
    shown = gateway.json("endpoint", "show", "TICKETS")
    assert shown["waiting"] == 0 and shown["parked"] == 0
    table = gateway.cli("endpoint", "list").stdout
    assert re.search(rf"^tickets +{BOX} +INBOX +{kind}", table, re.M), table
    gateway.cli("endpoint", "remove", "tickets")
    assert "no endpoint tickets" in refused(gateway, "endpoint", "show", "tickets")


def test_folder_filter_and_what_comes_after(gateway):
    made = gateway.json("endpoint", "add", "t", "--mailbox", BOX, "--keep", "--folder", "Tickets/Neu", "--watch", "poll", "--poll", "30",
                        "--include-old", "--filter-header", "List-Id: *.example.org", "--filter-larger", "1", "--move-to", "Done",
                        "--patience", "5")
    assert made["after"] == "move" and made["move_to"] == "Done" and made["poll_s"] == 30 and made["include_old"]
    assert made["filter"]["header"] == "List-Id: *.example.org" and made["filter"]["larger_kb"] == 1
    changed = gateway.json("endpoint", "set", "t", "--after", "seen", "--move-to", "", "--no-include-old")
    assert changed["after"] == "seen" and changed["move_to"] == "" and not changed["include_old"]
    assert changed["folder"] == "Tickets/Neu"


def test_an_endpoint_that_becomes_another_kind_keeps_nothing_of_the_old_one(gateway):
    gateway.cli("endpoint", "add", "t", "--mailbox", BOX, "--command", "/bin/true", "--timeout", "9")
    changed = gateway.json("endpoint", "set", "t", "--maildir", "/srv/mail")
    assert changed["kind"] == "maildir" and changed["maildir"] == "/srv/mail" and changed["command"]["path"] == ""


@pytest.mark.parametrize("options, words", [
    ([], "say where mail is handed to"),
    (["--keep", "--maildir", "/m"], "exclude each other"),
    (["--webhook", "http://app.example.org/in"], "https://"),
    (["--command", "bin/true"], "beginning with /"),
    (["--lmtp", "nowhere"], "HOST:PORT"),
    (["--keep", "--after", "move"], "move_to is missing"),
    (["--keep", "--watch", "pop3"], "POP3 can't mark"),
    (["--keep", "--poll", "soon"], "needs a number"),
    (["--keep", "--ca-file", "/x"], "--ca-file is for"),
])
def test_what_makes_no_endpoint_is_refused_with_a_reason(gateway, options, words):
    assert words in refused(gateway, "endpoint", "add", "t", "--mailbox", BOX, *options)
    assert gateway.json("endpoint", "list")["items"] == []


def test_mailbox_and_endpoint_hold_each_other(gateway):
    assert "there is no mailbox" in refused(gateway, "endpoint", "add", "t", "--mailbox", "no@one.example", "--keep")
    gateway.cli("endpoint", "add", "t", "--mailbox", BOX, "--keep")
    assert "endpoint t" in refused(gateway, "mailbox", "remove", BOX)
    status, problem = api(gateway, "PATCH", f"/mailboxes/{BOX}", {"protocols": ["smtp"]})
    assert status == 422 and "endpoint t watches this mailbox" in problem["detail"]
    gateway.cli("endpoint", "remove", "t")
    gateway.cli("mailbox", "remove", BOX)


def test_two_on_one_folder_may_not_take_mail_from_each_other(gateway):
    gateway.cli("endpoint", "add", "t", "--mailbox", BOX, "--keep")
    said = refused(gateway, "endpoint", "add", "u", "--mailbox", BOX, "--maildir", "/m", "--after", "delete")
    assert "endpoint t watches INBOX" in said
    gateway.cli("endpoint", "add", "u", "--mailbox", BOX, "--maildir", "/m")


def test_pause_and_resume(gateway):
    gateway.cli("endpoint", "add", "t", "--mailbox", BOX, "--keep")
    assert "paused" in gateway.cli("endpoint", "pause", "t").stderr
    assert gateway.json("endpoint", "show", "t")["is_paused"]
    assert re.search(r"^t .* paused ", gateway.cli("endpoint", "list").stdout, re.M)
    gateway.cli("endpoint", "resume", "t")
    assert not gateway.json("endpoint", "show", "t")["is_paused"]


# --- keys ---

def add_webhook(gateway, *options, **kw):
    return gateway.json("endpoint", "add", "hook", "--mailbox", BOX, "--webhook", "https://app.example.org/in", *options, **kw)


def test_a_webhooks_key_is_shown_once_and_replaced_whole(gateway):
    first = add_webhook(gateway)["key"]
    assert re.fullmatch("[0-9a-f]{64}", first)
    assert first not in gateway.cli("endpoint", "show", "hook", "--json").stdout
    second = gateway.cli("endpoint", "rotate", "hook").stdout.strip()
    assert re.fullmatch("[0-9a-f]{64}", second) and second != first
    own = gateway.world.file("key", "a key of our own choice\n")
    assert gateway.json("endpoint", "rotate", "hook", "--secret-file", own)["key"] == "a key of our own choice"
    assert gateway.json("endpoint", "set", "hook", "--patience", "1")["patience_h"] == 1
    everything = b"".join(p.read_bytes() for p in gateway.state.rglob("*") if p.is_file())
    for key in (first, second, "a key of our own choice"):
        assert key.encode() not in everything


def test_a_webhook_whose_key_is_no_good_is_not_added(gateway):
    short = gateway.world.file("key", "short")
    assert "16" in refused(gateway, "endpoint", "add", "hook", "--mailbox", BOX, "--webhook", "https://a.example/", "--secret-file", short)
    assert gateway.json("endpoint", "list")["items"] == []
    status, problem = api(gateway, "POST", "/endpoints/nobody/key")
    assert status == 404 and "no endpoint nobody" in problem["detail"]


# --- mail that came in ---

MESSAGE = (b"From: Ann <ann@fabrikam.example>\r\nTo: box@contoso.example\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
           b"Message-ID: <m1@fabrikam.example>\r\nDate: Sat, 21 Nov 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\n"
           b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
           b"--b\r\nContent-Type: text/plain\r\n\r\nGood day.\r\n"
           b"--b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n"
           b"Content-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQK\r\n--b--\r\n")
LARGE = b"Subject: large\r\n\r\n" + b"0123456789abcdef" * 20000 + b"\r\n"
NOW = 1795000000000


class Memory:
    """Writes what the inbox would have, while nobody else has the store open."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.db = sqlite3.connect(gateway.state / "postern.db")
        self.count = 0

    def place(self, endpoint, folder="INBOX"):
        self.db.execute("INSERT OR IGNORE INTO mailboxes (address) VALUES (?)", (BOX,))
        self.db.execute("INSERT INTO inbound_places (endpoint, mailbox, folder, protocol, uidvalidity, floor, began)"
                        " SELECT ?, id, ?, 2, 7, 1000, 0 FROM mailboxes WHERE address = ?", (endpoint, folder, BOX))
        return self.db.execute("SELECT max(id) FROM inbound_places").fetchone()[0]

    def item(self, place, state, body=None, subject="hello", keep=2**53, last=""):
        self.count += 1
        item = (NOW << 20) + self.count
        kind = 0 if body is None else 1 if len(body) <= 262144 else 2
        mailbox = self.db.execute("SELECT id FROM mailboxes WHERE address = ?", (BOX,)).fetchone()[0]
        self.db.execute(f"INSERT INTO inbound VALUES ({','.join('?' * 25)})",
                        (item, place, mailbox, 7, self.count, "", f"f{self.count}", f"<m{self.count}@x>", state, 0, 1, NOW, NOW, NOW + 10**11,
                         0 if state in (0, 1, 4) else NOW, len(body or b""), "ann@fabrikam.example", BOX, subject, "", 0, last, "", keep if body else 0, kind))
        if kind == 1:
            self.db.execute("INSERT INTO inbound_bodies VALUES (?, ?)", (item, body))
        if kind == 2:
            (self.gateway.state / "inbound" / f"{item:016x}").write_bytes(body)
        return f"{item:016x}"

    def close(self):
        self.db.commit()
        self.db.close()


@pytest.fixture
def remembered(gateway):
    """A keep endpoint with three messages, a paused Maildir with a parked one, and the daemon up again."""
    gateway.cli("endpoint", "add", "kept", "--mailbox", BOX, "--keep", "--after", "leave")
    gateway.cli("endpoint", "add", "dir", "--mailbox", BOX, "--maildir", "/nowhere", "--after", "leave")
    gateway.cli("endpoint", "pause", "kept")
    gateway.cli("endpoint", "pause", "dir")
    gateway.stop()
    m = Memory(gateway)
    kept, archive, maildir = m.place("kept"), m.place("kept", "Archive"), m.place("dir")
    gateway.small = m.item(kept, 2, MESSAGE, "Gr\u00fc\u00dfe")
    gateway.large = m.item(archive, 2, LARGE, "large")
    gateway.gone = m.item(kept, 2, b"x", "its time is over", keep=1)
    gateway.parked = m.item(maildir, 4, last="can't write")
    gateway.waiting = m.item(maildir, 0)
    m.close()
    gateway.start()
    return gateway


def test_kept_mail_is_listed_and_fetched_whole_and_once(remembered):
    g = remembered
    table = g.cli("fetch", BOX).stdout
    assert re.search(rf"^{g.large} .* large ", table, re.M) and g.small in table
    assert g.gone not in table and g.parked not in table
    assert [m["id"] for m in g.json("fetch", BOX, "--folder", "archive")["items"]] == [g.large]
    out = g.world.dir / "out"
    out.mkdir()
    assert "2 new messages, 0 there already" in g.cli("fetch", BOX, "--output", out).stderr
    assert (out / f"{g.small}.eml").read_bytes() == MESSAGE
    assert hashlib.sha256((out / f"{g.large}.eml").read_bytes()).digest() == hashlib.sha256(LARGE).digest()
    (out / f"{g.small}.eml").write_bytes(b"read already")
    (out / f"{g.large}.eml").unlink()
    again = g.json("fetch", BOX, "--output", out)["items"]
    assert {m["file"]: m["is_new"] for m in again} == {f"{g.small}.eml": False, f"{g.large}.eml": True}
    assert (out / f"{g.small}.eml").read_bytes() == b"read already"
    assert sorted(p.name for p in out.iterdir()) == sorted([f"{g.small}.eml", f"{g.large}.eml"])
    assert "1 new" not in g.cli("fetch", BOX, "--output", out / "more").stderr and len([*(out / "more").glob("*.eml")]) == 2
    assert "can't be made" in refused(g, "fetch", BOX, "--output", out / "no" / "where")


def test_a_message_that_is_not_given_is_named_and_the_others_are_fetched(remembered):
    g = remembered
    body = next(p for p in g.world.dir.rglob(g.large) if p.parent.name == "inbound")
    body.unlink()
    out = g.world.dir / "others"
    r = g.cli("fetch", BOX, "--output", out, check=False)
    assert r.returncode == 1 and "1 new message, 0 there already, 1 not given" in r.stderr and f"{g.large}: " in r.stderr
    assert [p.name for p in out.iterdir()] == [f"{g.small}.eml"]
    r = g.cli("fetch", BOX, "--output", out, "--json", check=False)
    items = {m["id"]: m for m in json.loads(r.stdout)["items"]}
    assert r.returncode == 1 and items[g.large]["refused"] and "file" not in items[g.large]
    assert items[g.small]["is_new"] is False


def test_a_mailbox_whose_mail_is_not_kept_says_how_to_keep_it(gateway):
    assert f"postern endpoint add NAME --mailbox {BOX} --keep" in refused(gateway, "fetch", BOX)
    assert "not set up here" in refused(gateway, "fetch", "no@one.example")
    gateway.cli("endpoint", "add", "k", "--mailbox", BOX, "--keep")
    assert gateway.json("fetch", BOX)["items"] == []


def test_kept_mail_by_the_api(remembered):
    g = remembered
    status, listed = api(g, "GET", f"/mailboxes/{BOX}/inbox")
    assert status == 200 and [m["id"] for m in listed["items"]] == [g.large, g.small]
    status, raw = api(g, "GET", f"/mailboxes/{BOX}/inbox/{g.small}", Accept="message/rfc822")
    assert (status, raw) == (200, MESSAGE)
    status, parsed = api(g, "GET", f"/mailboxes/{BOX}/inbox/{g.small}")
    assert status == 200 and parsed["id"] == g.small and parsed["endpoint"] == "kept"
    assert parsed["subject"] == "Gr\u00fc\u00dfe" and parsed["from"] == [{"name": "Ann", "address": "ann@fabrikam.example"}]
    assert parsed["text"].strip() == "Good day." and parsed["date"] == "2026-11-21T09:00:00Z"
    assert parsed["kind"] == "message" and parsed["answers"] is None and parsed["html"] is None and parsed["bounce"] is None
    [attachment] = parsed["attachments"]
    assert attachment["name"] == "a.pdf" and attachment["type"] == "application/pdf" and attachment["size"] == 9
    status, data = api(g, "GET", f"/mailboxes/{BOX}/inbox/{g.small}/attachments/0")
    assert (status, data) == (200, b"%PDF-1.4\n")
    assert hashlib.sha256(data).hexdigest() == attachment["sha256"]
    for path in (f"/mailboxes/{BOX}/inbox/{g.small}/attachments/1", f"/mailboxes/{BOX}/inbox/{g.gone}",
                 f"/mailboxes/{BOX}/inbox/zzz", f"/mailboxes/no@one.example/inbox/{g.small}", f"/inbound/{g.parked}/content"):
        status, problem = api(g, "GET", path)
        assert status == 404 and problem["detail"], path


def test_what_is_parked_needs_a_person_who_can_have_it_tried_again(remembered):
    g = remembered
    [needing] = [n for n in g.json("status")["needs_person"] if n.get("endpoint")]
    assert needing["endpoint"] == "dir" and needing["parked"] == 1
    assert "postern endpoint mail dir --state parked" in g.cli("status").stdout
    table = g.cli("endpoint", "mail", "dir", "--state", "parked").stdout
    assert g.parked in table and "can't write" in table and g.waiting not in table
    assert {m["id"] for m in g.json("endpoint", "mail", "dir", "--state", "open")["items"]} == {g.parked, g.waiting}
    done = g.json("endpoint", "retry", g.parked, g.waiting)
    assert done["done"] == [g.parked, g.waiting]
    assert g.json("endpoint", "show", "dir")["parked"] == 0
    g.cli("endpoint", "drop", g.waiting)
    assert api(g, "GET", f"/inbound/{g.waiting}")[1]["state"] == "removed"
    said = refused(g, "endpoint", "retry", g.waiting)
    assert "only mail that waits or is parked" in said
    assert "there is no incoming mail" in refused(g, "endpoint", "drop", "0000000000000001")


def test_a_removed_endpoint_takes_its_memory_along(remembered):
    g = remembered
    g.cli("endpoint", "remove", "kept")
    assert api(g, "GET", f"/inbound/{g.small}")[0] == 404
    g.cli("endpoint", "add", "kept", "--mailbox", BOX, "--keep")
    assert g.json("fetch", BOX)["items"] == []
    g.world.clock.advance(200)
    until(lambda: not list((g.state / "inbound").iterdir()), "the large body goes with its endpoint")


# --- our own mail, as replies and bounces will name it ---

def test_a_message_is_known_by_its_message_id_whichever_way_it_came_in(gateway):
    g = gateway
    password = g.json("app", "add", "crm", "--mailbox", BOX)["password"]
    body = letter("by smtp", sender=BOX)
    large = letter("by descriptor", "x" * 76 + "\r\n", sender=BOX) + (b"y" * 76 + b"\r\n") * 5000
    ids = {g.submit("crm", password, BOX, "a@fabrikam.example", body): "<by.smtp@client.test>",
           g.submit("crm", password, BOX, "a@fabrikam.example", large): "<by.descriptor@client.test>"}
    g.cli("sendmail", "-f", BOX, "a@fabrikam.example", stdin=letter("by sendmail", sender=BOX))
    until(lambda: len(g.json("queue", "list")["items"]) == 3, "the third message")
    known = {m["id"]: m["message_id"] for m in g.json("queue", "list")["items"]}
    assert all(known[i] == message_id for i, message_id in ids.items())
    assert "<by.sendmail@client.test>" in known.values()


# --- links ---

def get(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as e:
        return e.code, e.read(), e.headers


def test_a_link_that_is_not_ours_finds_nothing(world):
    port = free_port()
    g = Gateway(world, extra=f'console: {{ address: "127.0.0.1:{port}" }}')
    wrong = "0" * 64
    for path in ("/raw/", f"/raw/{1:016x}", f"/raw/{1:016x}?ends=99999999999&signature={wrong}",
                 f"/raw/{1:016x}?ends=1&signature={wrong}", f"/raw/x?ends=99999999999&signature={wrong}",
                 f"/raw/{1:016x}?ends=-1&signature={wrong}", "/raw/" + "a" * 3000):
        status, text, headers = get(f"http://127.0.0.1:{port}{path}")
        assert status == 404, path
        if "?" in path:
            assert text == b"There is nothing here, or not any more.\n" and headers["Content-Type"].startswith("text/plain")
    assert g.cli("status").returncode == 0


def test_the_console_stays_on_this_machine(world):
    config = world.file("postern.yaml", f'state: {world.dir}/state\nuser: root\nconsole: {{ address: "0.0.0.0:8025" }}\n')
    done = Gateway(world, config=config.read_text(), start=False).cli("check", check=False)
    assert done.returncode == 1 and ":3:" in done.stderr and "without TLS" in done.stderr and "console.proxy" in done.stderr
