"""Signing in: every grant against the sandbox, and what happens on the bad days of a token endpoint."""
import json
import os
import subprocess
import urllib.parse

import pytest

from harness import BIN, Tenant, letter, until

MAILBOX = Tenant.MAILBOX


class Authorize:
    """`postern mailbox authorize` while it waits for a person."""

    def __init__(self, tenant, *args):
        g = tenant.gateway
        self.child = subprocess.Popen([BIN, "mailbox", "authorize", MAILBOX, *args, "--json", "-c", str(g.config)], text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      env={**os.environ, **tenant.world.env()})
        line = self.child.stdout.readline()
        assert line, self.child.stderr.read()
        self.told = json.loads(line)
        self.url = self.told["url"]

    def end(self, text=None):
        out, err = self.child.communicate(text, timeout=60)
        return self.child.returncode, out + err


def browse(tenant, url, follow=True):
    """What a browser does in the sandbox's automatic mode: follows the redirects to wherever they lead."""
    done = subprocess.run(["curl", "-sS", "--cacert", str(tenant.sandbox.dir / "ca.pem"), *(["-L"] if follow else []), "-o", "/dev/null",
                           "-w", "%{url_effective}\n%{redirect_url}\n%{http_code}", url], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    effective, redirect, code = done.stdout.split("\n")
    return redirect or effective


@pytest.fixture
def person(world):
    """A tenant whose mailbox signs in as a person, and a sandbox that presses the buttons."""
    tenant = Tenant(world, grant="code")
    tenant.sandbox.set("auto-consent", "on")
    return tenant


def test_authorization_code_by_localhost(person):
    a = Authorize(person, "--localhost")
    browse(person, a.url)
    code, said = a.end()
    assert code == 0, said
    until(lambda: not person.gateway.json("status")["needs_person"], "nobody to be needed any more")
    person.gateway.wait_state(person.submit(letter()), "delivered")


def test_the_request_is_as_it_must_be(person):
    a = Authorize(person, "--paste")
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(a.url).query))
    assert query["response_type"] == "code" and query["code_challenge_method"] == "S256" and len(query["code_challenge"]) == 43
    assert query["state"] and query["nonce"] and query["state"] != query["nonce"]
    assert "https://outlook.office.com/SMTP.Send" in query["scope"].split() and "offline_access" in query["scope"].split()
    assert query["login_hint"] == MAILBOX
    a.child.kill()
    a.child.communicate()


def test_authorization_code_by_paste(person):
    a = Authorize(person, "--paste")
    redirected = browse(person, a.url, follow=False)
    code, said = a.end(redirected + "\n")
    assert code == 0, said
    person.gateway.wait_state(person.submit(letter()), "delivered")


def test_a_state_from_elsewhere_is_refused(person):
    a = Authorize(person, "--paste")
    redirected = browse(person, a.url, follow=False)
    parts = urllib.parse.urlsplit(redirected)
    query = dict(urllib.parse.parse_qsl(parts.query), state="somebody-elses")
    code, said = a.end(urllib.parse.urlunsplit(parts._replace(query=urllib.parse.urlencode(query))) + "\n")
    assert code == 1 and "state" in said


def test_a_declined_consent_is_said(person):
    a = Authorize(person, "--localhost")
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(a.url).query))
    refusal = urllib.parse.urlencode({"error": "access_denied", "error_description": "AADSTS65004: User declined to consent.",
                                      "state": query["state"]})
    browse(person, f"{query['redirect_uri']}?{refusal}")
    code, said = a.end()
    assert code == 1 and "access_denied" in said


def test_the_wrong_user_is_said_and_not_kept(person):
    person.sandbox.set("auto-user", "bob@contoso.example")
    a = Authorize(person, "--localhost")
    browse(person, a.url.replace("login_hint=", "ignored_hint="))
    code, said = a.end()
    assert code == 1 and "bob@contoso.example" in said and MAILBOX in said
    assert person.gateway.json("mailbox", "show", MAILBOX)["grant_state"]["state"] != "ok"


def test_device_code(world):
    tenant = Tenant(world, grant="device")
    tenant.sandbox.set("auto-device", "approve")
    a = Authorize(tenant, "--device")
    assert a.told["code"]
    world.clock.advance(6)
    code, said = a.end()
    assert code == 0, said
    tenant.gateway.wait_state(tenant.submit(letter()), "delivered")


def test_device_code_that_nobody_enters_expires(world):
    tenant = Tenant(world, grant="device")
    a = Authorize(tenant, "--device")
    world.clock.advance(1000)
    code, said = a.end()
    assert code == 1 and "expired" in said


