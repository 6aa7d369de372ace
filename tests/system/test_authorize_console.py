"""Signing in without a terminal: the console's own callback, Microsoft's fixed page, and a link for the mailbox's owner."""
import json
import subprocess
import urllib.parse

import pytest

from harness import Tenant, letter, until
from test_oauth import browse

MAILBOX = Tenant.MAILBOX


class Person:
    """The API as an administrator on the machine has it, and the console as a stranger sees it."""

    def __init__(self, world, grant="code"):
        self.tenant = Tenant(world, grant=grant)
        self.gateway, self.sandbox = self.tenant.gateway, self.tenant.sandbox
        self.sandbox.set("auto-consent", "on")
        self.stranger = self.gateway.console()
        self.callback = f"http://localhost:{self.stranger.port}/authorize/callback"

    def local(self, method, path, body=None):
        """(status, JSON) over the daemon's Unix socket."""
        done = subprocess.run(["curl", "-sS", "--unix-socket", str(self.gateway.state / "admin.sock"), "-X", method, "-H", "Content-Type: application/json",
                               *(["-d", json.dumps(body)] if body is not None else []), "-w", "\n%{http_code}", f"http://localhost/api/v1/{path}"],
                              capture_output=True, text=True, timeout=60, check=True)
        text, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(text) if text else None

    def authorize(self, method):
        status, started = self.local("POST", f"mailboxes/{MAILBOX}/authorize", {"method": method})
        assert status == 200, started
        return started

    def sign_in(self, url):
        """Where the browser is sent to by the sign-in page."""
        return browse(self.tenant, url, follow=False)

    def land(self, redirected):
        return self.stranger.post("authorizations/land", {"redirected": redirected})

    def link(self):
        status, made = self.local("POST", f"mailboxes/{MAILBOX}/owner-link", {})
        assert status == 200, made
        assert made["url"].startswith("http://127.0.0.1:") and "/owner/" in made["url"] and MAILBOX not in made["url"]
        return made["url"].rsplit("/", 1)[1]

    @property
    def grant(self):
        return self.local("GET", f"mailboxes/{MAILBOX}/grant")[1]


@pytest.fixture
def person(world):
    return Person(world)


def test_the_console_is_the_callback(person):
    started = person.authorize("console")
    assert started["redirect_uri"] == person.callback
    redirected = person.sign_in(started["url"])
    assert redirected.startswith(person.callback + "?")
    page = person.stranger.get(redirected[redirected.index("/authorize/"):])
    assert page.status == 200 and "text/html" in page.headers["Content-Type"], "a stranger gets the page"
    assert person.grant["state"] != "ok", "looking at the page finishes nothing: mail scanners open links, too"
    answer = person.land(redirected)
    assert answer.status == 200 and answer.json["address"] == MAILBOX and answer.json["user"] == MAILBOX
    person.gateway.wait_state(person.tenant.submit(letter()), "delivered")


def test_who_started_it_hears_of_it(person):
    started = person.authorize("console")
    waiting = subprocess.Popen(["curl", "-sS", "--unix-socket", str(person.gateway.state / "admin.sock"),
                                f"http://localhost/api/v1/authorizations/{started['id']}/wait"], stdout=subprocess.PIPE, text=True)
    assert person.land(person.sign_in(started["url"])).status == 200
    out, _ = waiting.communicate(timeout=60)
    assert json.loads(out)["user"] == MAILBOX


def test_another_user_is_said_at_once_and_not_kept(person):
    person.sandbox.set("auto-user", "bob@contoso.example")
    started = person.authorize("console")
    answer = person.land(person.sign_in(started["url"].replace("login_hint=", "ignored_hint=")))
    assert answer.status == 422 and answer.finding == "grant.wrong-user"
    assert "bob@contoso.example" in answer.json["detail"] and MAILBOX in answer.json["detail"] and answer.json["findings"][0]["fix"]
    assert person.grant["state"] != "ok"


def test_a_refusal_of_the_provider_is_said(person):
    started = person.authorize("console")
    state = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(started["url"]).query))["state"]
    query = urllib.parse.urlencode({"error": "access_denied", "error_description": "AADSTS65004: User declined to consent.", "state": state})
    answer = person.land(f"{person.callback}?{query}")
    assert answer.status == 422 and answer.json["findings"]
    status, decided = person.local("GET", f"authorizations/{started['id']}/wait")
    assert status == 422 and decided["findings"], "whoever waits hears it, too"


def test_an_address_of_no_sign_in_changes_nothing(person):
    started = person.authorize("console")
    for query in ["state=somebody-elses&code=x", "code=x", "", "state=&code=x", "state=%00&code=%00"]:
        assert person.land(f"{person.callback}?{query}").status == 422, query
    assert person.land(person.sign_in(started["url"])).status == 200, "the true one still works"


def test_an_address_works_once(person):
    redirected = person.sign_in(person.authorize("console")["url"])
    assert person.land(redirected).status == 200
    assert person.land(redirected).status == 422


def test_signing_in_again_when_the_grant_is_dead(person, world):
    assert person.land(person.sign_in(person.authorize("console")["url"])).status == 200
    person.gateway.wait_state(person.tenant.submit(letter("first")), "delivered")
    person.sandbox.set("revoke", MAILBOX)
    world.clock.advance(2 * 3600)
    message = person.tenant.submit(letter("held"))
    person.gateway.wait_state(message, "held")
    assert person.land(person.sign_in(person.authorize("console")["url"])).status == 200
    person.gateway.wait_state(message, "delivered")  # at once: nobody moves the clock


