"""The console's address: who gets in, over which line, and what hostile visitors can not do. What its pages do is tested in a browser."""
import base64
import concurrent.futures
import gzip
import http.client
import json
import os
import re
import socket
import ssl
import time
import urllib.parse

import pytest

from harness import Console, Gateway, quiet_port, until

LINE = re.compile(r'^console: .*$', re.M)


def write_console(gateway, settings):
    """Another `console:` in the gateway's file; not yet read."""
    text = gateway.config.read_text()
    gateway.config.write_text(LINE.sub("console: " + settings, text))


@pytest.fixture
def port():
    return quiet_port()


def raw(gateway, data=b"", source=None):
    s = socket.create_connection(("127.0.0.1", gateway.console().port), 30, (source, 0) if source else None)
    s.sendall(data)
    return s


def rest_of(s):
    """All that still comes until the other side closes."""
    data = b""
    while True:
        try:
            more = s.recv(65536)
        except ConnectionResetError:
            return data
        if not more:
            return data
        data += more


# -- pages --

def test_the_pages_are_whole_and_kept(gateway):
    c = gateway.console()
    page = c.get("/")
    assert page.status == 200 and page.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff" and page.headers["Referrer-Policy"] == "no-referrer"
    for other in ("/setup", "/mailboxes/shop@contoso.example", "/messages/0123", "/guides/liferay"):
        assert c.get(other).body == page.body
    assert page.headers["Cache-Control"] == "no-cache"
    for path in linked(page):
        plain, packed = c.get(path), c.get(path, headers={"Accept-Encoding": "gzip, br"})
        assert plain.status == packed.status == 200 and plain.body
        if packed.headers["Content-Encoding"] == "gzip":
            import gzip
            assert gzip.decompress(packed.body) == plain.body and packed.headers["ETag"] != plain.headers["ETag"]
        again = c.get(path, headers={"If-None-Match": plain.headers["ETag"]})
        assert again.status == 304 and not again.body
    head = c("HEAD", "/")
    assert head.status == 200 and not head.body and head.headers["ETag"] == page.headers["ETag"]


def linked(page):
    found = re.findall(r'(?:href|src)="(/ui/[^"]+)"', page.text)
    assert len(found) > 3
    return found


def test_a_file_is_asked_for_once_and_by_its_version(gateway):
    c = gateway.console()
    names = linked(c.get("/"))
    start = re.match(r"/ui/\w{16}/", names[0])[0]
    for path in names:
        assert path.startswith(start)
        kept, looked_at = c.get(path), c.get(path.replace(start, "/ui/"))
        assert kept.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert looked_at.headers["Cache-Control"] == "no-cache" and looked_at.body == kept.body and looked_at.headers["ETag"] == kept.headers["ETag"]
        for other in ("/ui/0123456789abcdef/", start + start[4:], start[:-2] + "/"):
            assert c.get(path.replace(start, other)).status == 404, "another version has other files"
    assert c.get(start + "index.html").headers["Cache-Control"] == "no-cache", "it names the version, and must not outlive it"
    assert c.get(start + "pages/wizard.js").status == 200 and c.get(start).status == 404


def test_the_document_names_all_that_the_first_pages_import(gateway):
    """Else the browser finds them one after the other, each after a round trip."""
    c = gateway.console()
    names = linked(c.get("/"))
    modules = [n for n in names if n.endswith(".js")]
    assert {m.rpartition("/")[2] for m in modules} >= {"main.js", "overview.js", "signin.js"}
    for module in modules:
        for path in re.findall(r"^import [^;]*?'([^']+)';", c.get(module).text, re.M):
            assert urllib.parse.urljoin(module, path) in names, f"{module} imports {path}"


@pytest.mark.parametrize("path", [
    "/ui/../../../../etc/passwd", "/ui/%2e%2e/%2e%2e/etc/passwd", "/ui/..%2f..%2fetc%2fpasswd", "/ui//etc/passwd", "/ui/", "/ui/none.js",
    "/..%5c..%5cetc/passwd", "/x%0d%0aSet-Cookie:%20a=b", "/.git/config", "/favicon.ico", "/api", "/api/v1", "/api/v2/status"])
def test_no_path_leads_out(gateway, path):
    answer = gateway.console().get(path)
    assert answer.status in (400, 401, 404), answer
    assert b"root:" not in answer.body and "Set-Cookie" not in answer.headers


