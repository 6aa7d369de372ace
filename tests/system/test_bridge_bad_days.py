"""Mail in on bad days: each gets a clear word of its protocol and a finding in the log, and no other session notices."""
import os
import signal
import socket
import ssl
import time
import types

import pytest

import bodies
import harness
import mail_in
import peers
from harness import until
from mail_in import MAILBOX, PROTOCOLS, Room, Wire
from peers import script

SCRIPTED = "scripted@contoso.example"
TALKS = {"imap": script.imap, "pop3": script.pop3, "smtp": script.smtp}
UNAVAILABLE = {"imap": b"a1 NO [UNAVAILABLE] ", "pop3": b"-ERR [SYS/TEMP] ", "smtp": b"454 4.7.0 "}
FOR_A_PERSON = {"imap": b"a1 NO [UNAVAILABLE] ", "pop3": b"-ERR [SYS/PERM] ", "smtp": b"454 4.7.0 "}


@pytest.fixture(scope="module")
def house():
    """Dovecot for the sessions that must not notice, and for each protocol a server that does as it is told."""
    kept_options = os.environ.get("ASAN_OPTIONS", "")
    os.environ["ASAN_OPTIONS"] = kept_options + ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"  # memory is measured here
    world = harness.World()
    certificates = peers.Certificates(world)
    identity, sink = peers.Identity(MAILBOX, certificates), peers.Sink()
    scripts = {p: peers.Script(talk, certificates) for p, talk in TALKS.items()}
    try:
        dovecot = peers.Dovecot(world, certificates, identity, sink.port, password="secret")
        dovecot.deliver(MAILBOX, [harness.letter("one"), bodies.large(50)])
        room = Room.of(world, certificates, identity, dovecot)
        provider = room.add_provider({p: (s.port, "implicit") for p, s in scripts.items()})
        room.add_mailbox(SCRIPTED, provider, "scripted")
        yield types.SimpleNamespace(world=world, dovecot=dovecot, room=room, scripts=scripts, tls=room.tls, certificates=certificates,
                                    identity=identity)
    finally:
        os.environ["ASAN_OPTIONS"] = kept_options
        for s in [*scripts.values(), identity, sink]:
            s.close()
        world.close()


@pytest.fixture
def room(house):
    """With a bystander: a session that was there before, and must be there afterwards."""
    roles = {(r["role"], r["pid"]) for r in house.room.gateway.roles()}
    bystander = house.room.imap_wire()
    bystander.imap("b1 SELECT INBOX")
    yield house.room
    for s, talk in zip(house.scripts.values(), TALKS.values()):
        s.talk, s.limit, s.resets = talk, None, False
    assert b"BODY[]" in bystander.imap("b2 FETCH 1 BODY.PEEK[]") and bystander.last.startswith(b"b2 OK")
    bystander.close()
    assert {(r["role"], r["pid"]) for r in house.room.gateway.roles()} == roles, "no role was restarted"


def knock(room, protocol, app="scripted"):
    """Signs in; the wire, and the answer to the sign-in."""
    wire = room.wire(protocol)
    wire.line()
    password = room.passwords[app]
    if protocol == "imap":
        wire.send(f"a1 LOGIN {app} {password}\r\n")
        return wire, wire.line()
    if protocol == "pop3":
        assert wire.say(f"USER {app}").startswith(b"+OK")
        return wire, wire.say(f"PASS {password}")
    import base64
    wire.send("EHLO client.test\r\n")
    while wire.line()[3:4] == b"-":
        pass
    return wire, wire.say("AUTH PLAIN " + base64.b64encode(f"\0{app}\0{password}".encode()).decode())


def is_in(answer):
    return answer.startswith((b"a1 OK", b"+OK", b"235"))


def refusals(room):
    return room.gateway.events("bridge.refused", mailbox=SCRIPTED)


def goes_on(wire, protocol):
    """The client was told and may try again on the same connection."""
    return {"imap": lambda: wire.imap("a9 NOOP").startswith(b"a9 OK"), "pop3": lambda: wire.say("CAPA").startswith(b"+OK"),
            "smtp": lambda: wire.say("NOOP").startswith(b"250")}[protocol]()