def test_microsofts_own_page(world):
    person = Person(world, grant="device")
    started = person.authorize("nativeclient")
    assert started["redirect_uri"] == "https://login.microsoftonline.com/common/oauth2/nativeclient"
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(started["url"]).query))
    assert query["redirect_uri"] == started["redirect_uri"]
    status, said = person.local("POST", f"authorizations/{started['id']}/finish", {"redirected": person.sign_in(started["url"])})
    assert status == 200 and said["user"] == MAILBOX, said


def test_an_owner_signs_in_by_a_link(person):
    token = person.link()
    seen = person.stranger.post("owner/look", {"token": token})
    assert seen.status == 200 and seen.json["address"] == MAILBOX and seen.json["ends"]
    assert person.stranger.post("owner/look", {"token": token}).status == 200, "it may be looked at again"
    for more in ({"address": "bob@contoso.example"}, {"redirect_uri": "https://elsewhere.example/"}):
        refused = person.stranger.post("owner/start", {"token": token, "method": "console", **more})
        assert refused.status == 422 and refused.finding == "api.field", "the body chooses neither mailbox nor way back"
    started = person.stranger.post("owner/start", {"token": token, "method": "console"})
    assert started.status == 200 and started.json["redirect_uri"] == person.callback
    assert person.land(person.sign_in(started.json["url"])).json["address"] == MAILBOX
    assert person.grant["state"] == "ok"
    over = person.stranger.post("owner/look", {"token": token})
    assert over.status == 404 and over.finding == "owner.link", "once"


def test_the_command_prints_a_link(person):
    done = person.gateway.cli("mailbox", "link", MAILBOX)
    url = done.stdout.strip()
    assert "\n" not in url and "/owner/" in url and MAILBOX in done.stderr and "console.public-url" in done.stderr
    assert person.stranger.post("owner/look", {"token": url.rsplit("/", 1)[1]}).json["address"] == MAILBOX
    config = person.gateway.config
    text = config.read_text()
    config.write_text(text.replace("console: {", 'console: { public-url: "https://mail.example.org/",'))
    person.gateway.prepare("reload")
    done = person.gateway.cli("mailbox", "link", MAILBOX)
    assert done.stdout.startswith("https://mail.example.org/owner/") and "public-url" not in done.stderr
    config.write_text(text.replace(f'address: "127.0.0.1:{person.stranger.port}"', "address: none"))
    person.gateway.prepare("reload")
    done = person.gateway.cli("mailbox", "link", MAILBOX, check=False)
    assert done.returncode == 1 and "console.address" in done.stderr and not done.stdout


def test_an_owner_uses_a_code(world):
    person = Person(world, grant="device")
    person.sandbox.set("auto-device", "approve")
    token = person.link()
    started = person.stranger.post("owner/start", {"token": token, "method": "device"}).json
    assert started["code"]
    world.clock.advance(6)
    waited = person.stranger.post("owner/wait", {"token": token, "id": started["id"]})
    assert waited.status in (200, 404), waited
    until(lambda: person.grant["state"] == "ok", "the grant")


def test_a_link_is_for_its_own_mailbox_and_sign_in(person):
    person.gateway.prepare("mailbox", "add", "alice@contoso.example", "--registration", "m365", "--grant", "code")
    token = person.link()
    _, other = person.local("POST", "mailboxes/alice@contoso.example/authorize", {"method": "console"})
    answer = person.stranger.post("owner/wait", {"token": token, "id": other["id"]})
    assert answer.status == 422 and answer.finding == "grant.expired"


def test_a_newer_link_ends_the_older_and_time_ends_both(person, world):
    older, newer = person.link(), person.link()
    assert person.stranger.post("owner/look", {"token": older}).status == 404
    assert person.stranger.post("owner/look", {"token": newer}).status == 200
    world.clock.advance(7 * 24 * 3600 + 60)
    assert person.stranger.post("owner/look", {"token": newer}).status == 404


def test_a_link_outlives_a_restart_and_not_its_mailbox(person):
    token = person.link()
    person.gateway.stop()
    person.gateway.start()
    person.stranger = person.gateway.console()
    assert person.stranger.post("owner/look", {"token": token}).status == 200
    person.gateway.prepare("app", "remove", "erp")
    person.gateway.prepare("mailbox", "remove", MAILBOX)
    person.gateway.prepare("mailbox", "add", MAILBOX, "--registration", "m365", "--grant", "code")
    assert person.stranger.post("owner/look", {"token": token}).status == 404


def test_no_link_at_all(person):
    address = person.link().split(".")[0]
    for token in ["", ".", "x", "x" * 5000, address, address + ".", "AA.x", "../../x.y", "A" * 1500 + ".x"]:
        answer = person.stranger.post("owner/look", {"token": token})
        assert answer.status == 404 and answer.finding == "owner.link", token
    for token in (7, None, ["x"]):
        answer = person.stranger.post("owner/look", {"token": token})
        assert answer.status == 422 and answer.finding == "api.field", token
        assert MAILBOX not in answer.text


def test_strangers_get_no_further(person):
    started = person.authorize("console")
    for method, path in [("POST", f"mailboxes/{MAILBOX}/owner-link"), ("POST", f"mailboxes/{MAILBOX}/authorize"), ("GET", "listeners"), ("GET", "findings"),
                         ("GET", f"authorizations/{started['id']}/wait"), ("POST", f"authorizations/{started['id']}/finish")]:
        assert person.stranger(method, path, {} if method == "POST" else None).status == 401, path


def test_what_programs_are_told_is_what_is_open(person):
    _, said = person.local("GET", "listeners")
    assert said["callback"] == person.callback and said["hostname"] == "gateway.test"
    assert [i["protocol"] for i in said["items"]] == ["smtp"] and said["items"][0]["address"].endswith(f":{person.gateway.port}")
