"""Signing in to the console with Entra: who comes in by object, by name and by group; and every answer that must not be believed."""
import base64
import json
import re
import time
import urllib.parse

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

import harness
import peers
from harness import Gateway, Tenant
from test_oauth import browse

SHOP = Tenant.MAILBOX
GROUP = "aaaaaaaa-0000-4000-8000-000000000001"


def arrive(browser, path):
    """The way back; the browser keeps the session's cookie, and lets the other one go."""
    page = browser.get(path)
    cookies = [c.split(";")[0] for c in page.headers.get_all("Set-Cookie") or []]
    browser.cookie = next((c for c in cookies if c.startswith("postern=")), browser.cookie)
    return page


class People(Tenant):
    def __init__(self, world, **settings):
        lines = "".join(f", {name}: {value}" for name, value in settings.items())
        super().__init__(world, grant="code", extra=f"console: {{ entra-registration: m365{lines} }}")
        self.sandbox.set("auto-consent", "on")
        self.sandbox.set("auto-user", SHOP)
        # The redirect URI must be one that Entra takes: localhost, with any port.
        text = self.gateway.config.read_text()
        public = f'public-url: "http://localhost:{self.gateway.console().port}"'
        self.gateway.config.write_text(text.replace("console: {", f"console: {{ {public},", 1))
        self.gateway.cli("reload")

    def begin(self, path="/signin/entra"):
        """A browser that was sent to Entra, and the address there."""
        browser = self.gateway.console()
        sent = browser.get(path)
        assert sent.status == 302, sent
        return browser, sent.headers["Location"]

    def come_back(self, browser, url):
        back = urllib.parse.urlsplit(browse(self, url, follow=False))
        return arrive(browser, f"{back.path}?{back.query}")

    def sign_in(self, path="/signin/entra"):
        browser, url = self.begin(path)
        return browser, self.come_back(browser, url)


@pytest.fixture
def people(world):
    return People(world)


def test_the_request_is_as_it_must_be(people):
    _, url = people.begin()
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
    assert query["scope"].split() == ["openid", "profile", "email"]
    assert query["code_challenge_method"] == "S256" and query["response_type"] == "code"
    assert len(query["nonce"]) == len(query["state"]) == 43 and query["nonce"] != query["state"]
    assert query["redirect_uri"].endswith("/signin/entra/callback")


def test_an_operator_signs_in(people):
    people.gateway.local().put("operators/anna", {"name": "anna", "role": "administrator", "entra_user": SHOP.upper()})
    browser, page = people.sign_in("/signin/entra?back=%2Fmessages%2F1")
    assert page.status == 200 and "url=/messages/1" in page.text, page
    cookies = page.headers.get_all("Set-Cookie")
    assert any("SameSite=Strict" in c and "HttpOnly" in c for c in cookies)
    session = browser.get("session").json
    assert session["name"] == "anna" and session["role"] == "administrator"
    people.gateway.cli("operator", "set", "anna", "--disabled")
    assert browser.get("status").status == 401
    assert people.sign_in()[1].status == 403


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example", "x", "/%22%3E%3Cscript%3E"])
def test_the_way_back_leads_to_the_console_alone(people, back):
    people.gateway.local().put("operators/anna", {"name": "anna", "entra_user": SHOP})
    _, page = people.sign_in(f"/signin/entra?back={urllib.parse.quote(back)}")
    assert page.status == 200 and re.search(r'url=([^"]*)"', page.text)[1].startswith("/")
    assert "evil" not in page.text and "<script" not in page.text


def test_one_whom_nobody_lists_is_told_so(people):
    _, page = people.sign_in()
    assert page.status == 403 and SHOP in page.text and "--entra-user" in page.text


def test_people_come_in_by_name_and_lose_it_with_the_setting(world):
    people = People(world, **{"entra-administrators": f"[{SHOP}]"})
    browser, page = people.sign_in()
    assert page.status == 200, page
    assert browser.get("session").json["role"] == "administrator"
    config = people.gateway.config
    config.write_text(config.read_text().replace(f"entra-administrators: [{SHOP}]", f"entra-operators: [{SHOP}]"))
    people.gateway.cli("reload")
    assert browser.get("session").json["role"] == "operator"