# -- strangers --

def test_a_stranger_learns_nothing(gateway):
    c = gateway.console()
    said = {c(method, path).body for method, path in [
        ("GET", "status"), ("GET", "nothing"), ("DELETE", "apps/erp"), ("POST", "messages"), ("PUT", "/api/v1/"), ("GET", "mailboxes/a@b.example")]}
    assert len(said) == 1
    answer = c.get("status")
    assert answer.status == 401 and answer.finding == "console.sign-in" and answer.headers["WWW-Authenticate"].startswith("Bearer")
    session = c.get("session").json
    assert session["signed_in"] is False
    for secret in ("postern.x.y", "x" * 5000, "", "\u00e9"):
        assert Console(c.host, c.port, bearer=secret).get("status").status in (401, 429, 503)
    for wrong in ("Basic", "Basic !!", "Basic " + base64.b64encode(b"no colon").decode(), "Digest a=b", "Bearer"):
        assert c.get("status", headers={"Authorization": wrong}).status == 401
    for cookie in ("postern=", "postern=" + "A" * 43, "postern=../../x", "__Host-postern=" + "A" * 43, "postern=" + "A" * 4000):
        assert c.get("status", headers={"Cookie": cookie}).status == 401
    assert gateway.cli("status").returncode == 0


def test_only_our_own_names_and_pages(gateway, world):
    c = gateway.console()
    for host in ("localhost", "127.0.0.1:1", "[::1]", "gateway.test"):
        assert c.get("/", headers={"Host": host}).status == 200, host
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8025", "evil.example@localhost"):
        answer = c.get("/", headers={"Host": host})
        assert answer.status == 421 and answer.finding == "console.host", host
    form = {"name": "anna", "password": "x"}
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
        answer = c.post("session", form, headers=headers)
        assert answer.status == 403 and answer.finding == "console.csrf", headers
    answer = c.post("session", b'{"name":"anna","password":"x"}', headers={"Content-Type": "text/plain"})
    assert answer.status == 415 and answer.finding == "api.media-type"
    write_console(gateway, f'{{ address: "127.0.0.1:{c.port}", public-url: "https://mail.example.org:8443/" }}')
    gateway.cli("reload")
    assert c.get("/", headers={"Host": "mail.example.org"}).status == 200
    answer = c.post("session", form, headers={"Host": "127.0.0.1", "Origin": "https://mail.example.org:8443"})
    assert answer.status != 403
    assert c.post("session", form, headers={"Host": "127.0.0.1", "Origin": "https://mail.example.org"}).status == 403


def test_what_a_proxy_says_is_believed_of_a_proxy_only(gateway):
    c = gateway.console()
    forwarded = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7", "X-Forwarded-Proto": "https"}
    wrong = {"Authorization": "Digest x"}
    c.get("status", headers={**forwarded, "Authorization": "Bearer postern.x.y"})
    gateway.wait_event("api.refused", host="127.0.0.1")
    write_console(gateway, f'{{ address: "127.0.0.1:{c.port}", proxy: [127.0.0.0/8, 198.51.100.0/24] }}')
    gateway.cli("reload")
    c.get("status", headers={**forwarded, "Authorization": "Bearer postern.x.y"})
    gateway.wait_event("api.refused", host="203.0.113.9")
    c.get("status", headers={"X-Forwarded-For": "nonsense", "Authorization": "Bearer postern.x.y"})
    c.get("status", headers={"X-Forwarded-For": "192.0.2.1, 203.0.113.5:4711", "Authorization": "Bearer postern.x.y"})
    gateway.wait_event("api.refused", host="203.0.113.5")
    assert not gateway.events("api.refused", host="nonsense")
    assert c.get("status", headers=wrong).status == 401
    assert "__Host-postern=; Path=/; HttpOnly; SameSite=Strict; Secure" in c.delete("session", headers=forwarded).headers["Set-Cookie"]
    assert "Secure" not in c.delete("session").headers["Set-Cookie"]
    # What came to the proxy itself in the clear is not let in, whatever it is.
    plain = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http"}
    for method, path, body in (("POST", "session", {"name": "anna", "password": "x"}), ("GET", "/", None), ("GET", "/signin/entra", None),
                               ("POST", "setup", {"token": "x", "name": "anna", "password": "x"}), ("GET", "status", None)):
        answer = c(method, path, body, headers=plain)
        assert answer.status == 403 and answer.finding == "console.plain-proxy" and "203.0.113.9" in answer.json["detail"], answer
    page = c.get("/", headers={**plain, "Accept": "text/html,*/*;q=0.8"})
    assert page.status == 403 and page.headers["Content-Type"].startswith("text/html") and "Open the console with https://" in page.text
    write_console(gateway, f'{{ address: "127.0.0.1:{c.port}" }}')
    gateway.cli("reload")
    assert c.post("session", {"name": "anna", "password": "x"}, headers=plain).status == 401, "only proxies are believed"


