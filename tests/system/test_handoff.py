"""Handing over, against receivers that are not ours: Dovecot's LMTP, a web server that checks signatures as the manual says,
and Maildirs as Python reads them."""
import hashlib
import hmac
import http.server
import imaplib
import json
import mailbox
import os
import pathlib
import re
import ssl
import subprocess
import time

import pytest

import harness

DRIVER = pathlib.Path(os.environ["POSTERN_BIN"]).resolve().parent / "tests/unit/handoff/handoff_driver"
KEY = "a key of more than sixteen octets"
MESSAGE = (b"Return-Path: <ann@customer.example>\r\nFrom: Ann <ann@customer.example>\r\nTo: box@corp.example\r\n"
           b"Subject: Hello\r\nMessage-ID: <1@customer.example>\r\nMIME-Version: 1.0\r\n"
           b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n"
           b"Content-Transfer-Encoding: 8bit\r\n\r\n\xc3\xb6 one\r\n.\r\n..two\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\n"
           b"Content-Transfer-Encoding: base64\r\n\r\nUERG\r\n--b--\r\n")


@pytest.fixture
def hand_over(tmp_path):
    if not DRIVER.exists():
        pytest.skip("the driver is not built")

    def run(endpoint, message=MESSAGE, *words):
        (tmp_path / "endpoint.json").write_text(json.dumps({"name": "hook", "mailbox": "box@corp.example", **endpoint}))
        (tmp_path / "message").write_bytes(message)
        done = subprocess.run([DRIVER, tmp_path / "endpoint.json", tmp_path / "message", *words], capture_output=True,
                              text=True, timeout=60, env={**os.environ, "KEY": KEY, "no_proxy": "*"})
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_dovecot_takes_mail_by_lmtp(hand_over, mailhost):
    """Byte for byte what was handed over, but for the lines that Dovecot adds on top."""
    user = mailhost.users[0]
    lmtp = {"host": f"127.0.0.1:{mailhost.ports['lmtp']}", "tls": "none", "recipient": user}
    out = hand_over({"kind": "lmtp", "lmtp": lmtp})
    assert out["result"] == "done" and out["text"].startswith("250 2.0.0"), out
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with imaplib.IMAP4_SSL("127.0.0.1", mailhost.ports["imaps"], ssl_context=context) as imap:
        imap.login(user, "secret")
        imap.select("INBOX")
        _, found = imap.search(None, "HEADER", "Message-ID", "<1@customer.example>")
        _, data = imap.fetch(found[0].split()[-1], "(BODY.PEEK[])")
    assert data[0][1].endswith(MESSAGE.split(b"\r\n", 1)[1])
    assert b"ann@customer.example" in data[0][1].split(b"\r\n")[0]


def test_dovecot_refuses_a_stranger(hand_over, mailhost):
    lmtp = {"host": f"127.0.0.1:{mailhost.ports['lmtp']}", "tls": "none", "recipient": "nobody@elsewhere.example"}
    out = hand_over({"kind": "lmtp", "lmtp": lmtp})
    assert (out["result"], out["finding"]) == ("park", "lmtp.refused") and "550 5.1.1" in out["text"], out


def test_smtp_takes_it_octet_for_octet(hand_over, sink):
    lmtp = {"host": f"localhost:{sink.port}", "is_smtp": True, "recipient": "team@corp.example"}
    out = hand_over({"kind": "lmtp", "lmtp": lmtp})
    assert (out["result"], out["text"]) == ("done", "250 2.0.0 kept"), out
    (envelope,) = sink.messages
    assert (envelope.mail_from, envelope.rcpt_tos) == ("ann@customer.example", ["team@corp.example"])
    assert envelope.content == MESSAGE


class Receiver(http.server.BaseHTTPRequestHandler):
    """Checks the signature in the words of postern-webhook(5)."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        header, key = self.headers, KEY
        names = {"hashlib": hashlib, "hmac": hmac, "time": time, "header": header, "body": body, "key": key}
        exec(self.server.check, names)
        self.server.got.append((names["ok"], dict(header), json.loads(body)))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words):
        pass


def check_of_the_manual():
    page = (pathlib.Path(__file__).resolve().parents[2] / "man/postern-webhook.5").read_text()
    return re.search(r"^(import hashlib.*?)\n\.Ed", page, re.M | re.S).group(1)


@pytest.fixture
def receiver():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.got, server.status, server.check = [], 200, check_of_the_manual()
    harness.serve(server)
    yield server
    server.shutdown()
    server.server_close()


def test_a_webhook_checks_the_signature(hand_over, receiver):
    url = f"http://127.0.0.1:{receiver.server_port}/hook"
    assert hand_over({"kind": "webhook", "webhook": {"url": url}}, MESSAGE, "19acb04d1a00001")["result"] == "done"
    ok, header, body = receiver.got[0]
    assert ok
    assert header["Idempotency-Key"] == header["Postern-Id"] == body["id"] == "019acb04d1a00001"
    assert body["text"] == "\u00f6 one\n.\n..two" and body["from"] == [{"name": "Ann", "address": "ann@customer.example"}]
    assert body["attachments"][0]["content"] == "UERG"
    assert body["attachments"][0]["sha256"] == hashlib.sha256(b"PDF").hexdigest()


def test_a_webhook_by_tls(hand_over, receiver, certificates):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.cert, certificates.key)
    receiver.socket = context.wrap_socket(receiver.socket, server_side=True)
    url = f"https://localhost:{receiver.server_port}/hook"
    webhook = {"url": url, "ca_file": str(certificates.ca)}
    assert hand_over({"kind": "webhook", "webhook": webhook})["result"] == "done"
    out = hand_over({"kind": "webhook", "webhook": {"url": url}})
    assert (out["result"], out["finding"]) == ("retry", "webhook.tls")
    assert len(receiver.got) == 1


def test_python_reads_the_maildir(hand_over, tmp_path):
    endpoint = {"kind": "maildir", "maildir": str(tmp_path / "mail")}
    for _ in range(2):  # the same item again, as after a death
        assert hand_over(endpoint, MESSAGE, "19acb04d1a00001")["result"] == "done"
    box = mailbox.Maildir(tmp_path / "mail", create=False)
    (message,) = list(box)
    assert message["Subject"] == "Hello" and message["Delivered-To"] == "box@corp.example"
    assert [part.get_content_type() for part in message.walk()] == ["multipart/mixed", "text/plain", "application/pdf"]
