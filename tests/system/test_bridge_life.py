"""Live sessions over time: limits, refusals, reload and stop, a thousand that idle, and tokens that end."""
import collections
import os
import re
import resource
import selectors
import signal
import socket
import time

import pytest

import harness
import mail_in
import peers
from harness import until
from mail_in import MAILBOX, Room, Wire

OTHER = "other@contoso.example"


def open_room(world, certificates, identity, users, settings):
    dovecot = peers.Dovecot(world, certificates, identity, 1, users=users, password="secret", many=True)
    for user in users:
        dovecot.deliver(user, [harness.letter(f"for {user}")])
    r = Room.of(world, certificates, identity, dovecot, users=users, extra=settings)
    r.dovecot = dovecot
    return r


@pytest.fixture
def room(world, certificates, identity, request):
    return open_room(world, certificates, identity, [MAILBOX, OTHER], getattr(request, "param", Room.ROOMY))


@pytest.fixture
def house(world, certificates, identity):
    """Forty mailboxes: with one alone, Dovecot has more than twice the work, for the files that its sessions share."""
    users = [MAILBOX, *(f"user{n}@contoso.example" for n in range(1, 40))]
    return open_room(world, certificates, identity, users, Room.ROOMY + "limits: {{ sessions: 4000, sessions-per-host: 4000 }}\n")


def knock(room, protocol="imap", user="erp", password=None):
    """Signs in; the wire, and the answer to the sign-in."""
    wire = room.wire(protocol)
    greeting = wire.line()
    password = password or room.passwords.get(user, "none")
    if protocol == "imap":
        if greeting.startswith(b"* BYE"):
            return wire, greeting
        wire.send(f"a1 LOGIN {user} {password}\r\n")
        return wire, wire.line()
    if greeting.startswith(b"-ERR"):
        return wire, greeting
    wire.say(f"USER {user}")
    return wire, wire.say(f"PASS {password}")


# -- Who is not let in

def test_wrong_passwords(room):
    issued = room.identity.issued
    for user, password in (("erp", "wrong"), ("nobody", "wrong"), (MAILBOX, "wrong"), (f"erp%{OTHER}", room.password)):
        wire, answer = knock(room, user=user, password=password)
        with wire:
            assert answer.startswith((b"a1 NO [AUTHENTICATIONFAILED] ", b"a1 NO [AUTHORIZATIONFAILED] ")), answer
            wire.imap(f"a2 LOGIN erp {room.password}")
            assert wire.last.startswith(b"a2 OK"), "the right one still opens it"
    wire, answer = knock(room, "pop3", "erp", "wrong")
    with wire:
        assert answer.startswith(b"-ERR [AUTH] ")
    with pytest.raises(Exception, match="535"):
        room.passwords["bad"] = "wrong"
        room.smtp(user="bad")
    assert room.identity.issued <= issued + 1, "only the right one asks for a token"
    assert len(room.gateway.events("login.failed")) >= 5


def test_an_app_is_held_to_its_protocols_and_addresses(room):
    g = room.gateway
    room.add_app("pop", MAILBOX, options=["--allow", "pop3"])
    room.add_app("away", MAILBOX, options=["--from", "192.0.2.0/24", "--only-from"])
    wire, answer = knock(room, user="pop")
    with wire:
        assert answer.startswith(b"a1 NO [AUTHORIZATIONFAILED] "), answer
    wire, answer = knock(room, "pop3", "pop")
    with wire:
        assert answer.startswith(b"+OK")
    wire, answer = knock(room, "pop3", "away")
    with wire:
        assert answer.startswith(b"-ERR [")
    g.cli("mailbox", "set", MAILBOX, "--protocols", "smtp")
    wire, answer = knock(room, "pop3", "pop")
    with wire:
        assert answer.startswith(b"-ERR [SYS/PERM] "), answer
    event = g.wait_event("bridge.refused", mailbox=MAILBOX)
    assert event["finding"] and f"set {MAILBOX} --protocols smtp pop3" in event["text"]


