"""Strangers, mistakes and bad days: each gets a precise answer, and nothing acknowledged is lost."""
import os
import re
import shutil
import socket
import ssl
import subprocess

import pytest

from harness import BIN, Gateway, Tenant, letter, until


class Wire:
    """A raw SMTP connection that can be as rude as it likes."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.file = self.socket.makefile("rb")
        self.banner = self.reply()

    def send(self, data):
        self.socket.sendall(data)

    def reply(self):
        lines = []
        while True:
            line = self.file.readline()
            if not line:
                return lines and b"".join(lines).decode() or None
            lines.append(line)
            if line[3:4] != b"-":
                return b"".join(lines).decode()

    def say(self, data):
        self.send(data + b"\r\n")
        return self.reply()

    def close(self):
        self.file.close()
        self.socket.close()


@pytest.fixture
def wire(tenant):
    tenant.gateway.cli("app", "set", "erp", "--from", "127.0.0.1/32")
    w = Wire(tenant.gateway.port)
    w.tenant = tenant
    yield w
    w.close()


def begin(wire):
    assert wire.say(b"EHLO client.test").startswith("250")
    assert wire.say(b"MAIL FROM:<shop@contoso.example>").startswith("250")
    assert wire.say(b"RCPT TO:<alice@contoso.example>").startswith("250")


@pytest.mark.parametrize("command, code", [
    (b"FROBNICATE", "500"), (b"", "500"), (b"MAIL FROM:<a@b.example>", "503"), (b"EHLO", "501"), (b"RCPT TO:<x@y.example>", "503"),
    (b"DATA", "503"), (b"X" * 5000, "500"), (b"NOOP \x00\xff", "5"), (b"STARTTLS", "5"), (b"AUTH CRAM-MD5", "50"), (b"VRFY root", "252"),
])
def test_commands_that_make_no_sense(wire, command, code):
    assert wire.say(command).startswith(code)
    assert wire.say(b"NOOP").startswith("250"), "the session goes on"


FALSE_ENDS = [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n", b"\n.\r", b"\r\n\0.\r\n"]


@pytest.mark.parametrize("end", FALSE_ENDS)
def test_no_false_end_of_data_splits_a_message(wire, end):
    begin(wire)
    assert wire.say(b"DATA").startswith("354")
    wire.send(b"Subject: outer\r\nFrom: shop@contoso.example\r\n\r\nfirst" + end +
              b"MAIL FROM:<shop@contoso.example>\r\nRCPT TO:<bob@contoso.example>\r\nDATA\r\nsmuggled\r\n.\r\n")
    assert wire.reply().startswith("5"), "bare CR, LF or NUL is refused, as one message"
    # What looked like commands was part of the refused message, up to its real end.
    assert wire.say(b"NOOP").startswith("250")
    assert not wire.tenant.gateway.json("queue", "list")["items"]


def test_too_large_is_refused_by_its_announced_size(wire):
    wire.say(b"EHLO client.test")
    assert wire.say(b"MAIL FROM:<shop@contoso.example> SIZE=999999999999").startswith("552")


def test_too_large_is_refused_at_once_when_it_was_not_announced(world):
    tenant = Tenant(world, extra="limits: { message-size: 1M }\n")
    tenant.gateway.cli("app", "set", "erp", "--from", "127.0.0.1/32")
    wire = Wire(tenant.gateway.port)
    begin(wire)
    assert wire.say(b"DATA").startswith("354")
    for _ in range(1100):
        wire.send(b"x" * 1022 + b"\r\n")
    assert wire.say(b".").startswith("552")
    wire.close()


def test_tls_spoken_to_a_plain_port(wire):
    context = ssl.create_default_context()
    with socket.create_connection(("127.0.0.1", wire.tenant.gateway.port), 10) as raw:
        with pytest.raises((ssl.SSLError, OSError)):
            context.wrap_socket(raw, server_hostname="localhost")
    wire.tenant.gateway.wait_event("session.tls-on-plain")


def test_a_client_that_dribbles_gets_its_turn(wire):
    for byte in b"EHLO client.test\r\n":
        wire.send(bytes([byte]))
    assert wire.reply().startswith("250")


def test_a_client_that_stops_is_let_go(world):
    tenant = Tenant(world, extra="limits: { session-idle: 30s }\n")
    wire = Wire(tenant.gateway.port)
    wire.say(b"EHLO client.test")
    world.clock.advance(31)
    assert wire.reply().startswith("421")
    assert wire.reply() is None


def test_wrong_password_and_no_password(tenant):
    wire = Wire(tenant.gateway.port)
    wire.say(b"EHLO client.test")
    assert wire.say(b"MAIL FROM:<shop@contoso.example>").startswith("530")
    import base64
    answer = wire.say(b"AUTH PLAIN " + base64.b64encode(b"\0erp\0tried-in-vain"))
    assert answer.startswith("535 5.7.8")
    unknown = wire.say(b"AUTH PLAIN " + base64.b64encode(b"\0nobody\0tried-in-vain"))
    assert unknown == answer, "an unknown app sounds like a wrong password"
    assert "tried-in-vain" not in (tenant.gateway.state / "events.jsonl").read_text()
    wire.close()


def test_a_sender_that_is_not_allowed_is_told_what_is(wire):
    wire.say(b"EHLO client.test")
    answer = wire.say(b"MAIL FROM:<ceo@contoso.example>")
    assert answer.startswith("550 5.7.1") and "shop@contoso.example" in answer


def test_a_header_sender_that_is_not_allowed(wire):
    begin(wire)
    assert wire.say(b"DATA").startswith("354")
    assert wire.say(b"From: ceo@contoso.example\r\nSubject: x\r\n\r\nx\r\n.").startswith("550 5.7.1")


@pytest.mark.parametrize("text, where", [
    ("state: /tmp/x\nlisteners:\n  - { protocol: smtp, adress: '127.0.0.1:0' }\n", r":3:\d+"),
    ("state: [", r":\d+:\d+"),
    ("state: /tmp/x\nqueue: { lifetime: soon }\n", r":2:\d+"),
    ("listeners:\n  - { protocol: gopher, address: '127.0.0.1:0' }\n", r":2:\d+"),
    ("listeners:\n  - { protocol: smtp, address: '127.0.0.1:0', tls: implicit, certificate: /none.pem, key: /none.key }\n", r":2:\d+"),
])
def test_a_broken_configuration_is_pointed_at(world, text, where):
    config = world.file("broken.yaml", text)
    done = subprocess.run([BIN, "check", "-c", str(config)], capture_output=True, text=True)
    assert done.returncode == 1
    assert re.search(re.escape(str(config)) + where, done.stdout + done.stderr), done.stdout + done.stderr
    config.write_text(text + f"user: {Gateway.USER}\n")
    served = subprocess.run([BIN, "serve", "-c", str(config)], capture_output=True, text=True, timeout=30)
    assert served.returncode != 0 and re.search(where, served.stderr)


@pytest.mark.parametrize("text, word", [
    ("name: x\nsmtp: { host: h, port: 70000 }\n", "port"), ("name: x\nsmpt: {}\n", "smpt"), ("{", ""),
    ("name: x\nca-file: /none.pem\nsmtp: { host: h, sasl: plain }\n", "/none.pem"),
])
def test_a_broken_provider_file(gateway, world, text, word):
    done = gateway.cli("provider", "add", world.file("bad.yaml", text), check=False)
    assert done.returncode == 1 and word in done.stdout + done.stderr


def test_a_state_directory_that_cannot_be_used(world):
    file = world.file("not-a-directory", "x")
    gateway = Gateway(world, config=f"state: {file}\n", start=False)
    process = world.run([BIN, "serve", "-c", gateway.config], "refused")
    assert process.child.wait(20) != 0 and str(file) in process.text()


@pytest.mark.skipif(os.getuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_refuses_and_recovers(world):
    disk = world.dir / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)]).returncode != 0:
        pytest.skip("this machine lets nobody mount")
    try:
        tenant = Tenant.__new__(Tenant)
        from harness import Sandbox
        tenant.world, tenant.sandbox = world, Sandbox(world)
        config = Gateway.CONFIG.format(state=disk / "state", user=Gateway.USER, extra="queue: { free-space-min: 2M }\n")
        tenant.gateway = Gateway(world, config=config, start=False)
        tenant.gateway.state = disk / "state"
        tenant.gateway.start()
        tenant.provider = tenant.provider_file(Tenant.NO_LIMITS)
        tenant.add_registration("app")
        tenant.add_mailbox(Tenant.MAILBOX, "app")
        tenant.password = tenant.add_app("erp", Tenant.MAILBOX)
        message = tenant.submit(letter("before"))
        filler = disk / "filler"
        with open(filler, "wb") as f:
            try:
                while True:
                    f.write(b"\0" * 65536)
                    f.flush()
            except OSError:
                pass
        with pytest.raises(AssertionError) as refused:
            while True:
                tenant.submit(letter("full", "x" * 60000))
        assert "452" in str(refused.value) or "4.3.1" in str(refused.value)
        filler.unlink()
        until(lambda: _accepted(tenant), "the queue's opening again")
        tenant.gateway.wait_state(message, "delivered")
        tenant.gateway.stop()
    finally:
        subprocess.run(["umount", "-l", str(disk)])
        shutil.rmtree(disk, ignore_errors=True)


def _accepted(tenant):
    try:
        return tenant.submit(letter("after"))
    except AssertionError:
        return None


def test_1000_open_sessions(tenant):
    g = tenant.gateway
    g.config.write_text(g.config.read_text() + "\nlimits: { sessions-per-host: 1200 }\n")
    g.cli("reload")
    wires = [Wire(g.port) for _ in range(1000)]
    assert all(w.banner.startswith("220") for w in wires)
    tenant.gateway.wait_state(tenant.submit(letter()), "delivered")
    for w in wires:
        w.close()
