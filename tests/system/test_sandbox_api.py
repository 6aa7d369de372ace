"""The sandbox for people and scripts: its page, its JSON, `sandbox set`, what it leaves behind."""
import html.parser
import json
import os
import pathlib
import subprocess

import pytest

from sandbox_fixture import LETTER, Box, binary, box, running_box, send  # noqa: F401


def command(box, *words, env=None, cwd=None):
    return subprocess.run([binary(), "sandbox", *words], text=True, capture_output=True, timeout=60, cwd=cwd,
                          env={**os.environ, **(env or {})})


def set_(box, *words):
    return command(box, "set", *words, "--dir", str(box.dir / "box"))


class Page(html.parser.HTMLParser):
    """What assistive technology and a strict reader look for."""

    void = {"meta", "link", "input", "br"}

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.labels, self.inputs = [], [], set(), []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        if tag not in self.void:
            self.open.append(tag)
        if tag == "label" and "for" in attrs:
            self.labels.add(attrs["for"])
        if tag == "input" and attrs["type"] not in ("hidden", "radio"):
            self.inputs.append(attrs["id"])

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()


def check_page(text):
    page = Page(text)
    names = [tag for tag, _ in page.tags]
    assert "script" not in names and names.count("h1") == 1 and "main" in names and "title" in names
    assert dict(page.tags[0][1]) == {"lang": "en"}
    assert set(page.inputs) <= page.labels
    assert all("scope" in attrs for tag, attrs in page.tags if tag == "th")
    assert not any(name.startswith("on") or name == "style" for _, attrs in page.tags for name in attrs)


def test_page(box):
    body = LETTER.replace(b"Hello", b"<b>&\"'")
    with box.signed_in(box.sign_in()["access_token"]) as client:
        assert send(client, body)[0] == 250
    page = box.request(box.info["web"] + "/")
    assert page.status == 200 and "default-src 'none'" in page.headers["Content-Security-Policy"]
    check_page(page.text)
    assert "&lt;b&gt;&amp;&quot;&#39;" in page.text and "smtp.inject" in page.text and "invoices@contoso.example" in page.text
    number = box.messages()[0]["id"]
    shown = box.request(f"{box.info['web']}/messages/{number}")
    check_page(shown.text)
    assert "&lt;b&gt;" in shown.text and "Text" in shown.text
    assert box.request(box.info["web"] + "/sandbox.css").headers["Content-Type"].startswith("text/css")


@pytest.mark.parametrize("path", ["authorize", "deviceauth", "logout"])
def test_sign_in_pages(box, path):
    if path == "authorize":
        text = box.authorize().text
    elif path == "deviceauth":
        text = box.request(box.entra("common", "/oauth2/deviceauth")).text
    else:
        text = box.request(box.entra("common", "/oauth2/v2.0/logout")).text
    check_page(text)


def test_switch_by_the_page(box):
    answer = box.request(box.info["web"] + "/switches", {"name": "token.size", "value": "3"})
    assert answer.status == 303 and box.api("/api/switches/token.size")["value"] == "3"
    assert box.request(box.info["web"] + "/switches", {"name": "token.size", "value": "300"}).status == 422


def test_other_names_and_origins_are_refused(box):
    for headers in ({"Host": "evil.example"}, {"Host": "127.0.0.1.evil.example"}, {"Origin": "http://evil.example"}):
        assert box.request(box.info["web"] + "/api/state", headers=headers).status == 403
    port = box.info["web"].rsplit(":", 1)[1]
    assert box.request(box.info["web"] + "/api/state", headers={"Host": f"localhost:{port}"}).status == 200