def other_address():
    """One of this machine's own that is not loopback."""
    import subprocess
    found = subprocess.run(["hostname", "-I"], capture_output=True, text=True, timeout=10, check=False).stdout.split()
    return next((a for a in found if ":" not in a and not a.startswith("127.")), None)


@pytest.mark.skipif(not other_address(), reason="this machine has no address but loopback")
def test_no_password_over_an_open_line_but_from_a_named_proxy(world, certificates):
    port, own = quiet_port(), other_address()
    g = Gateway(world, extra=f'console: {{ address: "0.0.0.0:{port}", proxy: [192.0.2.251] }}')
    assert g.console().get("/").status == 200  # this machine
    answer = Console(own, port).post("session", {"name": "anna", "password": "x"})
    assert answer.status == 403 and answer.finding == "console.plain"
    write_console(g, f'{{ address: "0.0.0.0:{port}", proxy: [{own}] }}')
    g.cli("reload")
    assert Console(own, port).get("/").status == 200
    write_console(g, f'{{ address: "0.0.0.0:{port}", certificate: "{certificates.cert}", key: "{certificates.key}" }}')
    g.cli("reload")
    tls = ssl.create_default_context(cafile=str(certificates.ca))
    tls.check_hostname = False
    assert Console(own, port, tls=tls).get("/").status == 200


# -- TLS and reloads --

def https(gateway, certificates, host="localhost"):
    return gateway.console(host=host, tls=ssl.create_default_context(cafile=str(certificates.ca)))


def test_https_and_a_new_certificate_without_a_restart(world, certificates):
    port = quiet_port()
    settings = '{{ address: "127.0.0.1:{}", certificate: "{}", key: "{}" }}'
    g = Gateway(world, extra="console: " + settings.format(port, certificates.cert, certificates.key))
    c = https(g, certificates)
    assert c.get("/").status == 200
    assert "__Host-postern=;" in c.delete("session").headers["Set-Cookie"]
    old = ssl.create_default_context(cafile=str(certificates.ca))
    with pytest.warns(DeprecationWarning):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with pytest.raises(OSError):
        Console("localhost", port, tls=old).get("/")

    # A request that is half said when the certificate changes, and a connection that waits.
    body = json.dumps({"name": "anna", "password": "x"}).encode()
    half = c.connection()
    half.putrequest("POST", "/api/v1/session")
    half.putheader("Content-Type", "application/json")
    half.putheader("Content-Length", str(len(body)))
    half.endheaders(body[:5])
    idle = c.connection()
    idle.connect()
    cert, key = certificates.make("second", "DNS:localhost")
    write_console(g, settings.format(port, cert, key))
    g.cli("reload")
    common_name = lambda: dict(x[0] for x in served(c)["subject"])["commonName"]
    until(lambda: common_name() == "second", "the new certificate")
    half.send(body[5:])
    answer = half.getresponse()
    assert answer.status in (401, 503) and answer.read()
    assert answer.headers["Connection"] == "close"
    idle.sock.settimeout(30)
    assert idle.sock.recv(1) == b""

    # Files that are no good change nothing.
    write_console(g, settings.format(port, cert, certificates.key))
    assert g.cli("reload", check=False).returncode == 1
    assert common_name() == "second"


def served(c):
    connection = c.connection()
    connection.connect()
    try:
        return connection.sock.getpeercert()
    finally:
        connection.close()


