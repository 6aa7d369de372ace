"""The sandbox on its own, driven by Python's own clients: no code of the gateway takes part.

`box` is one process per test file, put back to its first state before every test.
"""
import base64
import contextlib
import hashlib
import imaplib
import json
import os
import pathlib
import shutil
import smtplib
import ssl
import struct
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

TOP = pathlib.Path(__file__).resolve().parents[2]
OUTLOOK = "https://outlook.office.com/"
SMTP_SCOPE = f"{OUTLOOK}SMTP.Send offline_access openid profile"
APP_SCOPE = "https://outlook.office365.com/.default"
LETTER = b"From: shop@contoso.example\r\nTo: bob@contoso.example\r\nSubject: Hello\r\nMessage-ID: <1@client.test>\r\n\r\nText\r\n"


def binary():
    """postern, or in a tree without it the sandbox alone; both take the word `sandbox` first."""
    named = os.environ.get("POSTERN_BIN")
    candidates = [named] if named else [TOP / "build" / "postern", TOP / "build" / "sandbox" / "postern-sandbox"]
    return str(next((c for c in candidates if pathlib.Path(c).exists()), candidates[0]))


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode()

    @property
    def location(self):
        """Parameters of the redirect, and the address they were added to."""
        where = urllib.parse.urlsplit(self.headers["Location"])
        params = dict(urllib.parse.parse_qsl(where.query or where.fragment))
        return urllib.parse.urlunsplit((where.scheme, where.netloc, where.path, "", "")), params


