"""The sandbox's IMAP servers, driven by Python's imaplib, by plain sockets and by curl."""
import base64
import imaplib
import re
import shutil
import socket
import ssl
import subprocess

import pytest

from sandbox_fixture import LETTER, OUTLOOK, Box, box, running_box, send, xoauth2  # noqa: F401

SHOP = "shop@contoso.example"
SHARED = "invoices@contoso.example"
IMAP_SCOPE = f"{OUTLOOK}IMAP.AccessAsUser.All offline_access openid"
NOT_CONNECTED = b"User is authenticated but not connected."


def imap_token(box, user=SHOP, **kw):
    return box.sign_in(user=user, scope=IMAP_SCOPE, **kw)["access_token"]


def inbox(box, mailbox=SHOP, folder="INBOX"):
    return box.folder(mailbox, folder)["items"]


class Wire:
    """Lines as they are; an answer is everything up to its tag."""

    def __init__(self, box, server="imap", tls=True):
        self.raw = socket.create_connection(("localhost", box.info[server]["port"]), 30)
        self.socket = box.tls.wrap_socket(self.raw, server_hostname="localhost") if tls else self.raw
        self.file = self.socket.makefile("rb")
        self.greeting = self.line()

    def line(self):
        return self.file.readline()

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, command, tag=b"A"):
        self.send(tag + b" " + command + b"\r\n")
        return self.until(tag)

    def until(self, tag):
        lines = []
        while True:
            lines.append(self.line())
            if not lines[-1] or lines[-1].startswith((tag + b" ", b"+ ", b"* BYE")):
                return lines

    def sign_in(self, token, user=SHOP):
        return self.ask(b"AUTHENTICATE XOAUTH2 " + xoauth2(user, token).encode())[-1]

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


# Signing in


@pytest.mark.parametrize("generation,greeting,before,after", [
    ("classic", rb"^\* OK The Microsoft Exchange IMAP4 service is ready\. \[[A-Za-z0-9+/=]+\]\r\n$",
     "IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+",
     "MOVE CLIENTACCESSRULES CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE"),
    ("2026", rb"^\* OK Microsoft Exchange IMAP4 service is ready\. [0-9a-f-]{36} \(tcpproxy/15\.21\.0406\.000 "
     rb"BACKENDAUTHENTICATE\) \[.+\]\r\n$",
     "IMAP4 IMAP4rev1 AUTH=XOAUTH2 LOGINDISABLED SASL-IR UIDPLUS MOVE ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+",
     "ENABLE IMAP4rev2 BACKENDAUTHENTICATE-IR"),
])
def test_generations(box, generation, greeting, before, after):
    box.set("imap.generation", generation)
    token = imap_token(box)
    with Wire(box) as w:
        assert re.match(greeting, w.greeting)
        assert w.ask(b"CAPABILITY") == [f"* CAPABILITY {before}\r\n".encode(), b"A OK CAPABILITY completed.\r\n"]
        assert w.sign_in(token) == b"A OK AUTHENTICATE completed.\r\n"
        words = w.ask(b"CAPABILITY")[0].decode().split()
        assert set(after.split()) <= set(words)
        if generation == "2026":
            assert w.ask(b"ENABLE IMAP4rev2")[-1] == b"A BAD Command Argument Error. 12\r\n"
            assert w.ask(b'LIST "" "*" RETURN (STATUS (MESSAGES))')[-1] == b"A BAD Command Argument Error. 12\r\n"


@pytest.mark.parametrize("user,as_user", [(SHOP, SHOP), (SHOP, SHARED)])
def test_own_and_shared_mailbox_in_both_forms(box, user, as_user):
    token = imap_token(box, user)
    with Wire(box) as w:
        assert w.sign_in(token, as_user) == b"A OK AUTHENTICATE completed.\r\n"
        assert w.ask(b"SELECT INBOX")[-1] == b"A OK [READ-WRITE] SELECT completed.\r\n"
    with Wire(box) as w:
        assert w.ask(b"AUTHENTICATE XOAUTH2") == [b"+ \r\n"]
        w.send(xoauth2(as_user, token).encode() + b"\r\n")
        assert w.until(b"A") == [b"A OK AUTHENTICATE completed.\r\n"]
    box.set("imap.plus", "bare")
    with Wire(box) as w:
        w.send(b"A AUTHENTICATE XOAUTH2\r\n")
        assert w.line() == b"+\r\n"