def test_another_address_and_off_without_a_restart(gateway):
    before = gateway.console()
    other = quiet_port()
    write_console(gateway, f'{{ address: "127.0.0.1:{other}" }}')
    gateway.cli("reload")
    assert gateway.console().port == other and gateway.console().get("/").status == 200
    with pytest.raises(ConnectionRefusedError):
        before.get("/")
    taken = socket.create_server(("127.0.0.1", quiet_port()))
    write_console(gateway, f'{{ address: "127.0.0.1:{taken.getsockname()[1]}" }}')
    done = gateway.cli("reload", check=False)
    assert done.returncode == 1 and "console.address" in done.stderr
    assert gateway.console().get("/").status == 200
    taken.close()
    now = gateway.console()
    write_console(gateway, "{ address: none }")
    gateway.cli("reload")
    with pytest.raises(ConnectionRefusedError):
        now.get("/")
    done = gateway.cli("setup", check=False)
    assert done.returncode == 1 and "console.address" in done.stderr
    write_console(gateway, f'{{ address: "127.0.0.1:{other}" }}')
    gateway.cli("reload")
    assert gateway.console().get("/").status == 200


def test_the_admin_role_comes_back_with_the_console(gateway):
    import signal
    c = gateway.console()
    os.kill(gateway.roles("admin")[0]["pid"], signal.SIGKILL)

    def answers():
        try:
            return c.get("/").status == 200
        except OSError:
            return False
    until(answers, "the console after its role died")


@pytest.mark.parametrize("settings, said", [
    ('{ address: "0.0.0.0:8025" }', "console.certificate"),
    ('{ address: "127.0.0.1:0", certificate: "/c.pem" }', "console.key is missing"),
    ('{ address: "127.0.0.1:0", certificate: "/none.pem", key: "/none.key" }', "/none.pem"),
    ('{ proxy: [nowhere] }', "console.proxy"),
])
def test_a_console_that_can_not_be_is_said_before_the_start(world, settings, said):
    g = Gateway(world, extra="console: " + settings, start=False)
    done = g.cli("check", check=False)
    assert done.returncode == 1 and said in done.stderr, done.stderr


# -- setup --

def test_setup_links_are_made_on_this_machine_only(gateway):
    c = gateway.console()
    first, second = (gateway.json("setup")["url"] for _ in range(2))
    assert first.startswith(f"http://127.0.0.1:{c.port}/setup#") and first != second
    assert c.post("setup/link").status == 401
    for token in (first.split("#")[1], "", "x" * 43):
        answer = c.post("setup", {"token": token, "name": "anna", "password": "correct horse battery"})
        assert answer.status == 403 and answer.finding == "console.setup-link", token
    assert c.post("setup", {"token": 7, "name": "anna", "password": "correct horse battery"}).status == 422
    text = gateway.process.text() + "".join(json.dumps(e) for e in gateway.events())
    assert second.split("#")[1] not in text


# -- signing in --

PASSWORD = "correct horse battery"


@pytest.fixture
def anna(gateway):
    """A browser in which the first administrator just set everything up."""
    c = gateway.console()
    answer = c.post("setup", {"token": printed_link(gateway).split("#")[1], "name": "anna", "password": PASSWORD})
    assert answer.status == 201, answer
    c.csrf = answer.json["csrf"]
    return c


def printed_link(gateway):
    said = until(lambda: re.search(r"set it up within a day at (\S+)", gateway.process.text()), "the setup link")
    return said[1]


def test_the_first_administrator_comes_in_by_the_link_that_is_printed(gateway, world):
    c = gateway.console()
    assert c.get("session").json["setup"] is True
    link = printed_link(gateway)
    assert link.startswith(f"http://127.0.0.1:{c.port}/setup#")
    token = link.split("#")[1]
    weak = c.post("setup", {"token": token, "name": "anna", "password": "short"})
    assert weak.status in (400, 422) and "anna" not in {o["name"] for o in gateway_operators(gateway)}
    answer = c.post("setup", {"token": token, "name": "anna", "password": PASSWORD})
    assert answer.status == 201 and answer.json["role"] == "administrator" and "admin" in answer.json["rights"]
    assert re.fullmatch(r"postern=[\w-]{43}; Path=/; HttpOnly; SameSite=Strict", answer.headers["Set-Cookie"])
    assert c.get("status").status == 200
    again = gateway.console().post("setup", {"token": token, "name": "eve", "password": PASSWORD})
    assert again.status == 403 and again.finding == "console.setup-link"
    assert gateway.console().get("session").json["setup"] is False
    log = "".join(json.dumps(e) for e in gateway.events())
    assert token not in log and PASSWORD not in log and c.cookie.split("=")[1] not in log and answer.json["csrf"] not in log
    late = gateway.json("setup")["url"].split("#")[1]
    world.clock.advance(24 * 3600 + 1)
    assert gateway.console().post("setup", {"token": late, "name": "eve", "password": PASSWORD}).status == 403