def test_certificate_made_by_postern(world):
    tenant = Tenant(world)
    g, r = tenant.gateway, tenant.registration_of("app")
    pem = world.dir / "public.pem"
    g.cli("registration", "add", "cert", "--provider", "sandbox", "--tenant", r["tenant"], "--client-id", r["client_id"],
          "--certificate", "new")
    shown = g.json("registration", "show", "cert")
    assert "PRIVATE" not in json.dumps(shown)
    pem.write_text(shown["certificate_pem"])
    tenant.sandbox.set("certificate", f"{r['client_id']}=@{pem}")
    g.cli("mailbox", "set", MAILBOX, "--registration", "cert")
    g.wait_state(tenant.submit(letter()), "delivered")


def test_refresh_token_rotates_and_outlives_an_outage(person, world):
    a = Authorize(person, "--localhost")
    browse(person, a.url)
    assert a.end()[0] == 0
    person.gateway.wait_state(person.submit(letter("first")), "delivered")
    person.sandbox.set("idp.fault", "503")
    world.clock.advance(2 * 3600)
    message = person.submit(letter("during the outage"))
    until(lambda: person.gateway.message(message)["state"] in ("deferred", "queued") and
          person.gateway.message(message)["recipients"][0]["attempts"] >= 1, "an attempt")
    assert person.gateway.json("mailbox", "show", MAILBOX)["grant_state"]["state"] == "ok", "an outage never costs a grant"
    person.sandbox.set("idp.fault", "none")
    world.clock.advance(3600)
    person.gateway.wait_state(message, "delivered")


@pytest.mark.parametrize("fault", ["empty", "html", "no-access-token", "not-json", "wrong-type", "huge", "close", "429", "500", "503"])
def test_a_token_endpoint_on_a_bad_day(tenant, world, fault):
    tenant.sandbox.set("idp.fault", fault)
    message = tenant.submit(letter())
    until(lambda: tenant.gateway.message(message)["recipients"][0]["attempts"] >= 1, "an attempt")
    assert tenant.gateway.message(message)["state"] in ("deferred", "queued", "active")
    tenant.sandbox.set("idp.fault", "none")
    world.clock.advance(3600)
    tenant.gateway.wait_state(message, "delivered")


def test_a_revoked_grant_holds_the_mail_until_a_person_signs_in(person, world):
    a = Authorize(person, "--localhost")
    browse(person, a.url)
    assert a.end()[0] == 0
    person.gateway.wait_state(person.submit(letter("first")), "delivered")
    person.sandbox.set("revoke", MAILBOX)
    world.clock.advance(2 * 3600)
    message = person.submit(letter("held"))
    held = person.gateway.wait_state(message, "held")
    assert held["recipients"][0]["finding"]
    assert person.gateway.json("status")["needs_person"][0]["address"] == MAILBOX
    again = Authorize(person, "--localhost")
    browse(person, again.url)
    assert again.end()[0] == 0
    person.gateway.wait_state(message, "delivered")


def test_an_expired_secret_is_named(tenant, world):
    tenant.sandbox.set("client.secret", tenant.registration_of("app")["client_id"] + "=expired")
    message = tenant.submit(letter())
    held = tenant.gateway.wait_state(message, "held")
    assert "7000222" in held["recipients"][0]["last"] or "secret" in held["recipients"][0]["last"]


def test_no_secret_is_in_any_log(person):
    a = Authorize(person, "--localhost")
    browse(person, a.url)
    assert a.end()[0] == 0
    person.gateway.wait_state(person.submit(letter()), "delivered")
    secret = person.registration_of("code")["secret"]
    for file in [person.gateway.process.log, *person.gateway.state.glob("events*"), *person.gateway.state.glob("postern.db*")]:
        text = file.read_bytes()
        assert secret.encode() not in text and person.password.encode() not in text, file
        assert b"eyJ0eXAi" not in text and b"refresh_token\":" not in text, file
    for file in person.gateway.state.rglob("*"):
        if file.is_file():
            assert secret.encode() not in file.read_bytes(), file


def test_a_test_that_goes_well_lets_the_mail_go_on(tenant):
    tenant.sandbox.set("smtp.auth-tenant", "off")
    message = tenant.submit(letter())
    tenant.gateway.wait_state(message, "held")
    refused = tenant.gateway.cli("mailbox", "test", MAILBOX, check=False)
    assert refused.returncode == 1 and "SmtpClientAuthenticationDisabled" in refused.stdout + refused.stderr
    tenant.sandbox.set("smtp.auth-tenant", "on")
    tenant.gateway.cli("mailbox", "test", MAILBOX)
    tenant.gateway.wait_state(message, "delivered")
    assert not tenant.gateway.json("status")["needs_person"]
