"""A 250 is a promise: roles die in the middle of the work, and nothing that was acknowledged is lost."""
import os
import signal
import smtplib
import threading

import pytest

from harness import Gateway, Tenant, letter, submit_on, until

SESSIONS, EACH = 20, 50


class Load:
    """Sessions that go on whatever happens, and remember what was acknowledged."""

    def __init__(self, tenant):
        self.tenant = tenant
        self.acknowledged = set()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._session, args=(i,)) for i in range(SESSIONS)]
        for t in self.threads:
            t.start()

    def _session(self, number):
        client = None
        for n in range(EACH):
            name = f"s{number}n{n}"
            while True:
                try:
                    client = client or self._connect()
                    submit_on(client, self.tenant.MAILBOX, "alice@contoso.example", letter(name))
                    break
                except (OSError, smtplib.SMTPException, AssertionError):
                    client = None
            with self.lock:
                self.acknowledged.add(name)

    def _connect(self):
        client = self.tenant.gateway.smtp()
        client.ehlo()
        client.login("erp", self.tenant.password)
        return client

    def done(self):
        with self.lock:
            return len(self.acknowledged)

    def finish(self):
        for t in self.threads:
            t.join(120)
            assert not t.is_alive(), f"a session hangs; {self.done()} acknowledged"


def subjects(tenant):
    return {m["subject"] for m in tenant.sandbox.messages()}


@pytest.mark.slow
@pytest.mark.parametrize("role", ["edge", "queue", "relay", "vault", "admin", "inbox"])
def test_a_killed_role_loses_nothing(tenant, role):
    load = Load(tenant)
    for share in (0.2, 0.5):
        until(lambda: load.done() >= SESSIONS * EACH * share, "part of the load", 60)
        before = {r["pid"] for r in tenant.gateway.roles(role)}
        os.kill(before.copy().pop(), signal.SIGKILL)
        until(lambda: tenant.gateway.is_answering() and
              {r["pid"] for r in tenant.gateway.roles(role) if r["state"] == "running"} - before, f"a new {role}")
    load.finish()
    assert len(load.acknowledged) == SESSIONS * EACH
    until(lambda: load.acknowledged <= subjects(tenant), "every acknowledged message's delivery", 120)


@pytest.mark.slow
def test_the_whole_daemon_killed_loses_nothing(tenant):
    load = Load(tenant)
    until(lambda: load.done() >= SESSIONS * EACH * 0.3, "part of the load", 60)
    port = tenant.gateway.port
    tenant.gateway.kill()
    text = tenant.gateway.config.read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}")
    tenant.gateway.config.write_text(text)
    tenant.gateway.start()
    load.finish()
    until(lambda: load.acknowledged <= subjects(tenant), "every acknowledged message's delivery", 120)


def test_a_graceful_stop_keeps_what_waits(tenant):
    tenant.sandbox.set("smtp.auth-tenant", "off")
    message = tenant.submit(letter("waits"))
    tenant.gateway.wait_state(message, "held")
    assert tenant.gateway.stop() == 0
    tenant.gateway.start()
    assert tenant.gateway.message(message)["state"] in ("held", "queued", "deferred", "active")
    tenant.sandbox.set("smtp.auth-tenant", "on")
    tenant.gateway.prepare("queue", "retry", message, check=False)  # it may have gone by itself meanwhile
    tenant.gateway.wait_state(message, "delivered")


def test_200_sessions_cause_one_refresh(world):
    tenant = Tenant(world, grant="app")
    tenant.gateway.wait_state(tenant.submit(letter("first")), "delivered")
    world.clock.advance(2 * 3600)
    before = tenant.sandbox.get("/api/state")["counters"]["token_requests"]
    clients = []
    for _ in range(200):
        client = tenant.gateway.smtp()
        client.ehlo()
        client.login("erp", tenant.password)
        clients.append(client)
    threads = [threading.Thread(target=submit_on, args=(c, tenant.MAILBOX, "alice@contoso.example", letter(f"n{i}")))
               for i, c in enumerate(clients)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    tenant.sandbox.wait_messages(201, 60)
    assert tenant.sandbox.get("/api/state")["counters"]["token_requests"] - before == 1


def test_sendmail_keeps_mail_while_the_daemon_is_away(tenant):
    tenant.gateway.stop()
    done = tenant.gateway.cli("sendmail", "-f", tenant.MAILBOX, "alice@contoso.example", stdin="Subject: kept\n\nwhile away\n")
    assert done.returncode == 0
    tenant.gateway.start()
    assert tenant.sandbox.wait_messages(1)[0]["subject"] == "kept"


def test_reload_drops_no_session_and_a_bad_file_changes_nothing(tenant):
    g = tenant.gateway
    client = g.smtp()
    client.ehlo()
    good = g.config.read_text()
    g.config.write_text(good + "\nnonsense: true\n")
    refused = g.cli("reload", check=False)
    assert refused.returncode == 1 and "nonsense" in refused.stdout + refused.stderr
    g.config.write_text(good.replace('tls: none }', 'tls: none }\n  - { protocol: smtp, address: "127.0.0.1:0", tls: none }'))
    g.cli("reload")
    until(lambda: len(g.ports) == 2, "the second listener")
    assert client.noop()[0] == 250
    with g.smtp(g.ports[1]) as other:
        assert other.ehlo()[0] == 250
    client.quit()


def test_a_second_daemon_on_the_same_state_is_refused(gateway, world):
    second = world.run([gateway.process.child.args[0], "serve", "-c", gateway.config], "second")
    assert second.child.wait(20) != 0
    assert str(gateway.process.child.pid) in second.text() or "already" in second.text()
    assert gateway.is_answering()


def test_a_wrong_master_key_is_a_refusal_and_not_a_loss(tenant, world):
    g = tenant.gateway
    g.stop()
    key = g.state / "master.key"
    kept = key.read_bytes()
    key.write_bytes(os.urandom(len(kept)))
    key.chmod(0o600)
    g.start(wait=False)
    until(lambda: "key" in g.process.text() and "vault" in g.process.text(), "the refusal")
    g.process.stop(signal.SIGTERM)
    key.write_bytes(kept)
    g.start()
    g.wait_state(tenant.submit(letter()), "delivered")


def test_a_first_run_with_hardly_any_configuration(world):
    """Whoever tries it out, root in a container too, gets a running daemon and is told what is not as it should be."""
    gateway = Gateway(world, config=f"state: {world.dir}/state\nlisteners:\n  - {{ protocol: smtp, address: \"127.0.0.1:0\" }}\n")
    with gateway.smtp() as client:
        assert client.ehlo()[0] == 250
    if os.getuid() == 0 and not gateway.events("daemon.root"):
        assert any(f"\nUid:\t{os.getuid()}\t" not in open(f"/proc/{r['pid']}/status").read() for r in gateway.roles("edge"))