class Box:
    """A running sandbox."""

    signing_key = None

    def __init__(self, folder, *args):
        self.dir = pathlib.Path(folder)
        key = self.dir / "box/signing.pem"
        if Box.signing_key:  # making one takes longer than all the rest
            key.parent.mkdir(exist_ok=True)
            key.write_bytes(Box.signing_key)
        self.clock = self.dir / "clock"
        self.clock.write_bytes(struct.pack("=q", 0))
        self.moved_ms = 0
        self.log = open(self.dir / "output", "w+")
        self.process = subprocess.Popen([binary(), "sandbox", "--dir", str(self.dir / "box"), *args], stdout=self.log,
                                        stderr=subprocess.STDOUT, env={**os.environ, "POSTERN_TEST_CLOCK": str(self.clock)})
        self.wait(lambda: "sandbox ready\n" in self.output(), "the sandbox is ready")
        Box.signing_key = Box.signing_key or key.read_bytes()
        self.info = json.loads((self.dir / "box" / "sandbox.json").read_text())
        self.tls = ssl.create_default_context(cafile=self.info["ca_file"])
        self.opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=self.tls), NoRedirect,
                                                  urllib.request.ProxyHandler({}))

    def output(self):
        return (self.dir / "output").read_text(errors="replace")

    def wait(self, condition, what, seconds=30):
        end = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            assert self.process.poll() is None, self.output()
            assert time.monotonic() < end, f"not in time: {what}\n{self.output()}"
            time.sleep(0.01)

    def close(self):
        self.process.terminate()
        status = self.process.wait(30)
        self.log.close()
        report = self.output()
        assert "Sanitizer" not in report and "runtime error" not in report, report[-6000:]
        assert status == 0, report[-3000:]

    def advance(self, seconds):
        """Moves the sandbox's clock; returns once it was seen."""
        before = self.api("/api/state")["now_ms"]
        self.moved_ms += int(seconds * 1000)
        with open(self.clock, "r+b") as f:
            f.write(struct.pack("=q", self.moved_ms))
        self.wait(lambda: self.api("/api/state")["now_ms"] >= before + seconds * 1000, "the clock moved")

    # HTTP

    def request(self, url, data=None, method=None, headers=None):
        if isinstance(data, dict):
            data = urllib.parse.urlencode(data)
        if isinstance(data, str):
            data = data.encode()
        request = urllib.request.Request(url, data, headers or {}, method=method)
        try:
            with self.opener.open(request, timeout=30) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as refusal:
            with refusal:
                return Answer(refusal.code, refusal.headers, refusal.read())

    def api(self, path, method="GET", data=None):
        answer = self.request(self.info["web"] + path, json.dumps(data) if data is not None else None, method)
        assert answer.status == 200, (answer.status, answer.text)
        return answer.json

    def set(self, switch, value, uses=0):
        return self.api(f"/api/switches/{switch}", "PUT", {"value": str(value), "uses": uses})

    def reset(self):
        self.set("reset", "all")
        self.set("consent.remove", "all")
        self.api("/api/messages", "DELETE")
        self.api("/api/log", "DELETE")

    # Entra

    def client(self, name):
        return next(r for r in self.info["registrations"] if r["name"] == name)

    def entra(self, tenant, path):
        return f"{self.info['https']}/{tenant}{path}"

    def token(self, fields, tenant="contoso.example", headers=None):
        return self.request(self.entra(tenant, "/oauth2/v2.0/token"), fields, headers=headers)

    def authorize(self, client="public", tenant="contoso.example", **fields):
        query = {"client_id": self.client(client)["client_id"], "response_type": "code", "scope": SMTP_SCOPE,
                 "redirect_uri": "http://localhost:5000/", "state": "s-1", "login_hint": "shop@contoso.example", **fields}
        query = {k: v for k, v in query.items() if v is not None}
        return self.request(self.entra(tenant, "/oauth2/v2.0/authorize?" + urllib.parse.urlencode(query)))

    def code(self, client="public", **fields):
        self.set("auto-consent", "on")
        address, params = self.authorize(client, **fields).location
        assert "code" in params, params
        return params["code"]

    def redeem(self, code, client="public", tenant="contoso.example", headers=None, **fields):
        c = self.client(client)
        form = {"client_id": c["client_id"], "grant_type": "authorization_code", "code": code,
                "redirect_uri": "http://localhost:5000/", **fields}
        if c.get("secret") and "client_secret" not in fields:
            form["client_secret"] = c["secret"]
        return self.token({k: v for k, v in form.items() if v is not None}, tenant, headers)

    def sign_in(self, client="public", user="shop@contoso.example", tenant="contoso.example", scope=SMTP_SCOPE):
        answer = self.redeem(self.code(client, login_hint=user, tenant=tenant, scope=scope), client, tenant)
        assert answer.status == 200, answer.text
        return answer.json

    def refresh(self, refresh_token, client="public", tenant="contoso.example", **fields):
        c = self.client(client)
        form = {"client_id": c["client_id"], "grant_type": "refresh_token", "refresh_token": refresh_token, **fields}
        if c.get("secret") and "client_secret" not in fields:
            form["client_secret"] = c["secret"]
        return self.token(form, tenant)

    def app_token(self, name="app", **fields):
        c = self.client(name)
        form = {"client_id": c["client_id"], "client_secret": c["secret"], "grant_type": "client_credentials",
                "scope": APP_SCOPE, **fields}
        return self.token({k: v for k, v in form.items() if v is not None}, c["tenant"])

    # SMTP

    @contextlib.contextmanager
    def smtp(self, tls=True, server="smtp"):
        client = smtplib.SMTP("localhost", self.info[server]["port"], "client.test", timeout=30)
        try:
            client.ehlo()
            if tls:
                client.starttls(context=self.tls)
                client.ehlo()
            yield client
        finally:
            client.close()

    @contextlib.contextmanager
    def signed_in(self, token, user="shop@contoso.example", server="smtp"):
        with self.smtp(server=server) as client:
            answer = auth(client, token, user)
            assert answer[0] == 235, answer
            yield client

    # Mailboxes

    @contextlib.contextmanager
    def imap(self, token, user="shop@contoso.example", server="imap"):
        """A signed-in imaplib client."""
        where = ("localhost", self.info[server]["port"])
        if self.info[server]["tls"] == "implicit":
            client = imaplib.IMAP4_SSL(*where, ssl_context=self.tls, timeout=30)
        else:
            client = imaplib.IMAP4(*where, timeout=30)
            client.starttls(self.tls)
        try:
            client.authenticate("XOAUTH2", lambda _: f"user={user}\1auth=Bearer {token}\1\1".encode())
            yield client
        finally:
            client.shutdown()

    def put(self, message, mailbox, **query):
        """A message straight into a folder; see POST /api/messages in postern-sandbox(1)."""
        query = urllib.parse.urlencode({"mailbox": mailbox, **query})
        answer = self.request(f"{self.info['web']}/api/messages?{query}", message, "POST", {"Content-Type": "message/rfc822"})
        assert answer.status == 200, answer.text
        return answer.json

    def folder(self, mailbox, folder="INBOX"):
        return self.api("/api/folders?" + urllib.parse.urlencode({"mailbox": mailbox, "folder": folder}))

    def google_token(self, user="erin@gmail.example"):
        self.set("auto-consent", "on")
        c = self.client("google")
        form = {"client_id": c["client_id"], "redirect_uri": "http://localhost:5000/"}
        query = {**form, "response_type": "code", "scope": "https://mail.google.com/", "login_hint": user}
        back = self.request(f"{self.info['https']}/google/o/oauth2/v2/auth?" + urllib.parse.urlencode(query)).location[1]
        form |= {"client_secret": c["secret"], "grant_type": "authorization_code", "code": back["code"]}
        return self.request(f"{self.info['https']}/google/token", form).json["access_token"]

    def messages(self):
        return self.api("/api/messages")["items"]

    def raw(self, message):
        return self.request(f"{self.info['web']}/api/messages/{message['id']}/raw").body