def test_app_only(box):
    token = box.app_token().json["access_token"]
    for address in (SHOP, SHARED):
        with Wire(box) as w:
            assert w.sign_in(token, address).startswith(b"A OK")
            assert w.ask(b"SELECT INBOX")[-1].startswith(b"A OK")
    for address in ("alice@contoso.example", "nobody@contoso.example"):
        with Wire(box) as w:
            assert w.sign_in(token, address).startswith(b"A OK")
            assert w.ask(b"SELECT INBOX")[-1] == b"A BAD " + NOT_CONNECTED + b"\r\n"
    with Wire(box) as w:
        assert w.sign_in(token, "info@fabrikam.example") == b"A NO AUTHENTICATE failed.\r\n"
    with Wire(box) as w:
        assert w.sign_in(box.app_token("rbac").json["access_token"]) == b"A NO AUTHENTICATE failed.\r\n"


def test_tokens_that_are_refused(box):
    smtp_only = box.sign_in()["access_token"]
    graph = box.sign_in(scope="https://graph.microsoft.com/IMAP.AccessAsUser.All offline_access")["access_token"]
    good = imap_token(box)
    cases = [(smtp_only, SHOP), (graph, SHOP), (good, "alice@contoso.example"), (good, "orders@contoso.example"),
             (good, ""), ("rubbish", SHOP), (good[:-4] + "AAAA", SHOP), (imap_token(box, "alice@contoso.example"), SHOP)]
    for token, user in cases:
        with Wire(box) as w:
            assert w.sign_in(token, user) == b"A NO AUTHENTICATE failed.\r\n", (user, token[:20])
    box.set("token.lifetime", 60)
    short = imap_token(box)
    box.advance(61)
    with Wire(box) as w:
        assert w.sign_in(short) == b"A NO AUTHENTICATE failed.\r\n"
        assert w.ask(b"AUTHENTICATE XOAUTH2 not-base64!") == [b"A NO AUTHENTICATE failed.\r\n"]
        assert w.ask(b"AUTHENTICATE XOAUTH2 =") [-1] == b"A NO AUTHENTICATE failed.\r\n"
        assert w.line() == b"* BYE Connection closed. 14\r\n"
        assert w.line() == b""


def test_passwords_are_refused(box):
    with Wire(box) as w:
        assert w.ask(b"LOGIN a b") == [b"A BAD Command Error. 12\r\n"]
        assert w.ask(b"AUTHENTICATE PLAIN AGEAYg==") == [b"A NO AUTHENTICATE failed.\r\n"]
    box.set("imap.generation", "classic")
    for how, text in (("basic-disabled", b"Basic authentication is disabled."), ("failed", b"LOGIN failed."),
                      ("personal", b"[AUTHENTICATIONFAILED] AuthFailed:LogonDenied-BasicAuthBlocked-<UserType:OutlookCom> "
                                   b"LogonFailed-BasicAuthBlocked")):
        box.set("imap.login", how)
        with Wire(box) as w:
            assert w.ask(b'LOGIN {5}\r\nalice "pa ss"') == [b"+ Ready for additional command text.\r\n"]
            assert w.until(b"A") == [b"A NO " + text + b"\r\n"]
    log = str(box.api("/api/log"))
    assert "pa ss" not in log and "AGEAYg" not in log


def test_troubles_that_show_at_select(box):
    token = imap_token(box)
    app = box.app_token().json["access_token"]
    client = box.client("app")["client_id"]
    cases = [("imap.enabled", f"{SHOP}=off", token, SHOP), ("imap.enabled", f"{SHOP}=off", token, SHARED),
             ("imap.state", f"{SHOP}=unlicensed", token, SHOP), ("mailbox-permission", f"{SHOP}:{SHARED}=missing", token, SHARED),
             ("mailbox-permission", f"{client}:{SHOP}=missing", app, SHOP),
             ("service-principal", f"{client}=wrong-object-id", app, SHOP)]
    for switch, value, t, user in cases:
        box.set(switch, value)
        with Wire(box) as w:
            assert w.sign_in(t, user).startswith(b"A OK"), switch
            for command in (b"SELECT INBOX", b'LIST "" *', b"STATUS INBOX (MESSAGES)", b"EXAMINE INBOX", b"SELECT INBOX"):
                assert w.ask(command) == [b"A BAD " + NOT_CONNECTED + b"\r\n"], (switch, command)
            assert w.ask(b"NOOP")[-1].startswith(b"A OK")  # and no bad command was counted
        box.set("reset", "all")
    box.set("imap.not-connected", "NO")
    box.set("imap.enabled", f"{SHOP}=off")
    with Wire(box) as w:
        w.sign_in(token)
        assert w.ask(b"SELECT INBOX") == [b"A NO " + NOT_CONNECTED + b"\r\n"]
    box.set("reset", "all")
    box.set("mailbox-permission", f"{client}:{SHOP}=refused-at-login")
    with Wire(box) as w:
        assert w.sign_in(app) == b"A NO AUTHENTICATE failed.\r\n"


