"""Mail that arrives on a real server and goes to real receivers, by the whole daemon: Dovecot before it, and behind it Dovecot's LMTP,
Postfix, programs, Maildirs, and a web server that fetches the message itself by its link."""
import time
import types
import urllib.error
import urllib.parse
import urllib.request

import pytest

import harness
import peers
from harness import letter, until
from mail_in import MAILBOX, Room
from test_inbox import Hook, files, subjects

POP, MOVED, RENUMBERED, TEAM = (f"{name}@contoso.example" for name in ("pop", "moved", "renumbered", "team"))


@pytest.fixture(scope="module")
def house():
    """A gateway with links, Dovecot with a mailbox for each story, and where Postfix leaves its mail."""
    world = harness.World()
    certificates = peers.Certificates(world)
    identity, sink = peers.Identity(MAILBOX, certificates), peers.Sink()
    try:
        dovecot = peers.Dovecot(world, certificates, identity, users=[MAILBOX, POP, MOVED, RENUMBERED, TEAM])
        console = f'console: {{{{ address: "127.0.0.1:{harness.free_port()}" }}}}\n'
        room = Room.of(world, certificates, identity, dovecot, extra=Room.ROOMY + console, users=[MAILBOX, MOVED, RENUMBERED])
        yield types.SimpleNamespace(world=world, dovecot=dovecot, room=room, gateway=room.gateway, sink=sink, certificates=certificates)
    finally:
        identity.close()
        sink.close()
        world.close()


class Endpoint:
    """One endpoint, and what became of its mail."""

    def __init__(self, house, name, mailbox, *options):
        self.house, self.gateway, self.name, self.mailbox = house, house.gateway, name, mailbox
        self.folder = options[options.index("--folder") + 1] if "--folder" in options else "INBOX"
        house.dovecot.maildir(mailbox, self.folder)
        self.gateway.cli("endpoint", "add", name, "--mailbox", mailbox, *options)
        until(self.last_look, f"{name} having looked at the folder")

    def last_look(self):
        return self.gateway.json("endpoint", "show", self.name).get("watch_state", {}).get("last_look")

    def look(self, poll_s):
        """Its next look is due."""
        before = self.last_look()
        self.house.world.clock.advance(poll_s + 1)
        until(lambda: self.last_look() not in (None, before), f"the next look of {self.name}")

    def events(self, event):
        return self.gateway.events(event, endpoint=self.name)

    def arrive(self, *names):
        """By the gateway's clock, which may have been moved: it looks at when mail came."""
        now = time.time() + self.house.world.clock.ms / 1000
        self.house.dovecot.deliver(self.mailbox, [letter(n, to=self.mailbox) for n in names], self.folder, received=now)

    def moved(self, count, folder):
        """Looks at the folder it came from first: to look at the other one would make it."""
        until(lambda: not self.left(), f"{self.folder} being empty")
        assert len(self.house.dovecot.stored(self.mailbox, folder)) == count

    def left(self):
        return self.house.dovecot.stored(self.mailbox, self.folder)

    def handed(self, count):
        until(lambda: len(self.events("mail.handed")) >= count, f"{count} hand-overs of {self.name}")
        assert len(self.events("mail.handed")) == count

    def remove(self):
        self.gateway.cli("endpoint", "remove", self.name)


@pytest.fixture
def endpoint(house):
    made = []

    def add(*args):
        made.append(Endpoint(house, *args))
        return made[-1]
    yield add
    for e in made:
        e.remove()


# -- Where mail comes from