def test_switches_over_http(box):
    items = box.api("/api/switches")["items"]
    assert len(items) > 50 and all(i["name"] and i["text"] and i["values"] for i in items)
    url = box.info["web"] + "/api/switches/"
    for path, data, status, text in (("nothing", '{"value":"x"}', 404, "no switch"), ("token.sise", '{"value":"1"}', 404, "token.size"),
                                     ("token.size", '{"value":"x"}', 422, "0..12"), ("token.size", "{}", 400, "value"),
                                     ("token.size", "nonsense", 400, "value"), ("token.size", '{"value":"1","uses":-1}', 400, "uses")):
        answer = box.request(url + path, data, "PUT")
        assert answer.status == status and text in answer.json["detail"], answer.text
    assert box.request(url + "token.size", "x" * 1100000, "PUT").status == 413
    box.set("idp.fault", "503", uses=3)
    assert box.api("/api/switches/idp.fault")["uses"] == 3
    box.set("smtp.auth-mailbox", "shop@contoso.example=off")
    assert box.api("/api/switches/smtp.auth-mailbox")["keys"] == {"shop@contoso.example": "off"}


def test_messages_over_http(box):
    with box.signed_in(box.sign_in()["access_token"]) as client:
        for _ in range(3):
            send(client)
    first, second, third = (m["id"] for m in box.messages())
    assert [m["id"] for m in box.api(f"/api/messages?after={first}")["items"]] == [second, third]
    assert [m["id"] for m in box.api("/api/messages?limit=1")["items"]] == [first]
    for path in ("/api/messages/999999", f"/api/messages/{first}/other", "/api/messages/x", "/api/nothing"):
        assert box.request(box.info["web"] + path).status == 404
    assert box.request(box.info["web"] + "/api/messages", "x", "PUT").status == 405
    box.api("/api/messages", "DELETE")
    assert box.messages() == [] and [f.name for f in (box.dir / "box" / "mail").iterdir()] == ["index.jsonl"]
    lines = (box.dir / "box" / "mail" / "index.jsonl").read_text().splitlines()
    assert {json.loads(line)["op"] for line in lines} == {"folder"}  # those stay, with their UIDs


def test_log_and_counters(box):
    last = box.api("/api/log")["items"]
    box.app_token()
    box.app_token(client_secret="wrong")
    items = box.api("/api/log?after=" + str(last[-1]["number"] if last else 0))["items"]
    good, bad = [i for i in items if i["kind"] == "token"]
    assert good["grant"] == "client_credentials" and good["status"] == 200 and "client_secret" in good["fields"]
    assert (bad["status"], bad["error"], bad["code"]) == (401, "invalid_client", 7000215)
    counters = box.api("/api/state")["counters"]
    assert (counters["token_requests"], counters["tokens_refused"]) == (2, 1)
    assert counters["by"]["token.app"]["by"][box.client("app")["client_id"]] == 2


# sandbox set

def test_set_command(box):
    assert set_(box, "token.size", "4").returncode == 0
    got = set_(box, "get", "token.size")
    assert got.returncode == 0 and got.stdout.startswith("token.size = 4\n")
    assert json.loads(set_(box, "get", "token.size", "--json").stdout)["value"] == "4"
    assert set_(box, "smtp.inject", "data=421 4.3.2 Service not available", "2").returncode == 0
    assert box.api("/api/state")["smtp_server"]["injections"] == [{"value": "data=421 4.3.2 Service not available", "uses": 2}]
    listed = set_(box, "--list")
    assert listed.returncode == 0 and "token.size = 4" in listed.stdout and "smtp.auth-tenant = on" in listed.stdout
    assert len(json.loads(set_(box, "--list", "--json").stdout)["items"]) > 50


@pytest.mark.parametrize("words, status, text", [
    (["token.sise", "1"], 1, "near it: token.size"), (["token.size", "99"], 1, 'it takes 0..12'),
    (["auto-consent", "maybe"], 1, "on|off"), (["revoke", "nobody@x.example"], 1, "no user"),
    (["certificate", "x=@/nowhere.pem"], 1, "/nowhere.pem"), (["token.size"], 2, "usage"), (["token.size", "1", "many"], 2, "uses"),
    (["--nonsense"], 2, "usage"), (["smtp.inject", "banana=421 x"], 1, "steps are connect")])