def test_a_mailbox_that_needs_a_person_says_so_in_a_line(room):
    """The provider's word is a refusal: the program reads the cause, and the log what is to be done."""
    answers = {}

    def refuse(method, path, form):
        return 401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."}
    stub = peers.HttpStub(refuse, room.certificates)
    provider = room.world.file("other.yaml", mail_in.PROVIDER.format(
        name="refusing", token=f"https://127.0.0.1:{stub.port}/token", ca=room.certificates.ca,
        servers="\n".join(f"{p}: {{ host: localhost, port: {room.dovecot.ports[n]}, tls: implicit, sasl: xoauth2 }}"
                          for p, n in (("imap", "imaps"), ("pop3", "pop3s")))))
    room.gateway.add_provider(provider)
    room.add_mailbox("person@contoso.example", "refusing", "person")
    for protocol, words in (("imap", b"a1 NO [UNAVAILABLE] "), ("pop3", b"-ERR [SYS/PERM] ")):
        wire, answers[protocol] = knock(room, protocol, "person")
        with wire:
            assert answers[protocol].startswith(words), answers
            assert b"person@contoso.example" in answers[protocol] and b"secret" in answers[protocol].lower()
    event = room.gateway.wait_event("bridge.refused", mailbox="person@contoso.example")
    assert event["finding"] and event["fix"] and event["who"]
    stub.close()


# -- How many

@pytest.mark.parametrize("room", ["bridge: {{ sessions-per-app: 3, sessions-per-mailbox: 2 }}\nlimits: {{ edges: 1 }}\n"], indirect=True)
def test_limits_per_app_and_mailbox(room):
    room.add_app("third", MAILBOX, OTHER)
    two = [room.imap_wire(), room.pop3_wire()]
    wire, answer = knock(room)
    with wire:
        assert answer.startswith(b"a1 NO [LIMIT] "), answer
    wire, answer = knock(room, "pop3")
    with wire:
        assert answer.startswith(b"-ERR [IN-USE] "), answer
    with room.imap_wire(user="erp1"):
        pass  # another mailbox has room of its own
    two[0].close()
    until(lambda: (again := knock(room))[1].startswith(b"* CAPABILITY") or again[1].startswith(b"a1 OK"), "room for another session")
    for wire in two[1:]:
        wire.close()


@pytest.mark.parametrize("room", ["limits: {{ sessions: 20, sessions-per-host: 3, edges: 1 }}\n"], indirect=True)
def test_limits_per_address(room):
    wires = [room.imap_wire() for _ in range(3)]
    with room.wire("imap") as fourth:
        assert fourth.line().startswith(b"* BYE ")
    with room.wire("pop3") as fourth:
        assert fourth.line().startswith(b"-ERR ")
    assert all(w.imap("n1 NOOP") for w in wires), "those that are there stay"
    for w in wires:
        w.close()
    until(lambda: try_imap(room), "room again").close()


def try_imap(room):
    try:
        return room.imap_wire()
    except (OSError, AssertionError):
        return None


# -- Clocks

def test_nobody_waits_for_ever_before_the_sign_in(room):
    with room.wire("imap") as imap, room.wire("pop3") as pop3:
        imap.line(), pop3.line()
        room.world.clock.advance(61)
        assert imap.line().startswith(b"* BYE ") and imap.line() == b""
        assert pop3.line().startswith(b"-ERR ") and pop3.line() == b""


def test_an_idle_session_is_ended_with_a_word(room):
    with room.imap_wire() as imap, room.pop3_wire() as pop3:
        imap.imap("n1 NOOP")
        room.world.clock.advance(11 * 60)
        assert pop3.rest() in (b"", b"-ERR [SYS/TEMP] Nothing was said for too long\r\n")
        assert imap.imap("n2 NOOP"), "IMAP may rest for half an hour: RFC 9051 5.4"
        room.world.clock.advance(36 * 60)
        assert imap.rest().startswith(b"* BYE ")


# -- Reload and stop

def test_reload_keeps_sessions_and_opens_new_listeners(room):
    with room.imap_wire() as wire, room.pop3_wire() as pop3:
        wire.imap("a1 SELECT INBOX")
        text = room.gateway.config.read_text()
        room.gateway.config.write_text(text.replace("listeners:\n", 'listeners:\n  - { protocol: imap, address: "127.0.0.1:0", tls: none }\n'))
        before = len(room.gateway.ports)
        room.gateway.process.child.send_signal(signal.SIGHUP)
        until(lambda: len(room.gateway.ports) == before + 1, "the new listener")
        assert b"BODY[]" in wire.imap("a2 FETCH 1 BODY.PEEK[]")
        assert pop3.say("STAT").startswith(b"+OK 1 ")
        with Wire(room.gateway.ports[0]) as new:
            assert new.line().startswith(b"* OK") and new.imap(f"l1 LOGIN erp {room.password}") and new.last.startswith(b"l1 OK")