def test_a_mailbox_with_pop3_alone_is_emptied_once(house, endpoint):
    """New mail is handed over and goes from the server, what was there stays; and a restart repeats nothing."""
    house.dovecot.deliver(POP, [letter("old")])
    house.room.add_mailbox(POP, house.room.add_provider({"pop3": (house.dovecot.ports["pop3s"], "implicit")}))
    maildir = house.world.dir / "popped"
    e = endpoint("popped", POP, "--maildir", maildir, "--watch", "pop3", "--poll", "60", "--after", "delete")
    e.arrive("one", "two")
    e.look(60)
    until(lambda: len(e.left()) == 1, "the server without what was handed over")
    e.handed(2)
    assert subjects(maildir) == ["one", "two"]
    house.gateway.stop()
    e.arrive("three")
    house.gateway.start()
    until(lambda: len(e.left()) == 1, "the server without the third")
    e.look(60)
    e.handed(3)
    assert subjects(maildir) == ["one", "three", "two"]
    assert b"Subject: old\r\n" in e.left()[0]


def test_a_folder_that_is_numbered_anew_repeats_nothing(house, endpoint):
    """Dovecot loses its list of UIDs, as after a restored backup: other numbers, another UIDVALIDITY."""
    house.dovecot.deliver(RENUMBERED, [letter(f"old {n}") for n in range(3)])
    maildir = house.world.dir / "renumbered"
    e = endpoint("renumbered", RENUMBERED, "--maildir", maildir, "--after", "leave")
    e.arrive("one", "two")
    e.handed(2)
    folder = house.dovecot.maildir(RENUMBERED)
    house.gateway.cli("endpoint", "pause", "renumbered")
    for path in [folder / "dovecot-uidlist", *folder.glob("dovecot.index*")]:
        path.unlink()
    [old] = [p for p in folder.glob("*/*") if b"Subject: old 1\r\n" in p.read_bytes()]
    old.unlink()
    e.arrive("three")
    house.gateway.cli("endpoint", "resume", "renumbered")
    e.handed(3)
    [renumbered] = e.events("inbox.renumbered")
    assert renumbered["before"] != renumbered["uidvalidity"]
    e.arrive("four")
    e.handed(4)
    assert subjects(maildir) == ["four", "one", "three", "two"]


# -- Where it goes

def test_a_program_takes_mail_that_is_then_moved(house, endpoint):
    """A program that fails for now gets it again; the folder that it is moved to is made."""
    out = house.world.dir / "taken"
    out.mkdir()
    program = house.world.file("take", f"""#!/bin/sh
echo "$1 $POSTERN_MAILBOX $POSTERN_SUBJECT $POSTERN_ATTEMPT" >>{out}/asked
[ -e {out}/open ] || {{ echo "Closed for lunch"; exit 75; }}
cat >"{out}/$POSTERN_ID.eml"
""")
    program.chmod(0o755)
    e = endpoint("program", MOVED, "--folder", "Program", "--command", program, "--argument", "-x y", "--after", "move", "--move-to", "Done/Here")
    e.arrive("to a program")
    waiting = house.gateway.wait_event("mail.not-handed", endpoint="program")
    assert "Closed for lunch" in waiting["text"], waiting
    (out / "open").touch()
    house.world.clock.advance(120)
    e.handed(1)
    [taken] = out.glob("*.eml")
    assert taken.read_bytes() == letter("to a program", to=MOVED)
    asked = (out / "asked").read_text().splitlines()
    assert asked[0] == f"-x y {MOVED} to a program 1" and asked[-1] == f"-x y {MOVED} to a program {len(asked)}" and len(asked) > 1
    e.moved(1, "Done/Here")


def test_dovecot_takes_mail_by_lmtp(house, endpoint):
    lmtp = f"127.0.0.1:{house.dovecot.ports['lmtp']}"
    e = endpoint("lmtp", MOVED, "--folder", "Lmtp", "--lmtp", lmtp, "--tls", "none", "--recipient", TEAM, "--after", "move",
                 "--move-to", "Handed")
    e.arrive("by lmtp")
    e.handed(1)
    [stored] = house.dovecot.stored(TEAM)
    assert stored.endswith(letter("by lmtp", to=MOVED).replace(b"\r\n", b"\n")) and f"Delivered-To: {TEAM}".encode() in stored
    e.moved(1, "Handed")