def test_set_command_refuses(box, words, status, text):
    done = set_(box, *words)
    assert done.returncode == status and text in done.stderr, done


def test_set_finds_the_sandbox(box, tmp_path):
    assert command(box, "set", "token.size", "2", env={"POSTERN_SANDBOX_DIR": str(box.dir / "box")}).returncode == 0
    (tmp_path / "sandbox").symlink_to(box.dir / "box")
    assert command(box, "set", "token.size", "2", cwd=tmp_path).returncode == 0
    none = command(box, "set", "token.size", "2", "--dir", str(tmp_path))
    assert none.returncode == 1 and "no sandbox was started" in none.stderr
    (tmp_path / "sandbox.json").write_text('{"web": "http://127.0.0.1:1"}')
    gone = command(box, "set", "token.size", "2", "--dir", str(tmp_path))
    assert gone.returncode == 1 and "still running" in gone.stderr


def test_help_and_usage(box):
    assert command(box, "--help").returncode == 0 and "--port-base" in command(box, "--help").stdout
    assert command(box, "set", "--help").returncode == 0
    assert command(box, "--nonsense", "x").returncode == 2 and command(box, "--dir").returncode == 2


# Start and stop

def test_only_loopback(tmp_path, box):
    done = command(box, "--dir", str(tmp_path / "x"), "--smtp", "0.0.0.0:0")
    assert done.returncode == 1 and "loopback" in done.stderr
    taken = command(box, "--dir", str(tmp_path / "x"), "--smtp", f"127.0.0.1:{box.info['smtp']['port']}")
    assert taken.returncode == 1 and "another program listens there" in taken.stderr
    bad = command(box, "--dir", str(tmp_path / "x"), "--set", "token.size=99")
    assert bad.returncode == 1 and "it takes 0..12" in bad.stderr
    assert command(box, "--dir", str(tmp_path / "no" / "where")).returncode == 1


def test_what_outlives_a_restart(tmp_path):
    first = Box(tmp_path, "--set", "auto-consent=on")
    with first.signed_in(first.app_token().json["access_token"]) as client:
        assert send(client)[0] == 250
    assert oct((tmp_path / "box" / "ca.key").stat().st_mode)[-3:] == "600"
    authority = pathlib.Path(first.info["ca_file"]).read_text()
    first.close()
    assert not (tmp_path / "box" / "sandbox.json").exists()
    second = Box(tmp_path)
    assert pathlib.Path(second.info["ca_file"]).read_text() == authority
    assert [m["subject"] for m in second.messages()] == ["Hello"]
    second.close()


def test_files_for_postern(box):
    yaml = pytest.importorskip("yaml")
    microsoft = yaml.safe_load((box.dir / "box" / "provider.yaml").read_text())
    assert microsoft["name"] == "sandbox" and microsoft["smtp"]["port"] == box.info["smtp"]["port"]
    issuer = microsoft["issuer"].replace("{tenant}", "contoso.example")
    assert box.request(issuer + "/.well-known/openid-configuration").status == 200
    other = yaml.safe_load((box.dir / "box" / "provider-google.yaml").read_text())
    assert box.request(other["issuer"] + "/.well-known/openid-configuration").json["issuer"] == other["issuer"]
    assert "postern provider add" in box.output() and "registration add web" in box.output()


# Bytes that nobody asked for

@pytest.mark.parametrize("data", [b"\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 600,
                                  b"GET / HTTP/1.1\r\n" + b"A: " + b"b" * 100000 + b"\r\n\r\n",
                                  b"POST /switches HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n",
                                  b"PUT /api/switches/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"])
def test_garbage(box, data):
    import socket
    ports = [int(box.info["web"].rsplit(":", 1)[1]), int(box.info["https"].rsplit(":", 1)[1]), box.info["smtp"]["port"]]
    for port in ports:
        with socket.create_connection(("127.0.0.1", port), 5) as s:
            try:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                while s.recv(65536):
                    pass
            except OSError:
                pass
    assert box.app_token().status == 200