def gateway_operators(gateway):
    import subprocess
    out = subprocess.run(["curl", "-s", "--unix-socket", str(gateway.state / "admin.sock"), "http://localhost/api/v1/operators"],
                         capture_output=True, text=True, timeout=30, check=True).stdout
    return json.loads(out)["items"]


def test_a_lost_password_is_set_anew_and_ends_old_sessions(gateway, anna):
    token = gateway.json("setup")["url"].split("#")[1]
    other = gateway.console()
    assert other.post("setup", {"token": token, "name": "anna", "password": "another horse battery"}).status == 201
    assert anna.get("status").status == 401
    assert gateway.console().sign_in("anna", PASSWORD).status == 401
    assert gateway.console().sign_in("anna", "another horse battery").status == 200


def test_a_change_needs_the_value_of_its_own_session(gateway, anna):
    right = anna.csrf
    assert anna.post("reload").status == 200
    other = gateway.console()
    assert other.sign_in("anna", PASSWORD).status == 200 and other.csrf != right
    for wrong in (None, "", "x", right[:-1], other.csrf):
        anna.csrf = wrong
        answer = anna.post("reload")
        assert answer.status == 403 and answer.finding == "console.csrf"
    anna.csrf = right
    assert anna.post("reload", headers={"Origin": "https://evil.example"}).status == 403
    assert anna.post("reload", headers={"Sec-Fetch-Site": "same-origin", "Origin": f"http://127.0.0.1:{anna.port}"}).status == 200
    assert anna.get("status", headers={"Sec-Fetch-Site": "none"}).status == 200


def test_sessions_end(gateway, world, anna):
    stolen = gateway.console()
    stolen.cookie, stolen.csrf = anna.cookie, anna.csrf
    assert stolen.get("status").status == 200
    assert anna.delete("session").status == 204 and not anna.cookie
    assert stolen.get("status").status == 401 and stolen.post("reload").status == 401
    assert anna.sign_in("anna", PASSWORD).status == 200
    for _ in range(2):
        world.clock.advance(20 * 60)
        assert anna.get("status").status == 200  # in use
    world.clock.advance(31 * 60)
    assert anna.get("status").status == 401
    assert anna.sign_in("anna", PASSWORD).status == 200
    for _ in range(30):
        world.clock.advance(25 * 60)
        if anna.get("status").status == 401:
            break
    else:
        raise AssertionError("a session that is used never ends")
    first = gateway.console()
    assert first.sign_in("anna", PASSWORD).status == 200
    before = first.cookie
    assert first.sign_in("anna", PASSWORD).status == 200 and first.cookie != before
    first.cookie = before
    assert first.get("status").status == 401  # left with the new one


def test_what_a_session_watches_ends_with_it(gateway, anna):
    connection = anna.connection()
    connection.request("GET", "/api/v1/log?follow=1", headers=anna.headers("GET"))
    stream = connection.getresponse()
    assert stream.status == 200 and stream.readline()
    assert anna.delete("session").status == 204
    stream.read()  # ends


@pytest.fixture
def gateway_that_forgets(world):
    """A sanitizer keeps what was freed; this one keeps little of it, so that its size means something."""
    kept = world.env
    world.env = lambda: {**kept(), "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"}
    return Gateway(world)


def size_of_admin(gateway):
    pid = gateway.roles("admin")[0]["pid"]
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read())[1])


@pytest.mark.slow
def test_a_thousand_wrong_passwords(gateway_that_forgets):
    """They are throttled, nothing grows by them, and who is signed in stays so."""
    gateway = gateway_that_forgets
    anna = gateway.console()
    assert anna.post("setup", {"token": printed_link(gateway).split("#")[1], "name": "anna", "password": PASSWORD}).status == 201
    c, seen = gateway.console(), []
    before = size_of_admin(gateway)
    for i in range(1000):
        answer = c.post("session", {"name": ("anna", "nobody", f"user{i}")[i % 3], "password": f"wrong password {i}"})
        seen.append(answer.status)
        assert answer.status in (401, 429)
        if answer.status == 429:
            assert int(answer.headers["Retry-After"]) > 0 and answer.finding == "console.throttled"
    assert seen.count(429) > 800
    assert size_of_admin(gateway) - before < 16_000
    assert anna.get("status").status == 200