def test_connections_of_a_mailbox(box):
    token = imap_token(box)
    box.set("imap.connections", 1)
    with Wire(box) as first, Wire(box) as second:
        first.sign_in(token)
        second.sign_in(token)
        assert second.ask(b"SELECT INBOX") == [b"A BAD " + NOT_CONNECTED + b"\r\n"]
        first.ask(b"LOGOUT")
        first.close()
        box.wait(lambda: second.ask(b"SELECT INBOX")[-1].startswith(b"A OK"), "the other session is gone")


# Mail


def test_sent_mail_arrives(box):
    token = box.sign_in(scope=f"{OUTLOOK}SMTP.Send {IMAP_SCOPE}")["access_token"]
    body = LETTER + b"\xff8-bit\r\n.\r\n..\r\n" + b"x" * 5000 + b"\r\nbare \r and \n inside\r\n"
    with box.signed_in(token) as client:
        assert send(client, body, recipients=[SHARED, "far@away.example"])[0] == 250
    with box.imap(token) as m:
        m.select('"Sent Items"')
        assert m.fetch("1", "(BODY.PEEK[])")[1][0][1] == body
        assert m.select("INBOX")[1] == [b"0"]
    with box.imap(token, SHARED) as m:
        m.select("INBOX")
        assert m.fetch("1", "(FLAGS BODY.PEEK[])")[1][0][1] == body
        assert m.fetch("1", "(RFC822.SIZE)")[1] == [f"1 (RFC822.SIZE {len(body)})".encode()]
    box.set("imap.size", "estimate")
    with box.imap(token, SHARED) as m:
        m.select("INBOX")
        assert m.fetch("1", "(RFC822.SIZE)")[1] != [f"1 (RFC822.SIZE {len(body)})".encode()]


def test_select_says_what_exchange_says(box):
    for flags in ("Seen", "", "Flagged"):
        box.put(LETTER, SHOP, flags=flags)
    facts = box.folder(SHOP)
    with Wire(box) as w:
        w.sign_in(imap_token(box))
        flags = rb"(\Seen \Answered \Flagged \Deleted \Draft $MDNSent)"
        first = w.ask(b"EXAMINE inbox")
        assert first[3] == b"* OK [PERMANENTFLAGS ()] Permanent flags\r\n"
        assert first[-1] == b"A OK [READ-ONLY] EXAMINE completed.\r\n"
        assert w.ask(b'SELECT "INBOX"') == [
            b"* 3 EXISTS\r\n", b"* 3 RECENT\r\n", b"* FLAGS " + flags + b"\r\n",
            b"* OK [PERMANENTFLAGS " + flags + b"] Permanent flags\r\n", b"* OK [UNSEEN 2] Is the first unseen message\r\n",
            f"* OK [UIDVALIDITY {facts['validity']}] UIDVALIDITY value\r\n".encode(),
            f"* OK [UIDNEXT {facts['next_uid']}] The next unique identifier value\r\n".encode(),
            b"A OK [READ-WRITE] SELECT completed.\r\n"]
        assert w.ask(b"EXAMINE INBOX")[1] == b"* 0 RECENT\r\n"
        assert w.ask(b"STORE 1 +FLAGS (\\Seen)")[-1].startswith(b"A NO")
        assert w.ask(b"SELECT nowhere")[-1].startswith(b"A NO")
        assert w.ask(b"FETCH 1 FLAGS")[-1] == b"A BAD Command received in Invalid state.\r\n"


PARTS = (b"From: \"Doe, J\" <j@x.example>\r\nTo: team: a@x.example, b@x.example;\r\nSubject: =?utf-8?q?H=C3=A9llo?=\r\n"
         b"Date: Sat, 21 Nov 2026 23:30:00 -0800\r\nMessage-ID: <m@1>\r\nMIME-Version: 1.0\r\n"
         b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
         b"Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=E9\r\n--b\r\nContent-Type: application/pdf; name=x.pdf\r\n"
         b"Content-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n--b--\r\n")