def test_stop_says_goodbye(room):
    with room.imap_wire() as idle, room.imap_wire() as resting, room.pop3_wire() as pop3, room.wire("imap") as knocking:
        idle.imap("a1 SELECT INBOX")
        idle.say("a2 IDLE")
        resting.imap("a1 NOOP")
        knocking.line()
        assert room.gateway.stop() == 0
        assert b"* BYE " in idle.rest() and resting.rest().startswith(b"* BYE ") and knocking.rest().startswith(b"* BYE ")
        assert pop3.rest().startswith(b"-ERR [SYS/TEMP] ")


def test_a_dead_vault_leaves_open_sessions_alone(room):
    with room.imap_wire() as wire, room.pop3_wire() as pop3:
        [vault] = mail_in.processes(room.gateway, "vault")
        os.kill(vault, signal.SIGKILL)
        assert b"a1 OK" in wire.imap("a1 SELECT INBOX")
        until(lambda: try_imap(room), "sign-ins again").close()
        room.pop3_wire().close()
        assert b"BODY[]" in wire.imap("a2 FETCH 1 BODY.PEEK[]") and pop3.say("STAT").startswith(b"+OK 1 ")


# -- Many

@pytest.mark.slow
def test_a_thousand_idle_sessions(house):
    room = house
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    crowd = Crowd(room, 1000)
    try:
        crowd.drive(lambda: crowd.count("idling") == 1000, 120)
        begin = len(room.gateway.events("bridge.open"))
        assert begin >= 1000
        with room.imap_wire() as wire:  # there is still room for one who works
            assert b"BODY[]" in wire.imap("f0 EXAMINE INBOX") + wire.imap("f1 FETCH 1 BODY.PEEK[]")
        for user in room.dovecot.users:
            room.dovecot.deliver(user, [harness.letter("to everybody")])
        crowd.drive(lambda: crowd.count("told") == 1000, 120)
    finally:
        crowd.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    until(lambda: len(room.gateway.events("bridge.close")) >= 1000, "the end of them all", 60)


class Crowd:
    """Clients of all the mailboxes that sign in, select, idle, and notice new mail; cheap ones."""

    SAYS = {b"* OK": "l LOGIN {user} {password}\r\n", b"l OK": "s SELECT INBOX\r\n", b"s OK": "i IDLE\r\n"}

    def __init__(self, room, count):
        self.room, self.wanted = room, count
        self.selector = selectors.DefaultSelector()
        self.port = room.port("imap")
        self.states, self.counts = {}, collections.Counter()

    def count(self, state):
        return self.counts[state]

    def enter(self, s, state):
        self.counts[self.states.get(s)] -= 1
        self.counts[state] += 1
        self.states[s] = state

    def drive(self, is_done, seconds):
        end = time.monotonic() + seconds
        while not is_done():
            assert time.monotonic() < end, f"{len(self.states)} connected, {self.count('idling')} idle, {self.count('told')} told"
            busy = len(self.states) - self.count("idling") - self.count("told")
            while len(self.states) < self.wanted and busy < 30:
                user, password = list(self.room.passwords.items())[len(self.states) % len(self.room.passwords)]
                s = socket.create_connection(("127.0.0.1", self.port))
                self.enter(s, "new")
                self.selector.register(s, selectors.EVENT_READ, (bytearray(), {"user": user, "password": password}))
                busy += 1
            for key, _ in self.selector.select(0.2):
                self.hear(key.fileobj, *key.data)

    def hear(self, s, buffer, who):
        data = s.recv(65536)
        assert data, f"a session was lost; it heard {bytes(buffer)[-300:]}"
        buffer += data
        while b"\r\n" in buffer:
            line, _, rest = bytes(buffer).partition(b"\r\n")
            buffer[:] = rest
            if self.states[s] == "new" and line.startswith(b"* OK") and b"ready" in line or line[:4] in (b"l OK", b"s OK"):
                s.sendall(self.SAYS[line[:4]].format(**who).encode())
            elif line.startswith(b"+"):
                self.enter(s, "idling")
            elif line.endswith(b"EXISTS") and self.states[s] == "idling":
                self.enter(s, "told")
            else:
                assert not re.match(rb"\w (NO|BAD)|\* BYE", line), line

    def close(self):
        for s in self.states:
            s.close()