def set_lists(people, **lists):
    """Other lists, read again by the running daemon."""
    config = people.gateway.config
    lines = "".join(f", entra-{name}: [{', '.join(items)}]" for name, items in lists.items())
    config.write_text(re.sub(r"entra-registration: m365(, entra-\w+: \[[^]]*\])*", "entra-registration: m365" + lines, config.read_text()))
    people.gateway.prepare("reload")


OTHERS = "bbbbbbbb-0000-4000-8000-000000000002"
LISTS = {
    "a user as administrator": (dict(administrators=[SHOP]), "administrator"),
    "a user as operator": (dict(operators=[SHOP.upper()]), "operator"),
    "a group as administrator": (dict(administrators=[GROUP.upper()]), "administrator"),
    "a group as operator": (dict(operators=[GROUP]), "operator"),
    "a user in both": (dict(administrators=[SHOP], operators=[SHOP]), "administrator"),
    "a group in both": (dict(administrators=[GROUP], operators=[GROUP]), "administrator"),
    "a group as administrator, the user as operator": (dict(administrators=[GROUP], operators=[SHOP]), "administrator"),
    "the user as administrator, a group as operator": (dict(administrators=[SHOP], operators=[GROUP]), "administrator"),
    "a group as operator, another one as administrator": (dict(administrators=[OTHERS], operators=[GROUP]), "operator"),
    "in none": (dict(administrators=[OTHERS, "alice@contoso.example"], operators=["bob@contoso.example"]), None),
}


@pytest.fixture(scope="module")
def listed():
    world = harness.World()
    people = People(world)
    people.sandbox.set("id-token.groups", f"11111111-0000-4000-8000-000000000001,{GROUP}")
    yield people
    world.close()


@pytest.mark.parametrize("what", LISTS)
def test_the_lists_say_who_may_what(listed, what):
    lists, role = LISTS[what]
    set_lists(listed, **lists)
    browser, page = listed.sign_in()
    session = browser.get("session").json
    if role is None:
        assert page.status == 403 and SHOP in page.text and "nothing here says that this person may come in" in page.text
        assert "console.entra-administrators" in page.text and not session["signed_in"]
        listed.gateway.wait_event("console.refused", finding="entra.not-listed")
        return
    assert page.status == 200, page
    assert session["role"] == role and session["name"] == SHOP
    browser.csrf = session["csrf"]
    assert browser.get("status").status == 200
    # What counts is what it may do.
    assert browser.put("keys/k", {"name": "k", "scopes": ["read"]}).status == (403 if role == "operator" else 201)
    assert listed.gateway.local().delete("keys/k").status == (404 if role == "operator" else 204)


def test_who_leaves_a_list_loses_it_at_once(listed):
    """With what is under way: a stream of events would else go on for hours."""
    set_lists(listed, administrators=[GROUP])
    browser, _ = listed.sign_in()
    c = browser.connection()
    c.request("GET", "/api/v1/events", headers=browser.headers("GET"))
    stream = c.getresponse()
    assert stream.status == 200
    set_lists(listed, operators=[GROUP])
    assert browser.get("session").json["role"] == "operator"
    assert b"retry" in stream.readline()  # an operator may still look
    set_lists(listed, operators=[OTHERS])
    stream.read()  # ends
    assert browser.get("status").status == 401
    c.close()


def test_too_many_groups_are_said(world):
    people = People(world, **{"entra-operators": f"[{GROUP}]"})
    assert people.sign_in()[1].status == 403
    people.sandbox.set("id-token.groups", "overage")
    page = people.sign_in()[1]
    assert page.status == 403 and "so many groups" in page.text