def test_fetch(box):
    box.put(PARTS, SHOP, received="2026-01-02T03:04:05Z")
    with box.imap(imap_token(box)) as m:
        m.select()
        uid = box.folder(SHOP)["items"][-1]["uid"]
        everything = m.fetch("1", "FULL")[1][0]
        assert b'INTERNALDATE "02-Jan-2026 03:04:05 +0000"' in everything
        assert (b'ENVELOPE ("Sat, 21 Nov 2026 23:30:00 -0800" "=?utf-8?q?H=C3=A9llo?=" (("Doe, J" NIL "j" "x.example")) '
                b'(("Doe, J" NIL "j" "x.example")) (("Doe, J" NIL "j" "x.example")) ((NIL NIL "team" NIL)'
                b'(NIL NIL "a" "x.example")(NIL NIL "b" "x.example")(NIL NIL NIL NIL)) NIL NIL NIL "<m@1>")') in everything
        assert (b'BODY (("text" "plain" ("charset" "iso-8859-1") NIL NIL "quoted-printable" 6 1)'
                b'("application" "pdf" ("name" "x.pdf") NIL NIL "base64" 8) "mixed")') in everything
        got = m.fetch("1", "(BODY.PEEK[1] BODY.PEEK[2.MIME] BODY.PEEK[HEADER.FIELDS (SUBJECT)]<0.9> BODY.PEEK[3])")[1]
        assert [g[1] for g in got[:3]] == [b"caf=E9", b"Content-Type: application/pdf; name=x.pdf\r\n"
                                           b"Content-Transfer-Encoding: base64\r\n\r\n", b"Subject: "]
        assert got[3] == b" BODY[3] NIL)"
        assert b"\\Seen" not in m.fetch("1", "(FLAGS)")[1][0]
        assert m.uid("FETCH", str(uid), "(RFC822.HEADER)")[1][1].endswith(f" UID {uid})".encode())
        assert b"FLAGS (\\Seen" in m.fetch("1", "(BODY[TEXT])")[1][1]
        assert m.fetch("2:5", "(FLAGS)")[1] == [None]
        assert m.uid("FETCH", f"{uid + 5}:*", "(UID)")[1] == [f"1 (UID {uid})".encode()]  # the last one is always in it


def test_search(box):
    box.put(PARTS, SHOP, received="2026-01-02T03:04:05Z", flags="Seen,Flagged")
    box.put(b"From: Ann <ann@x.example>\r\nSubject: plain\r\nX-Kind: one\r\n\r\nBody text\r\n", SHOP)
    box.put(b"From: bob@x.example\r\nSubject: \r\n\r\n" + b"long " * 5000, SHOP, flags="Answered,$MDNSent")
    uids = [i["uid"] for i in inbox(box)]
    with box.imap(imap_token(box)) as m:
        m.select()

        def found(*keys):
            kind, lines = m.search(None, *keys)
            assert kind == "OK", (keys, lines)
            return [int(n) for n in lines[0].split()]

        cases = [("ALL", [1, 2, 3]), ("SEEN", [1]), ("UNSEEN", [2, 3]), ("ANSWERED UNDRAFT", [3]), ("KEYWORD $MDNSent", [3]),
                 ("KEYWORD other", []), ("UNKEYWORD other", [1, 2, 3]), ("FROM ANN", [2]), ("SUBJECT \"\"", [1, 2, 3]),
                 ("HEADER X-Kind \"\"", [2]), ("HEADER X-Kind two", []), ("BODY \"body TEXT\"", [2]), ("TEXT ann@", [2]),
                 ("LARGER 10000", [3]), ("SMALLER 100", [2]), ("BEFORE 3-Jan-2026", [1]), ("ON 02-Jan-2026", [1]),
                 ("SINCE 3-Jan-2026", [2, 3]), ("SENTON 21-Nov-2026", [1]), ("SENTBEFORE 21-Nov-2026 SEEN", []),
                 ("NOT SEEN", [2, 3]), ("OR SEEN FROM bob", [1, 3]), ("OR (SEEN FLAGGED) (NOT NOT ANSWERED)", [1, 3]),
                 ("2:*", [2, 3]), (f"UID {uids[0]}", [1]), ("1,3 UNSEEN", [3]), ("NEW", [2, 3]), ("OLD", []), ("RECENT", [1, 2, 3])]
        for keys, numbers in cases:
            assert found(keys) == numbers, keys
        m.literal = "HÉLLO".encode()
        assert m.search("UTF-8", "SUBJECT")[1] == [b"1"]
        m.literal = "CAFÉ".encode()
        assert m.search("UTF-8", "BODY")[1] == [b"1"]
        assert m.uid("SEARCH", "ANSWERED")[1] == [str(uids[2]).encode()]
        with pytest.raises(imaplib.IMAP4.error, match="BADCHARSET"):
            if m.search("KOI8-R", "ALL")[0] != "OK":
                raise imaplib.IMAP4.error("BADCHARSET")
        for bad in ("", "FOO", "FROM", "NOT", "OR SEEN", "(SEEN", "SINCE yesterday", "LARGER x", "SEEN)"):
            with pytest.raises(imaplib.IMAP4.error):
                m.search(None, bad)
            m.noop()