def refused_with_a_finding(room, protocol, words=UNAVAILABLE, app="scripted"):
    before = len(refusals(room))
    wire, answer = knock(room, protocol, app)
    with wire:
        assert answer.startswith(words[protocol]), answer
        assert goes_on(wire, protocol)
    event = until(lambda: refusals(room)[before:], "a refusal in the log")[-1]
    assert event["finding"] and event["cause"] and event["fix"], event
    return event, answer


# -- Upstream is cut off

@pytest.mark.parametrize("resets", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_upstream_is_cut_at_every_step(house, room, protocol, resets):
    """After each so many octets of its dialogue, from the TLS handshake to the middle of a message."""
    s = house.scripts[protocol]
    s.resets = resets
    seen = set()
    for limit in [0, 1, *range(10, 700, 23)]:
        s.limit = limit
        wire, answer = knock(room, protocol)
        with wire:
            if not is_in(answer):
                assert answer.startswith(UNAVAILABLE[protocol]), (limit, answer)
                assert goes_on(wire, protocol), limit
                seen.add("refused")
                continue
            seen.add("open")
            wire.send({"imap": "a2 SELECT INBOX\r\na3 FETCH 1 BODY[]\r\na4 LOGOUT\r\n", "pop3": "STAT\r\nRETR 1\r\nQUIT\r\n",
                       "smtp": "NOOP\r\nNOOP\r\nQUIT\r\n"}[protocol])
            wire.rest()  # comes to an end
    assert seen == {"refused", "open"}


def test_a_cut_between_answers_is_told_by_a_bye(house, room):
    def talk(c):
        c.send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] ready\r\n")
        tag = c.line().split()[0]
        c.send(f"{tag} OK [CAPABILITY IMAP4rev1 IDLE] in\r\n")
        tag = c.line().split()[0]
        c.send(f"{tag} OK done\r\n")
    house.scripts["imap"].talk = talk
    wire, answer = knock(room, "imap", "scripted")
    with wire:
        assert is_in(answer)
        wire.send("a2 NOOP\r\n")
        said = wire.rest()
        assert said.startswith(b"a2 OK done\r\n* BYE ") and said.endswith(b"\r\n"), said
    assert room.gateway.wait_event("bridge.lost", mailbox=SCRIPTED)


def test_a_cut_in_a_literal_puts_nothing_into_the_message(house, room):
    house.scripts["imap"].limit = None

    def talk(c):
        c.limit = None
        c.send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] ready\r\n")
        c.send(c.line().split()[0] + " OK [CAPABILITY IMAP4rev1] in\r\n")
        c.line()
        c.send("* 1 FETCH (BODY[] {1000}\r\n" + "x" * 400)
    house.scripts["imap"].talk = talk
    wire, answer = knock(room, "imap")
    with wire:
        wire.send("a2 FETCH 1 BODY[]\r\n")
        assert wire.rest() == b"* 1 FETCH (BODY[] {1000}\r\n" + b"x" * 400


def test_nobody_listens_upstream(house, room):
    port = harness.free_port()
    provider = room.add_provider({p: (port, "implicit") for p in PROTOCOLS})
    room.add_mailbox("nobody@contoso.example", provider, "nobody")
    for protocol in PROTOCOLS:
        wire, answer = knock(room, protocol, "nobody")
        with wire:
            assert answer.startswith(UNAVAILABLE[protocol]) and goes_on(wire, protocol)
    event = room.gateway.wait_event("bridge.refused", mailbox="nobody@contoso.example")
    assert event["finding"] == "net.connect"


# -- Upstream talks nonsense

GARBAGE = {
    "HTTP": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.2p1\r\n",
    "octets": bytes(range(256)) * 16 + b"\r\n",
    "NULs": b"\0" * 10000,
    "line without an end": b"* OK " + b"x" * (3 << 20),
    "many lines": b"* 1 EXISTS\r\n" * 100000,
    "literal of 4 GB": b"* OK {4294967295}\r\n" + b"y" * (1 << 20),
    "no": b"* BYE go away\r\n",
    "lines of answers": b"+OK\r\n+OK\r\n+OK\r\n",
    "empty lines": b"\r\n" * 10000,
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_for_a_greeting(house, room, protocol, name):
    def talk(c):
        c.send(GARBAGE[name])
    if protocol == "pop3" and name == "lines of answers":
        pytest.skip("that is how POP3 begins")
    house.scripts[protocol].talk = talk
    before = len(refusals(room))
    wire, answer = knock(room, protocol)
    with wire:
        assert answer.startswith((UNAVAILABLE[protocol], FOR_A_PERSON[protocol])), answer
        assert goes_on(wire, protocol)
    assert until(lambda: refusals(room)[before:], "a refusal in the log")[-1]["finding"]


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_for_an_answer_to_the_sign_in(house, room, name):
    def talk(c):
        c.send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] ready\r\n")
        c.line()
        c.send(GARBAGE[name])
    house.scripts["imap"].talk = talk
    wire, answer = knock(room, "imap")
    with wire:
        assert answer.startswith(UNAVAILABLE["imap"]), answer