@pytest.mark.parametrize("tenant", ["common", "Organizations", "consumers", "9188040d-6c67-4c5b-b112-36a304b66dad"])
def test_a_registration_for_everybody_lets_nobody_in(listed, tenant):
    """Else anybody in the world who has an account at Microsoft could try."""
    set_lists(listed, administrators=[SHOP])
    g = listed.gateway
    own = g.local().get("registrations/m365").json["tenant"]
    # While it is the console's, it can't be opened ...
    refused = g.cli("registration", "set", "m365", "--tenant", tenant, check=False)
    assert refused.returncode == 1 and "console.entra-registration" in refused.stderr and "organizational directory only" in refused.stderr
    document = {"registrations": [{**g.local().get("registrations/m365").json, "tenant": tenant}]}
    refused = g.local().post("apply", document)
    assert refused.status == 422 and refused.finding == "entra.anybody", refused
    assert g.local().get("registrations/m365").json["tenant"] == own
    # ... and one that is open can't become the console's.
    browser, page = listed.sign_in()
    assert page.status == 200 and browser.get("status").status == 200
    before = len(g.events("console.entra-shut"))
    assert g.local().put("registrations/open", {**document["registrations"][0], "name": "open"}).status in (200, 201)
    text = g.config.read_text()
    g.config.write_text(text.replace("entra-registration: m365", "entra-registration: open"))
    try:
        told = g.cli("reload", check=False)
        assert told.returncode == 1 and "was read again" in told.stdout + told.stderr and "organizational directory only" in told.stderr
        assert len(g.events("console.entra-shut")) == before + 1
        assert browser.get("status").status == 401  # who came in before is out
        needs = [n for n in g.asked("GET", "overview")["needs_person"] if n["finding"] == "entra.anybody"]
        assert [(n["kind"], n["key"], n["link"]) for n in needs] == [("registration", "open", "/settings/registrations/open")]
        page = g.console().get("/signin/entra")
        assert page.status == 403 and "lets" not in page.headers and "organizational directory only" in page.text, page
    finally:
        g.config.write_text(text)
        g.prepare("reload")
    assert listed.sign_in()[1].status == 200


@pytest.mark.parametrize("lie", ["signature", "issuer", "audience", "nonce", "expired", "tenant", "alg-none"])
def test_an_id_token_that_lies_is_not_believed(people, lie):
    people.gateway.local().put("operators/anna", {"name": "anna", "entra_user": SHOP})
    people.sandbox.set("id-token.lie", lie)
    browser, page = people.sign_in()
    assert page.status == 422 and "not believed" in page.text, page
    assert not browser.get("session").json["signed_in"]


def test_another_browsers_way_back_is_not_taken(people):
    people.gateway.local().put("operators/anna", {"name": "anna", "entra_user": SHOP})
    browser, url = people.begin()
    stranger, _ = people.begin()
    assert people.come_back(people.gateway.console(), url).status == 400  # no cookie at all
    browser, url = people.begin()
    assert people.come_back(stranger, url).status == 422  # the cookie of another sign-in
    browser, url = people.begin()
    back = urllib.parse.urlsplit(browse(people, url, follow=False))
    cookie = browser.cookie
    assert browser.get(f"{back.path}?{back.query}").status == 200
    browser.cookie = cookie
    assert browser.get(f"{back.path}?{back.query}").status == 422  # only once


def test_a_person_who_says_no_is_told_so(people):
    browser, url = people.begin()
    state = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))["state"]
    page = browser.get(f"/signin/entra/callback?error=access_denied&error_description=AADSTS65004%3A+declined&state={state}")
    assert page.status == 422 and "declined" in page.text
    steps = re.findall("<li>(.*?)</li>", page.text)
    assert steps[0] == "Sign in again and accept" and steps[-1] == "Or sign in with a name and a password", steps
    assert "postern mailbox" not in page.text


def test_without_a_registration_there_is_none(gateway):
    page = gateway.console().get("/signin/entra")
    assert page.status == 404 and "console.entra-registration" in page.text
    assert gateway.console().get("session").json["entra"] is False