def test_store_copy_move_expunge(box):
    for n in range(5):
        box.put(LETTER, SHOP)
    uids = [i["uid"] for i in inbox(box)]
    with box.imap(imap_token(box)) as m:
        m.select()
        assert m.store("1:2", "+FLAGS", "(\\Flagged \\Seen custom)")[1] == [b"1 (FLAGS (\\Seen \\Flagged \\Recent))",
                                                                          b"2 (FLAGS (\\Seen \\Flagged \\Recent))"]
        assert m.store("2", "-FLAGS.SILENT", "\\Seen")[1] == [None]
        assert m.store("3", "FLAGS", "\\Deleted")[1] == [b"3 (FLAGS (\\Deleted \\Recent))"]
        assert [i["flags"] for i in inbox(box)] == [["\\Seen", "\\Flagged"], ["\\Flagged"], ["\\Deleted"], [], []]
        before = box.folder(SHOP, "Archive")
        m.copy("1:2", "Archive")
        after = box.folder(SHOP, "Archive")
        assert [i["flags"] for i in after["items"][-2:]] == [["\\Seen", "\\Flagged"], ["\\Flagged"]]
        code = f"COPYUID {after['validity']} {uids[4]} {before['next_uid'] + 2}"
        assert m.uid("MOVE", str(uids[4]), "Archive")[0] == "OK"
        assert code.encode() in b" ".join(d for d in m.response("OK")[1] or [code.encode()] if d)
        assert m.response("EXPUNGE")[1] == [b"5"]
        m.store("4", "+FLAGS", "\\Deleted")
        assert m.uid("EXPUNGE", str(uids[3]))[0] == "OK"
        assert m.response("EXPUNGE")[1] == [b"4"]
        assert m.expunge()[1] == [b"3"]
        assert [i["uid"] for i in inbox(box)] == uids[:2]
        assert m.copy("1", "nowhere")[0] == "NO"
        m.store("1", "+FLAGS", "\\Deleted")
        m.unselect()
        assert len(inbox(box)) == 2
        m.select()
        m.close()
        assert [i["uid"] for i in inbox(box)] == uids[1:2]
    assert len(box.messages()) == 5  # what arrived stays known


def test_append(box):
    message = b"Subject: draft\r\n\r\n" + b"\xe9\x00" * 3 + b"x" * 300000 + b"\r\n"
    with Wire(box) as w:
        w.sign_in(imap_token(box))
        before = box.folder(SHOP, "Drafts")
        for literal, waits in (b"{%d}", True), (b"{%d+}", False):
            w.send(b'A APPEND Drafts (\\Draft \\Seen) "01-Feb-2026 10:00:00 +0100" ' + literal % len(message) + b"\r\n")
            if waits:
                assert w.line() == b"+ Ready for additional command text.\r\n"
            w.send(message + b"\r\n")
            uid = before["next_uid"] + (not waits)
            assert w.until(b"A") == [f"A OK [APPENDUID {before['validity']} {uid}] APPEND completed.\r\n".encode()]
        item = box.folder(SHOP, "Drafts")["items"][-1]
        assert (item["flags"], item["received"]) == (["\\Seen", "\\Draft"], "2026-02-01T09:00:00.000Z")
        assert box.raw(item) == message
        w.send(b"A APPEND nowhere {3}\r\n")
        assert w.until(b"A")[-1].startswith(b"A NO [TRYCREATE]")
        box.set("imap.append-size", 1000)
        w.send(b"A APPEND Drafts {1001}\r\n")
        assert w.until(b"A") == [b"A NO Message too large.\r\n"]
        w.send(b"A APPEND Drafts {1001+}\r\n" + b"y" * 1001 + b"\r\nB NOOP\r\n")
        assert w.until(b"B") == [b"A NO Message too large.\r\n", b"B OK NOOP completed.\r\n"]
        w.send(b"A APPEND {6+}\r\nDrafts (\\Seen) {5+}\r\na: b\r\r\nB NOOP\r\n")
        assert [line[:4] for line in w.until(b"B")] == [b"A OK", b"B OK"]
        assert w.ask(b"APPEND Drafts (\\Seen) text")[-1].startswith(b"A BAD")


