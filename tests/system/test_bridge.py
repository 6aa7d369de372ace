"""Mail in through the gateway, Dovecot behind it: what a program reads and writes is to the octet what it would be directly."""
import base64
import hashlib
import os
import re
import time
import types

import pytest

import bodies
import harness
import mail_in
import peers
from harness import until
from mail_in import EVERYWHERE, KINDS, MAILBOX, Room

QUIET = "quiet@contoso.example"  # a mailbox of its own for what changes things


@pytest.fixture(scope="module")
def house():
    """One gateway, one Dovecot and a thousand messages for all tests of this file."""
    world = harness.World()
    certificates = peers.Certificates(world)
    identity, sink = peers.Identity(MAILBOX, certificates), peers.Sink()
    try:
        dovecot = peers.Dovecot(world, certificates, identity, sink.port, users=[MAILBOX, QUIET], password="secret")
        dovecot.deliver(MAILBOX, bodies.corpus())
        dovecot.deliver(QUIET, [harness.letter("one"), harness.letter("two")])
        room = Room.of(world, certificates, identity, dovecot, users=[MAILBOX, QUIET])
        yield types.SimpleNamespace(world=world, dovecot=dovecot, room=room, sink=sink, identity=identity, tls=room.tls,
                                    certificates=certificates)
    finally:
        identity.close()
        sink.close()
        world.close()


@pytest.fixture
def room(house):
    return house.room


def plain(user, password):
    return base64.b64encode(f"\0{user}\0{password}".encode()).decode()


def b64(text):
    return base64.b64encode(text.encode()).decode()


# -- The same octets

EVERYTHING = "f1 UID FETCH 1:* (UID RFC822.SIZE INTERNALDATE ENVELOPE BODYSTRUCTURE BODY.PEEK[])"


def fetched(wire):
    """The hash of a thousand messages with all that can be asked about them."""
    wire.imap("s1 EXAMINE INBOX")
    assert wire.last.startswith(b"s1 OK")
    answer = wire.imap(EVERYTHING)
    assert wire.last.startswith(b"f1 OK")
    wire.imap("q1 LOGOUT")
    lines = answer[:answer.rindex(b"f1 OK")]
    assert lines.count(b"INTERNALDATE") >= 1000 and len(lines) > 50 << 20
    return hashlib.sha256(lines).hexdigest()


@pytest.fixture(scope="module")
def direct_hash(house):
    with mail_in.direct_imap(house.dovecot, house.tls) as wire:
        return fetched(wire)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_messages_by_imap_are_to_the_octet_what_they_are_directly(house, room, direct_hash, kind):
    wire = room.wire("imap", kind)
    wire.line()
    if kind == "starttls":
        assert wire.say("t1 STARTTLS").startswith(b"t1 OK")
        wire.start_tls(house.tls)
    with wire:
        wire.imap(f"l1 LOGIN erp {room.password}")
        assert fetched(wire) == direct_hash


def retrieved(wire):
    """All messages by RETR, each twenty in one packet."""
    total = hashlib.sha256()
    count = int(wire.say("STAT").split()[1])
    assert count == 1000
    for first in range(1, count + 1, 20):
        wire.send("".join(f"RETR {n}\r\n" for n in range(first, min(first + 20, count + 1))))
        for n in range(first, min(first + 20, count + 1)):
            total.update(wire.text())
    wire.send("UIDL\r\nLIST\r\nTOP 14 5\r\nTOP 500 0\r\n")
    for _ in range(4):
        total.update(wire.text())
    assert wire.say("QUIT").startswith(b"+OK")
    return total.hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["none", "implicit"])
def test_a_thousand_messages_by_pop3_are_to_the_octet_what_they_are_directly(house, room, kind):
    with mail_in.direct_pop3(house.dovecot, house.tls) as wire:
        direct = retrieved(wire)
    with room.pop3_wire(kind) as wire:
        assert retrieved(wire) == direct