@pytest.fixture
def mailserver(house):
    p = peers.Postfix(house.world, house.certificates, house.sink.port, recipients=["team@corp.example"])
    yield p
    p.close()


def test_postfix_takes_mail_by_smtp_or_says_why_not(house, endpoint, mailserver):
    """What it refuses is parked with its words, stays where it is, and goes once a person has mended the address."""
    smtp = ["--smtp", f"localhost:{mailserver.port}", "--tls", "starttls", "--ca-file", house.certificates.ca]
    e = endpoint("smtp", MOVED, "--folder", "Smtp", *smtp, "--recipient", "team@corp.example", "--after", "move", "--move-to", "Sent on")
    e.arrive("by smtp")
    e.handed(1)
    [envelope] = until(lambda: house.sink.messages, "the message behind Postfix")
    assert envelope.rcpt_tos == ["team@corp.example"] and envelope.content.endswith(letter("by smtp", to=MOVED))
    house.gateway.cli("endpoint", "set", "smtp", "--recipient", "nobody@corp.example")
    e.arrive("to nobody")
    parked = house.gateway.wait_event("mail.parked", endpoint="smtp")
    assert parked["finding"] == "lmtp.refused" and "550 5.1.1" in parked["text"] and "User unknown" in parked["text"], parked
    [item] = house.gateway.json("endpoint", "mail", "smtp", "--state", "parked")["items"]
    assert item["subject"] == "to nobody" and "550 5.1.1" in item["last"]
    assert len(e.left()) == 1
    house.gateway.cli("endpoint", "set", "smtp", "--recipient", "team@corp.example")
    house.gateway.cli("endpoint", "retry", item["id"])
    e.handed(2)
    until(lambda: len(house.sink.messages) == 2, "the second message behind Postfix")
    e.moved(2, "Sent on")


# -- Links

def fetched(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read(), answer.headers.get_content_type()
    except urllib.error.HTTPError as e:
        return e.code, e.read(), e.headers.get_content_type()


@pytest.fixture
def hook():
    h = Hook()
    yield h
    h.shutdown()
    h.server_close()


def test_a_webhook_fetches_the_message_itself_by_its_link(house, endpoint, hook):
    e = endpoint("hook", MAILBOX, "--webhook", hook.url(), "--keep-days", "2")
    body = letter("by link", "8 bit: \u00e4, a lone \r, a dot:\r\n.\r\n" + "x" * 300000 + "\r\n", to=MAILBOX)
    house.dovecot.deliver(MAILBOX, [body, letter("another", to=MAILBOX)])
    e.handed(2)
    (_, first), (_, second) = sorted(hook.got, key=lambda got: got[1]["subject"], reverse=True)
    raw, other = first["raw"], second["raw"]
    assert fetched(raw["url"]) == (200, body, "message/rfc822")
    assert fetched(raw["url"])[0] == 200, "as often as is wanted"

    # What is not to the letter as it was signed opens nothing, and does not say why.
    parts = urllib.parse.urlsplit(raw["url"])
    query = dict(urllib.parse.parse_qsl(parts.query))
    sign = query["signature"]

    def changed(path=parts.path, **changes):
        return urllib.parse.urlunsplit((*parts[:2], path, urllib.parse.urlencode({**query, **changes}), ""))
    assert fetched(changed())[0] == 200
    wrong = [changed(signature=("1" if sign[0] == "0" else "0") + sign[1:]), changed(signature=sign[:-1]), changed(signature=""),
             changed(ends=int(query["ends"]) + 1), changed(path=urllib.parse.urlsplit(other["url"]).path),
             changed(signature=dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(other["url"]).query))["signature"])]
    for url in wrong:
        assert fetched(url)[0] == 404, url
    house.gateway.stop()
    house.gateway.start()
    assert fetched(raw["url"])[:2] == (200, body), "a restart changes nothing"
    house.world.clock.advance(2 * 86400 + 60)
    until(lambda: fetched(raw["url"])[0] == 404, "the link's end")