def test_folders(box):
    with box.imap(imap_token(box, "alice@contoso.example"), "alice@contoso.example") as m:
        def names(*args, **kw):
            kind = m.lsub if kw.get("lsub") else m.list
            return [line.decode().split(' "/" ')[1] for line in kind(*args)[1] if line]

        assert m.namespace()[1] == [b'(("" "/")) NIL NIL']
        assert names() == ["INBOX", "Archive", '"Deleted Items"', "Drafts", '"Junk Email"', "Outbox", '"Sent Items"']
        assert m.create('"Gr&APw-n/&U,BTFw-"')[0] == "OK"
        assert m.create('"Gr&APw-n/&U,BTFw-"')[0] == "NO"
        with pytest.raises(imaplib.IMAP4.error):
            m.create('"Gr&x"')
        assert {f["folder"] for f in box.api("/api/folders?mailbox=alice@contoso.example")["items"]} >= {"Grün", "Grün/台北"}
        assert names('""', "Gr*") == ["Gr&APw-n", "Gr&APw-n/&U,BTFw-"]
        assert names('""', "Gr%") == ["Gr&APw-n"]
        assert names('"Gr&APw-n/"', "%") == ["Gr&APw-n/&U,BTFw-"]
        assert names('""', "inbox") == ["INBOX"]
        assert m.list('""', '""')[1] == [b'(\\Noselect) "/" ""']
        assert b"\\HasChildren" in m.list('""', "Gr%")[1][0]
        assert "Gr&APw-n" not in names(lsub=True)
        m.subscribe('"Gr&APw-n/&U,BTFw-"')
        assert names('""', "%", lsub=True)[-1] == "Gr&APw-n"
        m.rename('"Gr&APw-n"', "Green")
        assert names('""', "Gr*") == ["Green", "Green/&U,BTFw-"]
        assert m.select('"Green/&U,BTFw-"')[0] == "OK"
        m.unselect()
        old = m.status("Green", "(UIDVALIDITY)")[1]
        assert m.delete("Green")[0] == "OK" and names('""', "Gr*") == []
        m.create("Green")
        assert m.status("Green", "(UIDVALIDITY)")[1] != old
        m.delete("Green")
        assert m.delete("INBOX")[0] == "NO" and m.delete("Drafts")[0] == "NO"
        assert m.status('"Sent Items"', "(MESSAGES UIDNEXT UNSEEN RECENT)")[1][0].startswith(b'"Sent Items" (MESSAGES ')


def test_idle(box):
    token = imap_token(box)
    box.put(LETTER, SHOP)
    box.put(LETTER, SHOP)
    with Wire(box) as w, box.imap(token) as other:
        w.sign_in(token)
        w.ask(b"SELECT INBOX")
        other.select()
        assert w.ask(b"IDLE") == [b"+ IDLE accepted, awaiting DONE command.\r\n"]
        box.put(LETTER, SHOP)
        assert w.line() == b"* 3 EXISTS\r\n" and w.line().endswith(b"RECENT\r\n")
        other.store("2", "+FLAGS", "(\\Deleted)")
        assert w.line().startswith(b"* 2 FETCH (FLAGS (\\Deleted")
        other.expunge()
        assert w.line() == b"* 2 EXPUNGE\r\n" and w.line() == b"* 2 EXISTS\r\n"
        w.send(b"DONE\r\n")
        assert w.line() == b"A OK IDLE completed.\r\n"
        other.store("1", "+FLAGS", "(\\Answered \\Deleted)")
        assert w.ask(b"FETCH 1 UID")[0].startswith(b"* 1 FETCH (UID")
        other.expunge()
        told = w.ask(b"FETCH 1:* FLAGS")  # numbers may not move while they count
        assert not any(b"EXPUNGE" in line for line in told)
        assert w.ask(b"NOOP") == [b"* 1 EXPUNGE\r\n", b"* 1 EXISTS\r\n", b"A OK NOOP completed.\r\n"]


def test_changes_and_renumbering(box):
    box.put(LETTER, SHOP)
    with Wire(box) as w:
        w.sign_in(imap_token(box))
        w.ask(b"SELECT INBOX")
        box.put(LETTER, SHOP)
        assert w.ask(b"NOOP")[0] == b"* 2 EXISTS\r\n"
        before = box.folder(SHOP)
        box.set("mailbox.renumber", SHOP)
        after = box.folder(SHOP)
        assert after["validity"] > before["validity"] and [i["uid"] for i in after["items"]] == [1, 2]
        assert w.ask(b"NOOP")[0] == b"* BYE Connection is closed. 13\r\n"


def test_what_is_kept_over_a_restart(tmp_path):
    first = Box(tmp_path)
    first.put(LETTER, SHOP, flags="Seen", received="2026-01-02T03:04:05Z")
    first.put(LETTER, SHOP, count=3)
    with first.imap(imap_token(first)) as m:
        m.select()
        m.store("2", "+FLAGS", "(\\Flagged)")
        m.uid("MOVE", "3", "Archive")
        m.create('"a/b"')
        m.select('"a/b"')
    seen = [first.folder(SHOP, f) for f in ("INBOX", "Archive", "a/b")]
    first.close()
    second = Box(tmp_path)
    assert [second.folder(SHOP, f) for f in ("INBOX", "Archive", "a/b")] == seen
    assert [i["uid"] for i in inbox(second)] == [1, 2, 4]
    second.put(LETTER, SHOP)
    assert inbox(second)[-1]["uid"] == 5
    assert second.raw(inbox(second)[0]) == LETTER
    second.close()


# Sessions that go wrong