def test_partial_fetches_and_searches(house, room):
    commands = ["a1 EXAMINE INBOX", "a2 FETCH 1:40 BODY.PEEK[]<10.100>", "a3 FETCH 1:31 (BODY.PEEK[HEADER.FIELDS (SUBJECT)] FLAGS)",
                "a4 SEARCH ALL", "a5 FETCH 1:20 BODY.PEEK[TEXT]", "a6 STATUS INBOX (MESSAGES UIDNEXT)", "a7 NAMESPACE", "a8 LIST \"\" *",
                "a9 FETCH 1:5 NOSENSE", "a10 FROBNICATE"]
    with mail_in.direct_imap(house.dovecot, house.tls) as one, room.imap_wire() as two:
        for command in commands:
            direct, through = (re.sub(rb"\(\d+\.\d+ \+ [^)]*\)", b"", w.imap(command)) for w in (one, two))
            assert through == direct, command


# -- Signing in

SIGN_INS = {
    "LOGIN": lambda u, p: [f"a1 LOGIN {u} {p}"],
    "LOGIN quoted": lambda u, p: [f'a1 login "{u}" "{p}"'],
    "LOGIN with literals": lambda u, p: [f"a1 LOGIN {{{len(u)}}}", f"{u} {{{len(p)}}}", p],
    "AUTHENTICATE PLAIN": lambda u, p: ["a1 AUTHENTICATE PLAIN", plain(u, p)],
    "AUTHENTICATE PLAIN with the response": lambda u, p: [f"a1 AUTHENTICATE PLAIN {plain(u, p)}"],
    "AUTHENTICATE LOGIN": lambda u, p: ["a1 AUTHENTICATE LOGIN", b64(u), b64(p)],
    "AUTHENTICATE LOGIN with the user": lambda u, p: [f"a1 AUTHENTICATE LOGIN {b64(u)}", b64(p)],
}


@pytest.mark.parametrize("way", SIGN_INS)
def test_ways_to_sign_in_by_imap(room, way):
    with room.wire("imap") as wire:
        assert wire.line().startswith(b"* OK")
        said = SIGN_INS[way]("erp", room.password)
        for line in said[:-1]:
            assert wire.say(line).startswith(b"+")
        wire.send(said[-1] + "\r\n")
        answer = wire.answer("a1")
        assert wire.last.startswith(b"a1 OK"), answer
        assert wire.imap("a2 NOOP") == b"a2 OK NOOP completed" + wire.last[len(b"a2 OK NOOP completed"):]


POP3_SIGN_INS = {
    "USER and PASS": lambda u, p: [f"USER {u}", f"PASS {p}"],
    "AUTH PLAIN": lambda u, p: ["AUTH PLAIN", plain(u, p)],
    "AUTH PLAIN with the response": lambda u, p: [f"AUTH PLAIN {plain(u, p)}"],
    "AUTH LOGIN": lambda u, p: ["AUTH LOGIN", b64(u), b64(p)],
}


@pytest.mark.parametrize("way", POP3_SIGN_INS)
def test_ways_to_sign_in_by_pop3(room, way):
    with room.wire("pop3") as wire:
        assert wire.line().startswith(b"+OK")
        said = POP3_SIGN_INS[way]("erp", room.password)
        for line in said[:-1]:
            assert wire.say(line).startswith(b"+")
        assert wire.say(said[-1]).startswith(b"+OK")
        assert wire.say("STAT").startswith(b"+OK 1000 ")


SMTP_SIGN_INS = {
    "AUTH PLAIN": lambda u, p: ["AUTH PLAIN", plain(u, p)],
    "AUTH PLAIN with the response": lambda u, p: [f"AUTH PLAIN {plain(u, p)}"],
    "AUTH LOGIN": lambda u, p: ["AUTH LOGIN", b64(u), b64(p)],
}