@pytest.mark.slow
def test_hundreds_of_wrong_passwords_behind_a_proxy(gateway_that_forgets):
    """From one address and from hundreds, all through the one web server: each is counted by itself, and anna comes in from elsewhere."""
    gateway = gateway_that_forgets
    anna = gateway.console()
    assert anna.post("setup", {"token": printed_link(gateway).split("#")[1], "name": "anna", "password": PASSWORD}).status == 201
    write_console(gateway, f'{{ address: "127.0.0.1:{anna.port}", proxy: [127.0.0.1] }}')
    gateway.cli("reload")
    before = size_of_admin(gateway)

    def try_from(host, name, password):
        c = gateway.console()
        headers = {"X-Forwarded-For": host, "X-Forwarded-Proto": "https"}
        return c.post("session", {"name": name, "password": password}, headers=headers)

    def wrong(i):
        # Most come from one address; the others from fifty, two tries each.
        is_one = i % 4 != 0
        host = "203.0.113.7" if is_one else f"198.51.{i // 4 % 50}.9"
        return is_one, try_from(host, "anna", f"wrong password {i}").status

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(wrong, range(400)))
    of_one, of_many = ([status for is_one, status in answers if is_one == which] for which in (True, False))
    assert set(of_one) == {401, 429} and of_one.count(401) <= 30, of_one
    assert set(of_many) == {401}  # none tried often enough to be turned away
    known = try_from("192.0.2.77", "anna", PASSWORD)
    assert known.status == 200, known
    assert size_of_admin(gateway) - before < 16_000
    lines = [a for a in json.loads(gateway.prepare("audit", "--limit", "500", "--json"))["items"] if a["action"] in ("refused", "throttled")]
    assert 30 <= len(lines) <= 70, len(lines)
    assert {a["who"]["host"] for a in lines} <= {"203.0.113.7", *(f"198.51.{i}.9" for i in range(50))}


def test_operators_see_and_do_not_change(gateway, anna):
    otto = gateway.console()
    assert otto.post("setup", {"token": gateway.json("setup")["url"].split("#")[1], "name": "otto", "password": "another horse battery"}).status == 201
    assert otto.get("session").json["role"] == "administrator"
    assert anna.patch("operators/otto", {"role": "operator"}).status == 200
    assert otto.get("session").json["role"] == "operator"  # at once
    answer = otto.sign_in("otto", "another horse battery")
    assert answer.status == 200 and answer.json["rights"] == ["read"]
    assert otto.get("status").status == 200
    for answer in (otto.post("reload"), otto.put("apps/x", {"name": "x", "mailboxes": []}), otto.get("messages/0000000000000001/content")):
        assert answer.status == 403 and answer.finding == "console.right"
    assert anna.patch("operators/otto", {"is_disabled": True}).status == 200
    assert otto.get("status").status == 401  # at once


def test_an_app_does_what_it_may(tenant):
    g = tenant.gateway
    app = g.console(basic=("erp", tenant.password))
    session = app.get("session").json
    assert session["kind"] == "app" and session["name"] == "erp" and session["rights"] == ["send", "inbox"]
    for path in ("mailboxes", "status", "apps/erp"):
        answer = app.get(path)
        assert answer.status == 403 and answer.finding == "console.right", path
    assert app.get("messages").json["items"] == []  # its own, of which there are none
    other = app.get("mailboxes/else@contoso.example/inbox")
    assert other.status == 403 and other.finding == "console.mailbox"
    assert app.post("reload").status == 403
    assert g.console(basic=("erp", "wrong")).get("session").status == 401
    assert tenant.password not in g.process.text() + json.dumps(g.events())


# -- hostile visitors --