@pytest.mark.parametrize("how", ["stay", "close", "ignore"])
def test_the_token_ends(box, how):
    box.set("imap.expiry", how)
    box.set("token.lifetime", 600)
    token = imap_token(box)
    with Wire(box) as idle, Wire(box) as busy:
        for w in (idle, busy):
            w.sign_in(token)
            w.ask(b"SELECT INBOX")
        idle.ask(b"IDLE")
        box.advance(601)
        if how == "ignore":
            assert busy.ask(b"NOOP") == [b"A OK NOOP completed.\r\n"]
            return
        assert idle.line() == b"* BYE Session invalidated - AccessTokenExpired\r\n"
        assert busy.ask(b"NOOP") == [b"* BYE Session invalidated - AccessTokenExpired\r\n"]
        if how == "close":
            assert idle.line() == busy.line() == b""
            return
        assert busy.ask(b"FETCH 1 FLAGS") == [b"A BAD Command received in Invalid state.\r\n"]
        assert busy.sign_in(token) == b"A BAD Command received in Invalid state.\r\n"
        assert busy.ask(b"SELECT INBOX") == [b"A BAD Command received in Invalid state.\r\n"]
        assert busy.line() == b"* BYE Connection closed. 14\r\n"


def test_bad_commands(box):
    with Wire(box) as w:
        assert w.ask(b"SELECT INBOX") == [b"A BAD Command received in Invalid state.\r\n"]
        assert w.ask(b"NOOP")[-1].startswith(b"A OK")  # the count begins again
        assert w.ask(b"XYZZY") == [b"A BAD Command Error. 12\r\n"]
        assert w.ask(b"UID NOOP") == [b"A BAD Command Error. 12\r\n"]
        w.send(b"\r\n")
        assert w.line() == b"* BAD Command Error. 12\r\n"
        assert w.line() == b"* BYE Connection closed. 14\r\n" and w.line() == b""
    box.set("imap.bad-commands", 0)
    with Wire(box) as w:
        for _ in range(10):
            assert w.ask(b"XYZZY") == [b"A BAD Command Error. 12\r\n"]
        w.send(b"A NOOP " + b"x" * 200000 + b"\r\n")
        assert w.line().startswith(b"* BAD")
        assert w.ask(b"LOGIN {4294967296}")[-1].startswith(b"A BAD")
        assert w.ask(b"NOOP")[-1].startswith(b"A OK")
        w.send(b"A LOGIN {4294967296+}\r\n")
        assert w.line().startswith(b"A BAD") and w.line() == b"* BYE Connection closed. 14\r\n"


def test_one_byte_at_a_time_and_all_at_once(box):
    token = imap_token(box)
    box.put(LETTER, SHOP)
    commands = (b"1 AUTHENTICATE XOAUTH2 " + xoauth2(SHOP, token).encode() + b"\r\n2 SELECT {5+}\r\nINBOX\r\n"
                b"3 FETCH 1:* (BODY.PEEK[])\r\n4 UID SEARCH SUBJECT {5+}\r\nhello\r\n5 LOGOUT\r\n")
    answers = []
    for step in (1, len(commands)):
        with Wire(box) as w:
            for at in range(0, len(commands), step):
                w.send(commands[at:at + step])
            text = w.file.read()
            assert LETTER in text and [t for t in b"12345" if b"\r\n%c OK" % t not in b"\r\n" + text] == []
            answers.append(re.sub(rb"\d+ RECENT|\\Recent", b"", text))
    assert answers[0] == answers[1]


def test_trouble_by_switch(box):
    token = imap_token(box)
    with Wire(box) as w:
        w.sign_in(token)
        box.set("imap.throttle", f"{SHOP}=92415")
        assert w.ask(b"SELECT INBOX") == [b"A NO Request is throttled. Suggested Backoff Time: 92415 milliseconds\r\n"]
        box.set("imap.throttle", f"{SHOP}=0")
        box.set("imap.state", f"{SHOP}=unavailable")
        assert w.ask(b"SELECT INBOX") == [b"A NO Server Unavailable. 15\r\n"]
        box.set("imap.state", f"{SHOP}=ok")
        box.set("imap.inject", "select=NO [UNAVAILABLE] Try later", uses=1)
        assert w.ask(b"SELECT INBOX") == [b"A NO [UNAVAILABLE] Try later\r\n"]
        box.put(b"Subject: x\r\n\r\n" + b"y" * 100000, SHOP)
        assert w.ask(b"SELECT INBOX")[-1].startswith(b"A OK")
        box.set("imap.inject", "fetch=cut:50000", uses=1)
        w.send(b"A FETCH 1 BODY.PEEK[]\r\n")
        assert len(w.file.read()) == 50000
    for step, command in (("idle", b"IDLE"), ("noop", b"NOOP")):
        with Wire(box) as w:
            w.sign_in(token)
            w.ask(b"SELECT INBOX")
            box.set("imap.inject", f"{step}=drop", uses=1)
            assert w.ask(command) == [b""]
    box.set("imap.inject", "connect=* BYE Server busy", uses=1)
    with Wire(box) as w:
        assert w.greeting == b"* BYE Server busy\r\n" and w.line() == b""
    box.set("imap.slow", 200)
    with Wire(box) as w:
        assert w.ask(b"NOOP")[-1].startswith(b"A OK")
    box.set("imap.slow", 0)
    box.set("imap.without", "IDLE,SASL-IR,MOVE")
    with Wire(box) as w:
        assert not {b"IDLE", b"SASL-IR", b"MOVE"} & set(w.ask(b"CAPABILITY")[0].split())
        assert w.sign_in(token).startswith(b"A BAD")