def test_a_literal_of_four_gigabytes_costs_nothing(house, room):
    """It passes, as far as it comes: the client asked for it."""
    size = 30 << 20

    def talk(c):
        c.send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] ready\r\n")
        c.send(c.line().split()[0] + " OK [CAPABILITY IMAP4rev1] in\r\n")
        c.line()
        c.send("* 1 FETCH (BODY[] {4294967295}\r\n")
        for _ in range(size >> 20):
            c.send(b"z" * (1 << 20))
    house.scripts["imap"].talk = talk
    before = mail_in.memory_kib(mail_in.processes(room.gateway))
    wire, answer = knock(room, "imap")
    with wire:
        wire.send("a2 FETCH 1 BODY[]\r\n")
        said = wire.rest()
    assert len(said) == len(b"* 1 FETCH (BODY[] {4294967295}\r\n") + size
    assert mail_in.memory_kib(mail_in.processes(room.gateway)) - before < 12 << 10


# -- Upstream says nothing

@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("step", ["greeting", "answer"])
def test_upstream_says_nothing(house, room, protocol, step):
    reached = []

    def talk(c):
        if step == "answer":
            c.send({"imap": "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] ready\r\n", "pop3": "+OK ready\r\n",
                    "smtp": "220 ready\r\n"}[protocol])
            c.line()
        reached.append(True)
        c.hang()
    house.scripts[protocol].talk = talk
    wire = room.wire(protocol)
    wire.line()
    password = room.passwords["scripted"]
    if protocol == "imap":
        wire.send(f"a1 LOGIN scripted {password}\r\n")
    elif protocol == "pop3":
        wire.say("USER scripted")
        wire.send(f"PASS {password}\r\n")
    else:
        import base64
        wire.send("EHLO client.test\r\n")
        while wire.line()[3:4] == b"-":
            pass
        wire.send("AUTH PLAIN " + base64.b64encode(f"\0scripted\0{password}".encode()).decode() + "\r\n")
    with wire:
        until(lambda: reached, "the way to the upstream")
        house.world.clock.advance(100)
        answer = wire.line()
        assert answer.startswith(UNAVAILABLE[protocol]), answer


def test_upstream_never_ends_the_handshake(house, room):
    hole = socket.create_server(("127.0.0.1", 0))
    provider = room.add_provider({"imap": (hole.getsockname()[1], "implicit")})
    room.add_mailbox("hole@contoso.example", provider, "hole")
    with room.wire("imap") as wire:
        wire.line()
        wire.send(f"a1 LOGIN hole {room.passwords['hole']}\r\n")
        visitor = hole.accept()[0]
        assert visitor.recv(1)
        house.world.clock.advance(100)
        assert wire.line().startswith(UNAVAILABLE["imap"])
        visitor.close()
    hole.close()


# -- Upstream is not who it should be

@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_wrong_certificate_gets_no_token(house, room, protocol, tmp_path):
    foreign = peers.Certificates(types.SimpleNamespace(dir=tmp_path))
    said = []

    def talk(c):
        said.append(c.line())
    other = peers.Script(talk, foreign)
    name = f"foreign-{protocol}@contoso.example"
    room.add_mailbox(name, room.add_provider({protocol: (other.port, "implicit")}), f"foreign-{protocol}")
    issued = house.identity.issued
    wire, answer = knock(room, protocol, f"foreign-{protocol}")
    with wire:
        assert answer.startswith(FOR_A_PERSON[protocol]) and b"certificate" in answer.lower(), answer
    assert room.gateway.wait_event("bridge.refused", mailbox=name)["finding"] == "tls.certificate"
    assert not said and house.identity.issued == issued
    other.close()


