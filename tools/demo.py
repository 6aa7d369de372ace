#!/usr/bin/python3
"""Shows Postern's main jobs on the built-in sandbox: an old program with a host, a port and a password sends and reads through
Microsoft 365, and applications are handed what arrives. All is in a temporary directory and on loopback; nothing is left behind."""
import argparse
import email
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import pwd
import re
import shutil
import smtplib
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

BIN = os.environ["POSTERN_BIN"]
MAILBOX = "shop@contoso.example"
RECIPIENT = "alice@contoso.example"
COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def paint(code, text):
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def chapter(text):
    print(f"\n{paint('1', '== ' + text)}", flush=True)


def note(text):
    print(f"   {text}", flush=True)


def good(text):
    print(f"   {paint('32', 'ok')}  {text}", flush=True)


class Failed(Exception):
    pass


def until(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise Failed(f"waited {seconds} s in vain for {what}")


class Stage:
    """The sandbox and the daemon, in a directory that goes away at the end."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="postern-demo-"))
        self.config = self.dir / "postern.yaml"
        self.running = []

    def start(self, name, *argv):
        log = open(self.dir / f"{name}.log", "wb")
        child = subprocess.Popen([BIN, *map(str, argv)], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        self.running.append((name, child))
        return child

    def log(self, name):
        return (self.dir / f"{name}.log").read_text(errors="replace")

    def start_sandbox(self):
        child = self.start("sandbox", "sandbox", "--dir", self.dir / "sandbox")
        until(lambda: self._alive(child, "sandbox") and "sandbox ready" in self.log("sandbox"), "the sandbox")
        self.sandbox = json.loads((self.dir / "sandbox/sandbox.json").read_text())

    def start_daemon(self):
        user = "user: root\n" if os.geteuid() == 0 else ""  # nobody else may look into the temporary directory
        self.config.write_text(f"{user}state: {self.dir}/state\nhostname: postern.demo\nconsole: {{ address: \"127.0.0.1:0\" }}\nlisteners:\n"
                               "  - { protocol: smtp, address: \"127.0.0.1:0\", tls: none }\n"
                               "  - { protocol: imap, address: \"127.0.0.1:0\", tls: none }\n")
        child = self.start("daemon", "serve", "-c", self.config)
        until(lambda: self._alive(child, "daemon") and self.call("status", check=False).returncode == 0, "the daemon")
        places = json.loads((self.dir / "state/listeners.json").read_text())
        ports = {entry["protocol"]: int(entry["address"].rsplit(":", 1)[1]) for entry in places["listeners"]}
        self.console = places["console"]["address"]
        self.port, self.imap_port = ports["smtp"], ports["imap"]

    def _alive(self, child, name):
        if child.poll() is not None:
            raise Failed(f"the {name} ended by itself:\n{self.log(name)}")
        return True

    def call(self, *args, stdin=None, check=True):
        done = subprocess.run([BIN, *map(str, args), "-c", str(self.config)], input=stdin, capture_output=True, text=True)
        if check and done.returncode != 0:
            raise Failed(f"postern {' '.join(map(str, args))}:\n{done.stdout}{done.stderr}")
        return done

    def show(self, *args, stdin=None):
        note(paint("36", "$ postern " + " ".join(map(str, args))))
        done = self.call(*args, stdin=stdin)
        for line in (done.stdout + done.stderr).rstrip().splitlines():
            note("  " + line)
        return done.stdout

    def json(self, *args):
        return json.loads(self.call(*args, "--json").stdout)

    def switch(self, name, value):
        note(paint("36", f"$ postern sandbox set {name} '{value}'"))
        done = subprocess.run([BIN, "sandbox", "set", name, value, "--dir", str(self.dir / "sandbox")], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(done.stdout + done.stderr)

    def arrived(self):
        with urllib.request.urlopen(self.sandbox["web"].rstrip("/") + "/api/messages") as answer:
            found = json.load(answer)
        return found["items"] if isinstance(found, dict) else found

    def raw(self, message):
        with urllib.request.urlopen(f"{self.sandbox['web'].rstrip('/')}/api/messages/{message['id']}/raw") as answer:
            return answer.read()

    def wait_state(self, message, *states):
        def reached():
            m = self.json("queue", "show", message)
            return m if m["state"] in states else None
        return until(reached, f"message {message} to be {' or '.join(states)}")

    def close(self):
        for _, child in reversed(self.running):
            if child.poll() is None:
                child.terminate()
                try:
                    child.wait(30)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def set_up(stage):
    chapter("A Microsoft 365 tenant on this machine, and Postern in front of it")
    stage.start_sandbox()
    good(f"the sandbox plays Entra and Exchange Online; what arrives can be seen at {stage.sandbox['web']}")
    stage.start_daemon()
    good(f"Postern listens for programs on 127.0.0.1: SMTP on port {stage.port}, IMAP on port {stage.imap_port}")

    chapter("What an administrator does once")
    r = next(r for r in stage.sandbox["registrations"] if r["name"] == "web")
    stage.show("provider", "add", stage.dir / "sandbox/provider.yaml")
    stage.show("registration", "add", "m365", "--provider", "sandbox", "--tenant", r["tenant"], "--client-id", r["client_id"],
               "--secret-file", "-", stdin=r["secret"])
    stage.show("mailbox", "add", MAILBOX, "--registration", "m365", "--grant", "code")


def press_buttons(stage, url):
    """What a browser and a person do, in the sandbox's automatic mode: follow the redirects."""
    context = ssl.create_default_context(cafile=stage.dir / "sandbox/ca.pem")
    with urllib.request.urlopen(url, context=context) as answer:
        answer.read()


def authorise(stage, interactive):
    chapter("Authorise: the mailbox's owner signs in, once")
    if not interactive:
        stage.switch("auto-consent", "on")
    note(paint("36", f"$ postern mailbox authorize {MAILBOX} --localhost"))
    waiting = subprocess.Popen([BIN, "mailbox", "authorize", MAILBOX, "--localhost", "--json", "-c", str(stage.config)], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    url = json.loads(waiting.stdout.readline())["url"]
    if interactive:
        note("open this address in a browser (it will warn of the sandbox's own certificate):")
        print(f"\n{url}\n")
        note(f"choose {MAILBOX} and press Accept")
    else:
        press_buttons(stage, url)
    out, err = waiting.communicate(timeout=600)
    if waiting.returncode != 0:
        raise Failed(out + err)
    good("code with PKCE redeemed, id_token verified, refresh token sealed in the vault")
    note(paint("36", "$ postern app add erp --mailbox " + MAILBOX))
    password = stage.json("app", "add", "erp", "--mailbox", MAILBOX)["password"]
    good("a password of its own for the program; it is shown this once and can be revoked")
    return password


def without_received(raw):
    at = 0
    while True:
        at = raw.index(b"\r\n", at) + 2
        if raw[at:at + 1] not in (b" ", b"\t"):
            return raw[at:]


def letter(subject, body):
    return (f"From: {MAILBOX}\r\nTo: {RECIPIENT}\r\nSubject: {subject}\r\nDate: Sat, 21 Nov 2026 09:00:00 +0000\r\n"
            f"Message-ID: <{subject.replace(' ', '-')}@old.program>\r\n\r\n").encode() + body


def compare(stage, count, sent):
    messages = until(lambda: (m := stage.arrived()) and len(m) >= count and m, "the message in the sandbox")
    match = [m for m in messages if without_received(stage.raw(m)) == sent]
    if not match:
        raise Failed("what arrived is not what was sent")
    good(f"it arrived byte for byte: {len(sent):,} bytes, plus one Received line")


def send_by_swaks(stage, password):
    chapter("An ordinary SMTP client sends, with nothing but host, port and password")
    sent = letter("Hello from swaks", b"A line.\r\n.A line that begins with a dot.\r\n")
    file = stage.dir / "hello.eml"
    file.write_bytes(sent.removesuffix(b"\r\n"))  # swaks ends the last line itself
    argv = ["swaks", "--server", "127.0.0.1", "--port", str(stage.port), "--auth", "PLAIN", "--auth-user", "erp", "--auth-password",
            password, "--from", MAILBOX, "--to", RECIPIENT, "--data", f"@{file}"]
    note(paint("36", "$ swaks --auth PLAIN --auth-user erp --auth-password (hidden) …"))
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(done.stdout + done.stderr)
    for line in done.stdout.splitlines():
        if line.startswith("<~  250 2.0.0") or line.startswith("<-  250 2.0.0"):
            note("  " + line)
    compare(stage, 1, sent)


def send_ten_megabytes(stage, password):
    chapter("An old program sends a 10 MB attachment with AUTH LOGIN")
    import base64
    sent = letter("Monthly report", base64.encodebytes(os.urandom(10_000_000)).replace(b"\n", b"\r\n"))
    with smtplib.SMTP("127.0.0.1", stage.port, timeout=120) as client:
        client.ehlo()
        client.user, client.password = "erp", password
        client.auth("LOGIN", client.auth_login)
        client.sendmail(MAILBOX, [RECIPIENT], sent)
    compare(stage, 2, sent)


def send_by_http(stage, password):
    chapter("A program sends a document by HTTP")
    document = stage.dir / "invoice.pdf"
    document.write_bytes(b"%PDF-1.4\n" + bytes(range(256)) * 400)
    before = len(stage.arrived())
    command = ["curl", "--silent", "--show-error", "--fail-with-body", "--config", "-", "--header", "Idempotency-Key: invoice-4711",
               "--form", f"from={MAILBOX}", "--form", f"to={RECIPIENT}", "--form", "subject=Invoice 4711", "--form", "text=As a document.",
               "--form", f"invoice=@{document};type=application/pdf", f"http://{stage.console}/api/v1/messages"]
    note(paint("36", "$ " + " ".join(command).replace("--config -", "--user erp:PASSWORD")))
    answers = []
    for _ in range(2):  # the second time as a program does that heard no answer
        done = subprocess.run(command, input=f'user = "erp:{password}"\n', capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(done.stdout + done.stderr)
        answers.append(json.loads(done.stdout)["id"])
    if answers[0] != answers[1]:
        raise Failed(f"the same send became two messages: {answers}")
    stage.wait_state(answers[0], "delivered")
    arrived = email.message_from_bytes(stage.raw(stage.arrived()[-1]))
    files = [part.get_payload(decode=True) for part in arrived.walk() if part.get_filename() == "invoice.pdf"]
    if files != [document.read_bytes()]:
        raise Failed("the document did not arrive as it was sent")
    if len(stage.arrived()) != before + 1:
        raise Failed("it arrived more than once")
    good("it arrived octet for octet, and once though it was sent twice: the Idempotency-Key says that both are one")


def submit(stage, password, subject, recipients=(RECIPIENT,)):
    with smtplib.SMTP("127.0.0.1", stage.port, timeout=60) as client:
        client.ehlo()
        client.login("erp", password)
        client.mail(MAILBOX)
        for recipient in recipients:
            client.rcpt(recipient)
        _, text = client.data(letter(subject, b"Text\r\n"))
    return text.decode().rsplit(" ", 1)[-1]


def say_recipient(message):
    r = message["recipients"][0]
    note(f"  state {message['state']}; the server said: {r['last']}")


def throttled(stage, password):
    chapter("A bad minute: Exchange throttles the mailbox")
    stage.switch("smtp.inject", "end=432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded")
    message = submit(stage, password, "Throttled")
    say_recipient(stage.wait_state(message, "deferred", "queued"))
    good("the program got its 250 all the same; Postern keeps the message and tries again")
    stage.switch("smtp.inject", "off")
    stage.show("queue", "retry", message)
    stage.wait_state(message, "delivered")
    good("delivered")


def refused(stage, password):
    chapter("A bad day: somebody switched SMTP AUTH off for the mailbox")
    stage.switch("smtp.auth-mailbox", f"{MAILBOX}=off")
    note("(the connection that is still open would go on working; a fresh one meets the switch)")
    stage.call("mailbox", "set", MAILBOX, "--alias", "orders@contoso.example")
    message = submit(stage, password, "Refused")
    say_recipient(stage.wait_state(message, "held"))
    good("nothing is bounced: the mail waits for a person. What Postern tells that person:")
    stage.show("status")
    test = stage.call("mailbox", "test", MAILBOX, check=False)
    for line in (test.stdout + test.stderr).rstrip().splitlines():
        note("  " + line)
    stage.switch("smtp.auth-mailbox", f"{MAILBOX}=on")
    stage.show("queue", "retry", message)
    stage.wait_state(message, "delivered")
    good("delivered")


def read_by_curl(stage, password):
    chapter("Mail in: a stock IMAP client reads the mailbox, with that same password")
    message = submit(stage, password, "Note to self", [MAILBOX])
    stage.wait_state(message, "delivered")

    def curl(path, *command):
        options = f'user = "erp:{password}"\nurl = "imap://127.0.0.1:{stage.imap_port}/{path}"\n'
        done = subprocess.run(["curl", "-sS", "--config", "-", *command], input=options.encode(), capture_output=True)
        if done.returncode != 0:
            raise Failed(done.stderr.decode())
        return done.stdout
    note(paint("36", "$ curl imap://127.0.0.1/INBOX -X 'UID SEARCH SUBJECT \"Note to self\"'"))
    found = curl("INBOX", "-X", 'UID SEARCH SUBJECT "Note to self"').decode().split()
    note("  " + " ".join(found))
    note(paint("36", f"$ curl 'imap://127.0.0.1/INBOX;UID={found[-1]}'"))
    raw = curl(f"INBOX;UID={found[-1]}")
    for line in raw.split(b"\r\n\r\n")[0].decode().splitlines():
        if not line.startswith((" ", "\t", "Received")):
            note("  " + line)
    if raw not in [stage.raw(m) for m in stage.arrived()]:
        raise Failed("what was read is not what lies in the mailbox")
    good("byte for byte what lies in the mailbox; curl knows nothing of OAuth, and the mailbox no password")


class Hook:
    """An application's web hook: keeps what is posted, and checks the signature as an application should."""

    def __init__(self):
        self.posts = []
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.posts.append((dict(self.headers), body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *args):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/mail"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def is_signed(headers, body, key):
    parts = dict(p.split("=", 1) for p in headers["Postern-Signature"].split(","))
    text = f"postern-webhook-1.{parts['t']}.{hashlib.sha256(body).hexdigest()}"
    return hmac.compare_digest(parts["v1"], hmac.new(key.encode(), text.encode(), "sha256").hexdigest())


def hand_over(stage, password):
    chapter("Mail in: applications are handed what arrives, at a web hook and in a Maildir")
    hook, maildir = Hook(), stage.dir / "Maildir"
    try:
        note(paint("36", f"$ postern endpoint add crm --mailbox {MAILBOX} --webhook {hook.url}"))
        key = stage.json("endpoint", "add", "crm", "--mailbox", MAILBOX, "--webhook", hook.url)["key"]
        good("the key that signs what is posted; it is shown this once")
        stage.show("endpoint", "add", "archive", "--mailbox", MAILBOX, "--maildir", maildir)
        until(lambda: all(watching(stage, name) for name in ("crm", "archive")), "the mailbox to be watched")
        good("the mailbox is watched by IMAP IDLE; what lay there before is left alone")
        began = time.monotonic()
        first = submit(stage, password, "Order 4711", [MAILBOX])
        headers, body = until(lambda: hook.posts and hook.posts[0], "the web hook to be called")
        took = time.monotonic() - began
        posted = json.loads(body)
        for field in ("message_id", "subject", "text"):
            note(f"  {field}: {posted[field].strip()}")
        if not is_signed(headers, body, key) or posted["subject"] != "Order 4711":
            raise Failed("the web hook was called with something else")
        good(f"posted as JSON, {took:.1f} s after the program sent it; the signature is right")
        files = until(lambda: [*maildir.glob("new/*")], "a file in the Maildir")
        if b"Subject: Order 4711\n" not in files[0].read_bytes():
            raise Failed("the Maildir has something else")
        good(f"and written to {files[0].relative_to(stage.dir)}")
        stage.show("endpoint", "list")
        return first
    finally:
        hook.close()


def watching(stage, endpoint):
    return stage.json("endpoint", "show", endpoint).get("watch_state", {}).get("state") == "idle"


def go_on(stage, password):
    chapter("Go on playing")
    note("while this runs, in another terminal:")
    note(f"  export POSTERN_CONFIG={stage.config} PATH={pathlib.Path(BIN).parent}:$PATH")
    note("  postern status                    how it goes")
    note("  postern sandbox set --list        what can go wrong in the sandbox")
    note(f"  postern sandbox set --dir {stage.dir}/sandbox idp.fault 503")
    note(f"  swaks --server 127.0.0.1:{stage.port} --auth-user erp --auth-password {password} --from {MAILBOX} --to {RECIPIENT}")
    note(f"what arrives: {stage.sandbox['web']}")
    link = re.search(r"http://\S+/setup#\S+", stage.log("daemon"))
    if link:
        note(f"the console, for a name and a password of your own: {link[0]}")
    try:
        input("\n   Enter ends it. ")
    except (EOFError, KeyboardInterrupt):
        print()


def main():
    options = argparse.ArgumentParser(prog="./dev demo", description=__doc__)
    options.add_argument("--once", action="store_true", help="end after the show; the exit status says whether all went well")
    options.add_argument("--interactive", action="store_true", help="a person signs in with a browser")
    args = options.parse_args()
    stage = Stage()
    try:
        set_up(stage)
        password = authorise(stage, args.interactive)
        send_by_swaks(stage, password)
        send_ten_megabytes(stage, password)
        send_by_http(stage, password)
        throttled(stage, password)
        refused(stage, password)
        read_by_curl(stage, password)
        hand_over(stage, password)
        chapter("All of it worked.")
        if not args.once and sys.stdin.isatty():
            go_on(stage, password)
        else:
            note("to go on playing: ./dev demo in a terminal leaves it running until you press Enter;")
            note("or start your own: postern sandbox --dir ./sandbox, then postern serve (README, \"five steps\")")
        return 0
    except Failed as e:
        print(f"\n{paint('31', 'failed:')} {e}", file=sys.stderr)
        for name, _ in stage.running:
            print(f"\n-- the end of {name}.log\n{stage.log(name)[-3000:]}", file=sys.stderr)
        return 1
    finally:
        stage.close()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