@pytest.mark.parametrize("way", SMTP_SIGN_INS)
def test_ways_to_sign_in_by_smtp(room, way):
    with room.wire("smtp") as wire:
        assert wire.line().startswith(b"220")
        wire.send("EHLO client.test\r\n")
        while wire.line()[3:4] == b"-":
            pass
        said = SMTP_SIGN_INS[way]("erp", room.password)
        for line in said[:-1]:
            assert wire.say(line).startswith(b"334")
        assert wire.say(said[-1]).startswith(b"235")
        assert wire.say("NOOP").startswith(b"250")


@pytest.mark.parametrize("protocol, kind", EVERYWHERE)
def test_every_listener(room, protocol, kind):
    client = getattr(room, protocol)(kind)
    if protocol == "imap":
        assert client.select(readonly=True)[1] == [b"1000"]
        client.logout()
    elif protocol == "pop3":
        assert client.stat()[0] == 1000
        client.quit()
    else:
        assert client.noop()[0] == 250
        client.quit()


@pytest.mark.parametrize("user", [QUIET, f"erp1%{QUIET}", "erp1"])
def test_ways_to_name_a_mailbox(room, user):
    with room.wire("imap") as wire:
        wire.line()
        wire.imap(f"a1 LOGIN {user} {room.passwords['erp1']}")
        assert wire.last.startswith(b"a1 OK")


def test_oauthbearer_upstream_and_starttls(house):
    room, name = house.room, "bearer@contoso.example"
    house.dovecot.add_users([name])
    house.dovecot.deliver(name, [harness.letter("bearer")])
    provider = room.add_provider({"imap": (house.dovecot.ports["imap"], "starttls"), "pop3": (house.dovecot.ports["pop3"], "starttls"),
                                  "smtp": (house.dovecot.ports["submissions"], "implicit")}, sasl="oauthbearer")
    room.add_mailbox(name, provider, "bearer")
    for kind in ("none", "implicit"):
        client = room.imap(kind, "bearer")
        assert client.select()[1] == [b"1"]
        client.logout()
        client = room.pop3(kind, "bearer")
        assert client.stat()[0] == 1
        client.quit()
        client = room.smtp(kind, "bearer")
        assert client.noop()[0] == 250
        client.quit()
    assert "method=OAUTHBEARER" in house.dovecot.log()


def capabilities(line):
    return set(line.upper().replace(b"]", b" ").split())


@pytest.mark.parametrize("kind", KINDS)
def test_capabilities_name_only_what_is_kept(house, room, kind):
    """RFC 9051 6.1.1, 2449 5: neither STARTTLS nor ways to sign in leak through, and what upstream can do is there."""
    with room.wire("imap", kind) as wire:
        greeting = wire.line()
        before = wire.imap("c1 CAPABILITY")
        assert (b"STARTTLS" in before) == (kind == "starttls")
        for list_ in (greeting, before):
            assert b"COMPRESS" not in list_ and b"XOAUTH2" not in list_ and b"OAUTHBEARER" not in list_
        assert b"AUTH=PLAIN" in before and b"SASL-IR" in before and b"IMAP4REV1" in before.upper()
        if kind == "starttls":
            wire.say("t1 STARTTLS")
            wire.start_tls(house.tls)
            assert b"STARTTLS" not in wire.imap("c2 CAPABILITY")
        wire.imap(f"l1 LOGIN erp {room.password}")
        after = capabilities(wire.imap("c3 CAPABILITY"))
        assert {b"IDLE", b"UIDPLUS", b"MOVE", b"NAMESPACE"} <= after
        assert not {c for c in after if c.startswith((b"AUTH=", b"COMPRESS", b"STARTTLS", b"LOGINDISABLED"))}
    with room.wire("pop3", kind) as wire:
        wire.line()
        wire.send("CAPA\r\n")
        before = wire.text()
        assert (b"STLS" in before) == (kind == "starttls") and b"XOAUTH2" not in before
        if kind == "starttls":
            assert wire.say("STLS").startswith(b"+OK")
            wire.start_tls(house.tls)
        wire.say("USER erp")
        wire.say(f"PASS {room.password}")
        wire.send("CAPA\r\n")
        after = wire.text()
        assert b"UIDL" in after and b"TOP" in after and b"STLS" not in after and b"XOAUTH2" not in after