def test_no_starttls_upstream_means_no_token(house, room):
    said = []

    def talk(c):
        c.send("* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR] ready\r\n")
        while True:
            said.append(c.line())
            c.send(f"* CAPABILITY IMAP4rev1 AUTH=XOAUTH2\r\n{said[-1].split()[0]} OK done\r\n")
    plain = peers.Script(talk)
    room.add_mailbox("plain@contoso.example", room.add_provider({"imap": (plain.port, "starttls")}), "plain")
    wire, answer = knock(room, "imap", "plain")
    with wire:
        assert answer.startswith(b"a1 NO ["), answer
    assert room.gateway.wait_event("bridge.refused", mailbox="plain@contoso.example")["finding"] == "imap.starttls-missing"
    assert not any("AUTHENTICATE" in line for line in said)
    plain.close()


def test_a_token_that_upstream_refuses_is_renewed_once(house, room):
    before = house.identity.issued
    house.identity.live.clear()
    with room.imap_wire() as wire:
        assert wire.imap("a2 NOOP")
    assert house.identity.issued == before + 1


# -- The client is the trouble

def test_a_client_that_stops_reading_costs_bounded_memory(house, room):
    edges = mail_in.processes(room.gateway)
    with room.imap_wire() as wire:
        wire.imap("a1 SELECT INBOX")
        before = mail_in.memory_kib(edges)
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        wire.send("a2 FETCH 2 BODY.PEEK[]\r\n")
        stalled(house.dovecot, wire.socket)
        assert mail_in.memory_kib(edges) - before < 6 << 10
        answer = wire.answer("a2")
        assert wire.last.startswith(b"a2 OK")
    assert house.dovecot.stored(MAILBOX)[1] in answer


def stalled(dovecot, sock):
    """Nothing has arrived for a while: every buffer on the way is full."""
    import fcntl
    import struct
    import termios

    def waiting():
        return struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.FIONREAD, b"\0" * 4))[0]
    seen, since = 0, time.monotonic()

    def is_still():
        nonlocal seen, since
        now = waiting()
        if now != seen:
            seen, since = now, time.monotonic()
        return seen > 0 and time.monotonic() - since > 0.7
    until(is_still, "the stream to stop")


def test_a_client_that_stops_reading_while_it_writes(house, room):
    """Pipelines far more than the buffers hold and reads nothing; then reads all of it."""
    count = 20000
    with room.imap_wire() as wire:
        wire.socket.setblocking(False)
        data = b"".join(b"n%d NOOP\r\n" % n for n in range(count))
        sent = received = 0
        said = []
        end = time.monotonic() + 60
        while sent < len(data) and time.monotonic() < end:
            try:
                sent += wire.socket.send(data[sent:sent + 65536])
            except BlockingIOError:  # both ways are full: read a little
                try:
                    said.append(wire.socket.recv(65536))
                except BlockingIOError:
                    time.sleep(0.001)
        wire.socket.setblocking(True)
        while b"n%d OK" % (count - 1) not in b"".join(said[-3:]):
            said.append(wire.socket.recv(1 << 20))
            assert said[-1]
        received = b"".join(said)
    assert received.count(b" OK NOOP completed") == count


def test_a_client_that_goes_away_in_the_middle(house, room):
    for how in ("close", "reset"):
        wire = room.imap_wire()
        wire.imap("a1 SELECT INBOX")
        wire.send("a2 FETCH 2 BODY.PEEK[]\r\n")
        wire.file.read(100000)
        if how == "reset":
            import struct
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wire.close()


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_tls_spoken_to_a_plain_port(room, protocol):
    before = len(room.gateway.events("session.tls-on-plain"))
    with socket.create_connection(("127.0.0.1", room.port(protocol)), 10) as raw:
        with pytest.raises((ssl.SSLError, OSError)):
            ssl.create_default_context().wrap_socket(raw, server_hostname="localhost")
    event = until(lambda: room.gateway.events("session.tls-on-plain")[before:], "a word in the log")[0]
    assert event["finding"] == f"{protocol}.client.tls-on-plain"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_words_spoken_to_a_tls_port(room, protocol):
    with Wire(room.port(protocol, "implicit")) as wire:
        wire.send({"imap": "a1 CAPABILITY\r\n", "pop3": "CAPA\r\n", "smtp": "EHLO client.test\r\n"}[protocol])
        said = wire.rest()  # an alert at most, and an end
        assert b"OK" not in said


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_http_spoken_to_a_mail_port(room, protocol):
    with room.wire(protocol) as wire:
        wire.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        said = wire.rest()
        assert b"not HTTP" in said