# -- a provider that shares no line of code with Postern: its tokens are signed by Python's cryptography --


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Signer:
    """A provider on loopback. `spoil` changes header and claims before they are signed; `sign` makes the signature."""

    def __init__(self):
        self.key = rsa.generate_private_key(65537, 2048)
        self.published = self.key
        self.spoil = lambda header, claims: None
        self.sign = lambda text: self.key.sign(text, padding.PKCS1v15(), hashes.SHA256())
        self.nonce = None
        self.stub = peers.identity.HttpStub(self.answer)
        self.url = f"http://127.0.0.1:{self.stub.port}"

    def jwks(self):
        n = self.published.public_key().public_numbers()
        number = lambda v: b64(v.to_bytes((v.bit_length() + 7) // 8, "big"))  # noqa: E731
        return {"keys": [{"kty": "RSA", "use": "sig", "kid": "one", "n": number(n.n), "e": number(n.e)}]}

    def token(self):
        header = {"alg": "RS256", "typ": "JWT", "kid": "one"}
        now = int(time.time())
        claims = {"iss": self.url, "aud": "client-1", "exp": now + 600, "nbf": now - 60, "iat": now, "nonce": self.nonce,
                  "preferred_username": "anna@example.org", "oid": "o-1", "groups": [GROUP]}
        self.spoil(header, claims)
        text = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
        return f"{text}.{b64(self.sign(text.encode()))}"

    def answer(self, method, path, form):
        if path == "/token":
            return 200, {"token_type": "Bearer", "expires_in": 600, "access_token": "x", "id_token": self.token()}
        return (200, self.jwks()) if path == "/keys" else (404, {})


@pytest.fixture
def signer():
    s = Signer()
    yield s
    s.stub.close()


def enter(world, signer):
    g = Gateway(world, "console: { public-url: \"http://localhost\", entra-registration: r, entra-operators: [anna@example.org] }")
    g.cli("provider", "add", world.file("p.yaml", f"""\
name: signer
issuer: {signer.url}
endpoints: {{ authorize: "{signer.url}/authorize", token: "{signer.url}/token", jwks: "{signer.url}/keys" }}
smtp: {{ host: 127.0.0.1, port: 2525, tls: none }}
"""))
    g.cli("registration", "add", "r", "--provider", "signer", "--client-id", "client-1", "--public")
    browser = g.console()
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(browser.get("/signin/entra").headers["Location"]).query))
    signer.nonce = query["nonce"]
    return browser, arrive(browser, f"/signin/entra/callback?code=c&state={query['state']}")


def test_a_token_that_python_signed_is_believed(world, signer):
    browser, page = enter(world, signer)
    assert page.status == 200, page
    assert browser.get("session").json["name"] == "anna@example.org"


def hmac_with_the_public_key(signer):
    import hmac

    secret = json.dumps(signer.jwks()).encode()
    signer.spoil = lambda header, claims: header.update(alg="HS256")
    signer.sign = lambda text: hmac.digest(secret, text, "sha256")


SPOILED = {
    "another key": lambda s: setattr(s, "published", rsa.generate_private_key(65537, 2048)),
    "no algorithm": lambda s: setattr(s, "spoil", lambda h, c: h.update(alg="none")),
    "hmac": hmac_with_the_public_key,
    "pss": lambda s: setattr(s, "sign", lambda text: s.key.sign(text, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())),
    "sha1": lambda s: setattr(s, "sign", lambda text: s.key.sign(text, padding.PKCS1v15(), hashes.SHA1())),
    "unsigned": lambda s: setattr(s, "sign", lambda text: b""),
    "audience": lambda s: setattr(s, "spoil", lambda h, c: c.update(aud="client-2")),
    "issuer": lambda s: setattr(s, "spoil", lambda h, c: c.update(iss="http://127.0.0.1:1")),
    "nonce": lambda s: setattr(s, "spoil", lambda h, c: c.update(nonce="n")),
    "no nonce": lambda s: setattr(s, "spoil", lambda h, c: c.pop("nonce")),
    "expired": lambda s: setattr(s, "spoil", lambda h, c: c.update(exp=int(time.time()) - 900)),
    "not yet": lambda s: setattr(s, "spoil", lambda h, c: c.update(nbf=int(time.time()) + 900)),
    "no name but email": lambda s: setattr(s, "spoil", lambda h, c: c.update(email=c.pop("preferred_username"))),
}


@pytest.mark.parametrize("what", SPOILED)
def test_a_spoiled_token_is_not_believed(world, signer, what):
    SPOILED[what](signer)
    browser, page = enter(world, signer)
    assert page.status == 422, page
    assert not browser.get("session").json["signed_in"]