def test_smtp_through_names_only_what_is_kept(house, room):
    with room.smtp() as client:
        client.ehlo()
        assert not client.has_extn("starttls") and not client.has_extn("auth")
        assert client.has_extn("size") and client.has_extn("8bitmime")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look into other processes")
def test_no_password_stays_in_the_memory_of_an_edge(world, certificates, identity, dovecot):
    """Neither a refused one, nor one that stands behind it in the same packet, comes in pieces, or opened the session."""
    room = Room.of(world, certificates, identity, dovecot)
    first, second, third, fourth = (f"{n}-wrong-password" for n in ("first", "second", "third", "fourth"))
    with room.wire("imap") as one, room.wire("pop3") as two, room.imap_wire() as three:
        one.line(), two.line()
        one.send(f"a1 LOGIN somebody {first}\r\na2 LOGIN somebody {second}\r\na3 LOGIN somebody {third}")
        two.say("USER somebody")
        for octet in f"PASS {fourth}\r\n":
            two.send(octet)
        assert one.line().startswith(b"a1 NO") and one.line().startswith(b"a2 NO") and two.line().startswith(b"-ERR")
        three.imap("n1 NOOP")
        for kind in ("starttls", "implicit"):  # TLS keeps buffers of its own
            assert room.imap(kind).noop()[0] == "OK" and room.pop3(kind).noop().startswith(b"+OK")
    secrets = {s.encode() for s in (first, second, third, fourth, room.password)}
    edges = mail_in.processes(room.gateway)
    seen = until(lambda: not (found := mail_in.remembers(edges, secrets | {b"gateway.test"})) & secrets and found,
                 "the passwords being gone")
    assert seen == {b"gateway.test"}, "this test sees what is there"


# -- Writing

def test_append_by_both_kinds_of_literal(house, room):
    """What is written through is stored as if it had been written directly."""
    kept = [b for b in [*bodies.BODIES.values(), *bodies.KEPT.values()] if b]
    with room.imap_wire(user="erp1") as through, mail_in.direct_imap(house.dovecot, house.tls, QUIET) as direct:
        for wire, folder in ((through, "Written"), (direct, "Direct")):
            wire.imap(f"c1 CREATE {folder}")
            for number, body in enumerate(kept):
                tag = f"p{number}"
                if number % 2:
                    wire.send(f"{tag} APPEND {folder} (\\Seen) {{{len(body)}+}}\r\n".encode() + body + b"\r\n")
                else:
                    assert wire.say(f"{tag} APPEND {folder} {{{len(body)}}}").startswith(b"+")
                    wire.send(body + b"\r\n")
                wire.answer(tag)
                assert wire.last.startswith(tag.encode() + b" OK"), wire.last
        answers = []
        for folder in ("Written", "Direct"):
            direct.imap(f"s1 EXAMINE {folder}")
            answers.append(direct.imap("f1 FETCH 1:* (FLAGS BODY.PEEK[])"))
    assert answers[0].count(b"BODY[]") == len(kept)
    assert answers[0][:answers[0].rindex(b"f1 OK")] == answers[1][:answers[1].rindex(b"f1 OK")]


def test_large_append(house, room):
    body = bodies.large(20)
    with room.imap_wire("implicit", "erp1") as wire:
        wire.imap("c1 CREATE Large")
        wire.send(f"a1 APPEND Large {{{len(body)}+}}\r\n".encode() + body + b"\r\n")
        wire.answer("a1")
        assert wire.last.startswith(b"a1 OK"), wire.last
    [stored] = house.dovecot.stored(QUIET, "Large")
    assert stored.replace(b"\r\n", b"\n") == body.replace(b"\r\n", b"\n")