NONSENSE = {
    "imap": [b"", b"a1", b"\0\0\0\0", b"a1 LOGIN \0 \0", b"a1 LOGIN {99999999999}", b"a1 LOGIN {4294967295+}", b"a1 LOGIN", b"a1 LOGIN x",
             b"* OK", b"a1 AUTHENTICATE NONSENSE", b"a1 AUTHENTICATE PLAIN !!!!", b"a1 AUTHENTICATE PLAIN =", b"\xff\xfe\xfd",
             b"a1 FETCH 1 BODY[]", b"a1 STARTTLS", b'a1 LOGIN "unfinished', b"{5}", b"a1 {5}"],
    "pop3": [b"", b"\0", b"USER", b"PASS x", b"RETR 1", b"AUTH", b"AUTH NONSENSE", b"AUTH PLAIN !!!!", b"STLS", b"\xff\xfe", b"APOP a b",
             b"USER \0", b"QUIT NOT", b"STAT", b"UIDL 99999999999999999999"],
    "smtp": [b"", b"\0", b"AUTH", b"AUTH PLAIN !!!!", b"MAIL FROM:<a@b.example>", b"RCPT TO:<a@b.example>", b"DATA", b"STARTTLS", b"\xff",
             b"BDAT 99999999999 LAST", b"EHLO"],
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nonsense_before_the_sign_in(room, protocol):
    """Each is answered or ends the session; whoever goes on afterwards may still sign in."""
    for nonsense in NONSENSE[protocol]:
        with room.wire(protocol) as wire:
            wire.line()
            wire.send(nonsense + b"\r\n")
            wire.send(b"*\r\n")  # ends an exchange, if one began
            wire.socket.shutdown(socket.SHUT_WR)
            wire.rest()
    with getattr(room, f"{protocol}_wire")() if protocol != "smtp" else room.smtp():
        pass


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_line_without_an_end_before_the_sign_in(room, protocol):
    edges = mail_in.processes(room.gateway)
    before = mail_in.memory_kib(edges)
    with room.wire(protocol) as wire:
        wire.line()
        try:
            for _ in range(64):
                wire.send(b"x" * 65536)
        except OSError:
            pass  # it was cut off
        assert mail_in.memory_kib(edges) - before < 4 << 10


def test_over_long_lines_after_the_sign_in_are_upstreams_matter(room):
    with room.imap_wire() as wire:
        wire.send(b"a1 SEARCH TEXT " + b"x" * 7000 + b"\r\n")
        wire.answer("a1")
        wire.send(b"a2 NOOP \0\r\n")  # Dovecot's to answer
        wire.line()


def test_too_many_mistakes_end_the_session(room):
    with room.wire("imap") as wire:
        wire.line()
        for number in range(30):
            wire.send(f"x{number} FROBNICATE\r\n")
        assert b"* BYE" in wire.rest()
    assert room.gateway.wait_event("session.errors")


def test_many_who_say_nothing_are_let_go(house, room):
    wires = [room.wire(p) for p in PROTOCOLS for _ in range(20)]
    for wire in wires:
        wire.line()
    house.world.clock.advance(70)
    for wire in wires:
        wire.rest()
        wire.close()


def test_an_edge_that_is_killed_ends_only_its_sessions(house):
    """Last here, as it restarts a role."""
    room = house.room
    pids = mail_in.processes(room.gateway)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    until(lambda: not set(mail_in.processes(room.gateway)) & set(pids) and len(mail_in.processes(room.gateway)) == len(pids), "new edges")
    with until(lambda: try_imap(room), "a session with the new edge") as wire:
        assert wire.imap("a1 NOOP")


def try_imap(room):
    try:
        return room.imap_wire()
    except (OSError, AssertionError):
        return None