# -- Tokens, at the sandbox: it ends sessions as Exchange Online does

LISTENERS = """\
  - { protocol: imap, address: "127.0.0.1:0", tls: none }
  - { protocol: pop3, address: "127.0.0.1:0", tls: none }
bridge: { imap-idle: 3h }
"""


@pytest.fixture
def tenant(world):
    return harness.Tenant(world, grant="app", extra=LISTENERS)


def tenant_wire(tenant, user="erp", password=None):
    wire = Wire(tenant.gateway.ports[1])
    assert wire.line().startswith(b"* OK")
    wire.imap(f"l1 LOGIN {user} {password or tenant.password}")
    return wire


def lifetime_s(tenant):
    """The sandbox's tokens live for 60 to 90 minutes, as Microsoft's do."""
    return tenant.gateway.wait_event("token.renewed")["lifetime"]


@pytest.mark.parametrize("expiry", ["stay", "close"])
def test_a_session_that_outlives_its_token(tenant, world, expiry):
    """BYE with the provider's words; who comes back finds a fresh token."""
    tenant.sandbox.set("imap.idle", "0")
    tenant.sandbox.set("imap.expiry", expiry)
    with tenant_wire(tenant) as wire:
        assert wire.last.startswith(b"l1 OK"), wire.last
        wire.imap("s1 SELECT INBOX")
        assert wire.say("i1 IDLE").startswith(b"+")
        world.clock.advance(lifetime_s(tenant) + 60)
        while not (line := wire.line()).startswith(b"* BYE"):
            assert line
        assert b"AccessTokenExpired" in line
    tenant.gateway.wait_event("bridge.token-expired", mailbox=tenant.MAILBOX)
    with tenant_wire(tenant) as wire:
        assert wire.last.startswith(b"l1 OK"), wire.last
        assert b"s1 OK" in wire.imap("s1 SELECT INBOX")
    assert not tenant.gateway.json("status")["needs_person"]


def test_a_token_near_its_end_is_renewed_before_a_session_starts_on_it(tenant, world):
    with tenant_wire(tenant):
        pass
    before = len(tenant.gateway.events("token.renewed"))
    world.clock.advance(lifetime_s(tenant) - 5 * 60)
    with tenant_wire(tenant) as wire:
        assert b"s1 OK" in wire.imap("s1 SELECT INBOX")
        world.clock.advance(10 * 60)
        assert b"n1 OK" in wire.imap("n1 NOOP"), "the session's token outlives the old one"
    assert len(tenant.gateway.events("token.renewed")) > before


def test_authenticated_but_not_connected_is_explained(tenant):
    tenant.sandbox.set("imap.state", "not-connected")
    with tenant_wire(tenant) as wire:
        assert wire.last.startswith(b"l1 OK")
        assert b"authenticated but not connected" in wire.imap("s1 SELECT INBOX")
    event = tenant.gateway.wait_event("bridge.not-connected", mailbox=tenant.MAILBOX)
    assert event["finding"] == "imap.not-connected" and event["cause"] and event["fix"]


@pytest.mark.parametrize("generation", ["classic", "2026"])
def test_both_generations_of_exchange(tenant, generation):
    tenant.sandbox.set("imap.generation", generation)
    with tenant_wire(tenant) as wire:
        assert wire.last.startswith(b"l1 OK")
        said = wire.imap("c1 CAPABILITY").upper()
        assert b"IMAP4REV2" not in said and b"ENABLE" not in said and b"AUTH=" not in said and b"LOGINDISABLED" not in said
        assert b"UIDPLUS" in said and b"IDLE" in said


def test_mail_sent_comes_back_in(tenant):
    """Out by one side of the gateway, in by the other."""
    tenant.gateway.wait_state(tenant.submit(harness.letter("round trip"), tenant.MAILBOX), "delivered")
    with tenant_wire(tenant) as wire:
        assert b"s1 OK" in wire.imap("s1 SELECT INBOX")
        answer = wire.imap("f1 FETCH 1:* BODY.PEEK[]")
        assert b"Subject: round trip\r\n" in answer