def xoauth2(user, token):
    return base64.b64encode(f"user={user}\1auth=Bearer {token}\1\1".encode()).decode()


def auth(client, token, user="shop@contoso.example"):
    answer = client.docmd("AUTH", "XOAUTH2")
    return client.docmd(xoauth2(user, token)) if answer[0] == 334 else answer


def send(client, body=LETTER, sender="shop@contoso.example", recipients=("bob@contoso.example",)):
    """One message by hand; returns the reply that ended it."""
    for command in [f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{r}>" for r in recipients)]:
        answer = client.docmd(command)
        if answer[0] != 250:
            return answer
    answer = client.docmd("DATA")
    if answer[0] != 354:
        return answer
    client.send(body.replace(b"\r\n.", b"\r\n..") + b".\r\n")
    return client.getreply()


def from_base64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def to_base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def jwt_part(jwt, index):
    return json.loads(from_base64url(jwt.split(".")[index]))


def claims(jwt):
    return jwt_part(jwt, 1)


def is_signed_by(jwt, keys):
    """RS256, by one of the keys of a key set."""
    head, body, signature = jwt.split(".")
    if jwt_part(jwt, 0)["alg"] != "RS256":
        return False
    key = next(k for k in keys if k["kid"] == jwt_part(jwt, 0)["kid"])
    numbers = [int.from_bytes(from_base64url(key[n]), "big") for n in ("e", "n")]
    try:
        rsa.RSAPublicNumbers(*numbers).public_key().verify(from_base64url(signature), f"{head}.{body}".encode(),
                                                           padding.PKCS1v15(), hashes.SHA256())
        return True
    except Exception:
        return False


def sign(payload, key, alg, header):
    """A JWT with RS256, PS256 or ES256."""
    parts = ({"typ": "JWT", "alg": alg, **header}, payload)
    text = ".".join(to_base64url(json.dumps(part).encode()) for part in parts)
    if alg == "ES256":
        signature = key.sign(text.encode(), ec.ECDSA(hashes.SHA256()))
    elif alg == "PS256":
        signature = key.sign(text.encode(), padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    else:
        signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{text}.{to_base64url(signature)}"


def challenge_of(verifier):
    return to_base64url(hashlib.sha256(verifier.encode()).digest())


@pytest.fixture(scope="module")
def running_box():
    folder = tempfile.mkdtemp(prefix="pst-box-")
    running = Box(folder)
    yield running
    running.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def box(running_box):
    running_box.reset()
    return running_box
