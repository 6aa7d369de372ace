"""Grants on their bad days: lies in id_tokens, keys that roll, a vault that dies while a token rotates, other providers."""
import base64
import os
import signal
import smtplib
import subprocess

import pytest
import yaml

from harness import BIN, Gateway, Tenant, letter, until
from test_oauth import MAILBOX, Authorize, browse


@pytest.fixture
def person(world):
    tenant = Tenant(world, grant="code")
    tenant.sandbox.set("auto-consent", "on")
    return tenant


def sign_in(tenant):
    a = Authorize(tenant, "--localhost")
    browse(tenant, a.url)
    return a.end()


@pytest.mark.parametrize("lie", ["signature", "issuer", "audience", "nonce", "expired", "tenant", "user", "alg-none"])
def test_an_id_token_that_lies_is_refused_and_nothing_is_kept(person, lie):
    person.sandbox.set("id-token.lie", lie)
    code, said = sign_in(person)
    assert code == 1, said
    assert person.gateway.json("mailbox", "show", MAILBOX)["grant_state"]["state"] != "ok"
    person.sandbox.set("id-token.lie", "none")
    assert sign_in(person)[0] == 0


@pytest.mark.parametrize("older", ["keep", "drop"])
def test_signing_keys_roll_over(person, world, older):
    assert sign_in(person)[0] == 0
    person.sandbox.set("jwks.rollover", older)
    world.clock.advance(600)
    code, said = sign_in(person)
    assert code == 0, said


def goes_out(gateway, clock, message):
    """Delivered; what waits for its next attempt has to wait no longer."""
    state = gateway.message(message)["state"]
    if state == "deferred":
        clock.advance(60)
    return state == "delivered"


def signs_in(tenant):
    """False: told to try again. Nobody is refused for what a new vault does not know yet."""
    with tenant.gateway.smtp() as client:
        client.ehlo()
        try:
            client.login("erp", tenant.password)
        except smtplib.SMTPAuthenticationError as e:
            assert e.smtp_code == 454, e
            return False
    return True


def test_a_vault_that_dies_while_a_token_rotates_keeps_the_grant(person, world):
    assert sign_in(person)[0] == 0
    for n in range(5):
        world.clock.advance(2 * 3600)
        message = person.submit(letter(f"n{n}"))
        before = person.gateway.roles("vault")[0]["pid"]
        os.kill(before, signal.SIGKILL)
        until(lambda: signs_in(person), "signing in")
        until(lambda: person.gateway.is_answering() and (v := person.gateway.roles("vault")[0])["state"] == "running" and
              v["pid"] != before, "a new vault")
        until(lambda: goes_out(person.gateway, world.clock, message), "its delivery")
    assert person.gateway.json("mailbox", "show", MAILBOX)["grant_state"]["state"] == "ok"


def test_a_token_near_its_end_is_renewed_early(person, world):
    person.sandbox.set("token.lifetime", "60m")
    assert sign_in(person)[0] == 0
    before = len(person.gateway.events("token.renewed"))
    world.clock.advance(52 * 60)
    person.gateway.wait_state(person.submit(letter()), "delivered")
    until(lambda: len(person.gateway.events("token.renewed")) > before, "the early renewal")


def other_provider(tenant, file, name, registration, address, *options):
    provider = yaml.safe_load((tenant.sandbox.dir / file).read_text())
    provider["limits"] = Tenant.NO_LIMITS
    path = tenant.world.file(f"{name}.yaml", yaml.safe_dump(provider))
    r = next(r for r in tenant.sandbox.info["registrations"] if r["name"] == registration)
    if file != "provider.yaml":
        tenant.gateway.add_provider(path)
    tenant.gateway.cli("registration", "add", name, "--provider", provider["name"], "--tenant", r["tenant"], "--client-id",
                       r["client_id"], *(["--secret-file", "-"] if r.get("secret") else ["--public"]), stdin=r.get("secret"))
    tenant.gateway.cli("mailbox", "add", address, "--registration", name, *options)
    return r


def authorize(tenant, address):
    g = tenant.gateway
    waiting = subprocess.Popen([BIN, "mailbox", "authorize", address, "-c", str(g.config), "--json"], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **tenant.world.env()})
    import json
    browse(tenant, json.loads(waiting.stdout.readline())["url"])
    out, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, out + err