def test_flags_copies_moves_and_deletions(house, room):
    house.dovecot.deliver(QUIET, [harness.letter(f"m{n}") for n in range(4)], "Work")
    with room.imap_wire(user="erp1") as wire:
        wire.imap("a1 SELECT Work")
        assert b"FETCH (FLAGS (\\Flagged" in wire.imap("a2 STORE 1 +FLAGS (\\Flagged)")
        wire.imap("a3 CREATE Shelf")
        assert b"[COPYUID" in wire.imap("a4 COPY 1 Shelf")
        assert b"EXPUNGE" in wire.imap("a5 MOVE 2 Shelf")
        wire.imap("a6 STORE 1 +FLAGS (\\Deleted)")
        assert b"1 EXPUNGE" in wire.imap("a7 EXPUNGE")
    assert len(house.dovecot.stored(QUIET, "Shelf")) == 2 and len(house.dovecot.stored(QUIET, "Work")) == 2


def test_smtp_through_every_body(house, room):
    """The answer to the dot is the upstream's own, and so are the octets."""
    before = len(house.sink.messages)
    with room.smtp("starttls") as client:
        for body in bodies.BODIES.values():
            assert "queued" in harness.submit_on(client, MAILBOX, "a@b.example", body) or True
    arrived = [m.content for m in house.sink.messages[before:]]
    assert [harness.without_received(a) for a in arrived] == [bodies.complete(b) for b in bodies.BODIES.values()]
    assert not house.room.gateway.json("queue", "list")["items"], "nothing is queued here"


def test_smtp_through_a_refusal_is_upstreams_own(room):
    with room.smtp() as client:
        assert client.mail("nonsense nonsense")[0] >= 500
        assert client.rcpt("a@b.example")[0] == 503
        assert client.noop()[0] == 250


# -- Timing of octets

def test_push_through_idle(house, room):
    with room.imap_wire(user="erp1") as wire:
        wire.imap("a1 CREATE Pushed")
        wire.imap("a2 SELECT Pushed")
        assert wire.say("a3 IDLE").startswith(b"+")
        for number in (1, 2, 3):
            house.dovecot.deliver(QUIET, [harness.letter(f"push {number}")], "Pushed")
            while b"* %d EXISTS" % number not in wire.line():
                pass
        wire.send("DONE\r\n")
        wire.answer("a3")
        assert wire.last.startswith(b"a3 OK")


def test_commands_in_the_packet_of_the_sign_in(house, room):
    with room.wire("imap") as wire:
        wire.send(f"a0 CAPABILITY\r\na1 LOGIN erp {room.password}\r\na2 EXAMINE INBOX\r\na3 FETCH 1:3 BODY.PEEK[]\r\na4 LOGOUT\r\n")
        said = wire.rest()
    assert [t for t in re.findall(rb"(?m)^(a\d) (?:OK|NO|BAD)", said)] == [b"a0", b"a1", b"a2", b"a3", b"a4"]
    with mail_in.direct_imap(house.dovecot, house.tls) as direct:
        direct.imap("a2 EXAMINE INBOX")
        answer = direct.imap("a3 FETCH 1:3 BODY.PEEK[]")
    assert answer[:answer.rindex(b"a3 OK")] in said


def test_a_literal_in_the_packet_of_the_sign_in(house, room):
    body = harness.letter("in one packet")
    with room.wire("imap") as wire:
        wire.send(f"a1 LOGIN {{4+}}\r\nerp1 {{{len(room.passwords['erp1'])}+}}\r\n{room.passwords['erp1']}\r\na2 CREATE Packet\r\n"
                  f"a3 APPEND Packet {{{len(body)}+}}\r\n".encode() + body + b"\r\na4 LOGOUT\r\n")
        said = wire.rest()
    assert b"a3 OK" in said and b"a4 OK" in said
    assert house.dovecot.stored(QUIET, "Packet") == [body] or house.dovecot.stored(QUIET, "Packet") == [body.replace(b"\r\n", b"\n")]