def test_a_silent_client_is_sent_away(box):
    token = imap_token(box)
    box.set("imap.idle", 60)
    with Wire(box) as w:
        w.sign_in(token)
        w.ask(b"SELECT INBOX")
        w.ask(b"IDLE")
        box.advance(61)
        assert w.line() == b"* BYE Connection is closed. 13\r\n" and w.line() == b""


def test_starttls_and_certificates(box):
    token = imap_token(box)
    with Wire(box, "imap_starttls", tls=False) as w:
        words = w.ask(b"CAPABILITY")[0].split()
        assert {b"STARTTLS", b"LOGINDISABLED"} <= set(words) and not any(x.startswith(b"AUTH=") for x in words)
        assert w.sign_in(token) == b"A NO AUTHENTICATE failed.\r\n"
    with box.imap(token, server="imap_starttls") as m:
        assert m.select()[0] == "OK"
    with Wire(box, "imap_starttls", tls=False) as w:  # what comes along with it in the clear is an attack
        w.send(b"A STARTTLS\r\nB NOOP\r\n")
        assert w.line().startswith(b"A OK")
        assert w.line() == b""
    for kind in ("wrong-name", "unknown-ca", "expired"):
        box.set("imap.certificate", kind)
        with pytest.raises(ssl.SSLCertVerificationError):
            Wire(box)


def test_a_client_that_stops_reading(box):
    """A long answer is made as it is taken: others are served meanwhile, and all of it arrives in the end."""
    token = imap_token(box)
    box.put(b"Subject: x{n}\r\n\r\n" + b"z" * 100000 + b"\r\n", SHOP, count=300)
    with Wire(box) as slow, Wire(box) as other:
        slow.sign_in(token)
        slow.ask(b"SELECT INBOX")
        slow.send(b"A FETCH 1:* BODY.PEEK[]\r\nB NOOP\r\n")
        other.sign_in(token)
        assert other.ask(b"SELECT INBOX")[-1].startswith(b"A OK")
        with open(f"/proc/{box.process.pid}/statm") as f:
            assert int(f.read().split()[1]) * 4096 < 1500 * 1024 * 1024
        text, size = b"", 0
        while not text.endswith(b"B OK NOOP completed.\r\n"):
            part = slow.socket.recv(1 << 20)
            assert part
            size += len(part)
            text = (text + part)[-100:]
        assert size > 300 * 100000


# Google's ways, and other clients


def test_google(box):
    token = box.google_token()
    with Wire(box, "google_imap") as w:
        assert w.greeting.startswith(b"* OK Gimap ready")
        assert {b"AUTH=XOAUTH2", b"AUTH=OAUTHBEARER", b"SASL-IR"} <= set(w.ask(b"CAPABILITY")[0].split())
        challenge = w.ask(b"AUTHENTICATE XOAUTH2 " + xoauth2("erin@gmail.example", "wrong").encode())
        assert challenge[0].startswith(b"+ eyJzdGF0dXMi")
        w.send(b"\r\n")
        assert w.until(b"A") == [b"A NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)\r\n"]
        assert w.sign_in(token, "erin@gmail.example") == b"A OK Success\r\n"
        assert b'* LIST (\\HasNoChildren \\Sent) "/" "[Gmail]/Sent Mail"\r\n' in w.ask(b'LIST "" *')
        assert w.ask(b"SELECT INBOX")[-1].startswith(b"A OK")
    with Wire(box, "google_imap") as w:
        bearer = f"n,a=erin@gmail.example,\1host=localhost\1port=993\1auth=Bearer {token}\1\1"
        assert w.ask(b"AUTHENTICATE OAUTHBEARER " + base64.b64encode(bearer.encode()))[-1] == b"A OK Success\r\n"


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
def test_curl(box):
    token = imap_token(box)
    box.put(LETTER, SHOP)
    uid = inbox(box)[-1]["uid"]
    for server, scheme, more in (("imap", "imaps", []), ("imap_starttls", "imap", ["--ssl-reqd"])):
        url = f"{scheme}://localhost:{box.info[server]['port']}/INBOX;UID={uid}"
        done = subprocess.run(["curl", "-sS", "--cacert", box.info["ca_file"], "--user", f"{SHOP}:", "--oauth2-bearer", token,
                               *more, url], capture_output=True, timeout=30)
        assert done.returncode == 0 and done.stdout == LETTER, done