@pytest.mark.parametrize("sasl", ["xoauth2", "oauthbearer"])
def test_a_provider_like_google(person, sasl):
    """No rotation, one scope for all, a challenge on refusal."""
    text = (person.sandbox.dir / "provider-google.yaml").read_text().replace("sasl: xoauth2", f"sasl: {sasl}")
    (person.sandbox.dir / "provider-google.yaml").write_text(text)
    other_provider(person, "provider-google.yaml", "g", "google", "erin@gmail.example", "--grant", "code")
    authorize(person, "erin@gmail.example")
    password = person.add_app("google-app", "erin@gmail.example")
    message = person.gateway.submit("google-app", password, "erin@gmail.example", "bob@x.example",
                                    letter(sender="erin@gmail.example"))
    person.gateway.wait_state(message, "delivered")


def test_app_only_by_role_assignment(person):
    """RBAC for Applications: the token carries no role, Exchange knows the assignment."""
    other_provider(person, "provider.yaml", "rbac", "rbac", "printer@contoso.example", "--grant", "app")
    password = person.add_app("printer-app", "printer@contoso.example")
    message = person.gateway.submit("printer-app", password, "printer@contoso.example", "alice@contoso.example",
                                    letter(sender="printer@contoso.example"))
    person.gateway.wait_state(message, "delivered")


def test_a_wrong_object_id_is_named_with_its_fix(tenant):
    r = tenant.registration_of("app")
    tenant.sandbox.set("service-principal", f"{r['client_id']}=wrong-object-id")
    held = tenant.gateway.wait_state(tenant.submit(letter()), "held")
    assert "535 5.7.3" in held["recipients"][0]["last"]
    told = tenant.gateway.cli("mailbox", "test", MAILBOX, check=False)
    text = told.stdout + told.stderr
    assert told.returncode == 1 and "New-ServicePrincipal" in text and r["client_id"] in text


def test_the_master_key_is_changed(tenant, world):
    g = tenant.gateway
    key = world.file("new.key", base64.b64encode(os.urandom(32)) + b"\n")
    key.chmod(0o600)
    before = {p.name: p.read_bytes() for p in (g.state / "vault").rglob("*.sealed")}
    g.cli("vault", "rekey", "--key-file", key)
    after = {p.name: p.read_bytes() for p in (g.state / "vault").rglob("*.sealed")}
    assert before and after and not set(before.values()) & set(after.values()), "everything is sealed anew"
    g.stop()
    g.start()
    g.wait_state(tenant.submit(letter()), "delivered")


def test_the_key_comes_as_a_systemd_credential(world):
    credentials = world.dir / "credentials"
    credentials.mkdir()
    (credentials / "postern.key").write_bytes(os.urandom(32))
    (credentials / "postern.key").chmod(0o400)
    world.env = lambda: {"POSTERN_TEST_CLOCK": str(world.clock.path), "HOME": str(world.dir), "CREDENTIALS_DIRECTORY": str(credentials)}
    tenant = Tenant(world, extra="master-key: { source: credential }\n")
    tenant.gateway.wait_state(tenant.submit(letter()), "delivered")
    assert not (tenant.gateway.state / "master.key").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_all_of_it_without_root(world):
    """Started by an ordinary user: everything works, in that user's own directory."""
    import pwd
    nobody = pwd.getpwnam("nobody")
    world.dir.chmod(0o755)
    home = world.dir / "home"
    home.mkdir()
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    config = world.file("plain.yaml", f"state: {home}/state\nconsole: {{ address: none }}\nlisteners:\n  - {{ protocol: smtp, address: \"127.0.0.1:0\" }}\n")
    config.chmod(0o644)
    os.chmod(world.clock.path, 0o644)
    process = world.run(["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", BIN, "serve", "-c", config], "plain")
    process.wait_for_line("postern: ready")
    gateway = Gateway.__new__(Gateway)
    gateway.world, gateway.state, gateway.config, gateway.process = world, home / "state", config, process
    with gateway.smtp() as client:
        assert client.ehlo()[0] == 250
    assert all(f"Uid:\t{nobody.pw_uid}\t" in open(f"/proc/{r['pid']}/status").read() for r in gateway.roles())