def test_pop3_commands_in_the_packet_of_the_sign_in(room):
    with room.wire("pop3") as wire:
        wire.send(f"CAPA\r\nUSER erp\r\nPASS {room.password}\r\nSTAT\r\nRETR 1\r\nLIST 1\r\nQUIT\r\n")
        said = wire.rest()
    assert said.count(b"+OK 1000 ") == 1 and said.endswith(b"\r\n") and b"Hello\r\n.\r\n+OK 1 " in said


def test_smtp_commands_in_the_packet_of_the_sign_in(house, room):
    before = len(house.sink.messages)
    with room.wire("smtp") as wire:
        wire.line()
        wire.send(f"EHLO client.test\r\nAUTH PLAIN {plain('erp', room.password)}\r\nMAIL FROM:<{MAILBOX}>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n")
        while not (line := wire.line()).startswith(b"354"):
            assert line[:1] in (b"2", b"3"), line
        wire.send(harness.letter("packet") + b".\r\nQUIT\r\n")
        assert wire.line().startswith(b"250") and wire.line().startswith(b"221")
    assert harness.without_received(house.sink.messages[before].content) == harness.letter("packet")


def test_one_octet_at_a_time(room):
    with room.wire("imap") as wire:
        for octet in f"a1 LOGIN erp {room.password}\r\na2 EXAMINE INBOX\r\na3 FETCH 1 BODY.PEEK[]\r\na4 LOGOUT\r\n".encode():
            wire.send(bytes([octet]))
        said = wire.rest()
    assert all(t in said for t in (b"a1 OK", b"a2 OK", b"a3 OK", b"a4 OK", b"Hello\r\n"))


def test_octets_that_are_read_one_at_a_time(room):
    with room.imap_wire() as wire:
        wire.imap("a1 EXAMINE INBOX")
        wire.send("a2 FETCH 1:20 BODY.PEEK[]\r\n")
        said = b""
        while b"a2 OK" not in said:
            said += wire.socket.recv(1 if len(said) < 3000 else 4096)
    assert said.count(b"FETCH (") == 20


def test_a_client_that_ends_its_direction_hears_the_rest(room):
    import socket
    with room.wire("imap") as wire:
        wire.send(f"a1 LOGIN erp {room.password}\r\na2 EXAMINE INBOX\r\na3 FETCH 1:30 BODY.PEEK[]\r\na4 LOGOUT\r\n")
        wire.socket.shutdown(socket.SHUT_WR)
        said = wire.rest()
    assert b"a3 OK" in said and b"a4 OK" in said


def test_no_answer_waits_for_nagle(room):
    """Small answers to small commands, one by one: delayed acknowledgement would make each take 40 ms."""
    with room.imap_wire() as wire:
        wire.imap("a0 EXAMINE INBOX")
        times = []
        for number in range(50):
            begin = time.monotonic()
            wire.imap(f"n{number} FETCH 1 BODY.PEEK[]")
            times.append(time.monotonic() - begin)
    assert sorted(times)[25] < 0.035, "the median of 50 answers"


def test_nothing_from_before_the_sign_in_reaches_upstream(house, room):
    with room.wire("imap") as wire:
        wire.line()
        wire.imap("z1 ID NIL")
        assert wire.imap("z2 SELECT INBOX").split()[1] in (b"BAD", b"NO")
        assert wire.imap("z3 CAPABILITY")
        wire.imap(f"z4 LOGIN erp {room.password}")
        wire.imap("z5 NOOP")
    assert "z1" not in house.dovecot.log() and room.password not in house.dovecot.log()