def test_who_trickles_loses_the_place(gateway, world):
    header = raw(gateway, b"GET / HTTP/1.1\r\nHost: loc")
    body = raw(gateway, b"POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
    assert gateway.console().get("/").status == 200
    world.clock.advance(31)
    assert rest_of(header) == b""
    body.sendall(b' ')
    assert gateway.console().get("/").status == 200
    world.clock.advance(31)
    assert rest_of(body) == b""


HEAD = b"GET / HTTP/1.1\r\nHost: loc"
POST = b"POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
READ = b"GET /ui/style.css HTTP/1.1\r\nHost: localhost\r\n\r\n" * 60  # and the answers are left where they are


def slow(gateway, data, source):
    """One that holds its connection by saying, or reading, next to nothing."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.settimeout(30)
    s.bind((source, 0))
    s.connect(("127.0.0.1", gateway.console().port))
    try:
        s.sendall(data)
    except OSError:
        pass  # it had to make room already
    return s


def is_alive(s):
    s.setblocking(False)
    try:
        return s.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def test_one_address_keeps_nobody_else_out(gateway):
    taken = [slow(gateway, HEAD, "127.0.0.1") for _ in range(128)]
    other = slow(gateway, HEAD, "127.0.0.2")
    begun = time.monotonic()
    assert [gateway.console().get("/").status for _ in range(5)] == [200] * 5  # from the same address
    assert time.monotonic() - begun < 1
    gateway.wait_event("console.crowded", host="127.0.0.1")
    until(lambda: not is_alive(taken[0]), "the first made room")
    assert is_alive(taken[-1]) and is_alive(other)  # and nobody else's did
    [s.close() for s in [*taken, other]]


@pytest.mark.parametrize("data", [b"", HEAD, POST, READ], ids=["nothing", "header", "body", "answer"])
def test_many_slow_ones_keep_nobody_out(gateway, anna, data):
    """More than there are places, from more addresses than one: who is honest gets in within a second, and stays."""
    events = anna.connection()
    events.request("GET", "/api/v1/events", headers=anna.headers("GET"))
    stream = events.getresponse()
    taken = [slow(gateway, data, f"127.0.1.{i % 9 + 1}") for i in range(600)]
    assert gateway.console().get("/").status == 200  # what they asked for in one breath is being answered; from here on time counts
    for _ in range(5):
        honest = gateway.console()
        begun = time.monotonic()
        assert honest.sign_in("anna", PASSWORD).status == 200 and honest.get("status").status == 200
        assert time.monotonic() - begun < 1
        taken += [slow(gateway, data, f"127.0.2.{i % 9 + 1}") for i in range(10)]
    assert stream.status == 200 and stream.readline() and not stream.isclosed()
    assert anna.get("session").json["signed_in"]
    assert data is READ or sum(is_alive(s) for s in taken) <= 512  # what was sent away can still be read
    assert gateway.roles("admin")[0]["restarts"] == 0
    [s.close() for s in taken]
    events.close()


def test_what_is_packed_is_refused(gateway):
    for path in ("session", "messages"):
        packed = gateway.local().post(path, gzip.compress(b"{}"), headers={"Content-Type": "application/json", "Content-Encoding": "gzip"})
        assert packed.status == 415 and packed.finding == "api.media-type" and "gzip" in packed.json["detail"], packed
    assert gateway.local().post("session", b"{}", headers={"Content-Type": "application/json", "Content-Encoding": "identity"}).status == 422


def test_what_is_too_large_is_refused(gateway):
    c = gateway.console()
    answer = c.post("session", {"name": "a" * 20000, "password": "x"})
    assert answer.status == 413 and answer.finding == "api.too-large"
    s = raw(gateway, b"POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n")
    assert rest_of(s).split(b"\r\n")[0].split()[1] in (b"400", b"413", b"401")
    s = raw(gateway, b"GET / HTTP/1.1\r\nHost: localhost\r\n")
    try:
        for _ in range(40):
            s.sendall(b"X-Long: " + b"a" * 2000 + b"\r\n")
        s.sendall(b"\r\n")
    except OSError:
        pass
    assert rest_of(s).split(b" ")[1:2] in ([b"431"], [b"413"], [])
    big = c.post("messages", b"x" * 3_000_000, headers={"Content-Type": "message/rfc822"})
    assert big.status == 401  # and was not kept
    assert not list((gateway.state / "spool").iterdir())


def test_nonsense_ends_nothing_but_its_connection(gateway, world):
    """Some of it may still become a request; that has its time and no more."""
    talking = [raw(gateway, data) for data in (
        b"\r\n\r\n", b"\0\0\0\0\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        b"POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")]
    [s.shutdown(socket.SHUT_WR) for s in talking]
    [rest_of(s) for s in talking[3:]]
    assert gateway.console().get("/").status == 200  # and by now the others were heard
    world.clock.advance(31)
    for s in talking:
        rest_of(s)
        s.close()
    assert gateway.console().get("/").status == 200
    assert gateway.roles("admin")[0]["restarts"] == 0
