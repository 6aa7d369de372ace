"""A gateway with its console, joined to a sandbox, and the people who may come in."""
import contextlib
import http.server
import os
import re
import signal

import harness

PASSWORDS = {"anna": "a-bridge-of-7-planks", "rolf": "only-looks-at-things-9"}


class Scene:
    """`is_new`: as installed, with nobody and nothing in it; else with an administrator and a read-only operator. `console`: settings of
    it in the configuration; `host`: as people name this machine."""
    ADMINISTRATOR, READER = "anna", "rolf"
    MAILBOX = harness.Tenant.MAILBOX

    def __init__(self, world, is_new=False, host="127.0.0.1", console=""):
        self.world = world
        self.sandbox = harness.Sandbox(world, binary=harness.SWIFT)
        self.sandbox.set("smtp.limits", "off")
        self.port = harness.quiet_port()  # the same after a restart
        self.root = f"http://{host}:{self.port}"
        public = "" if host == "127.0.0.1" else f', public-url: "{self.root}"'
        self.gateway = harness.Gateway(world, f'console: {{ address: "127.0.0.1:{self.port}"{public}{console} }}\n')
        self.sessions = {}
        if not is_new:
            self.people()

    @property
    def sign_in_root(self):
        return self.sandbox.info["https"] if "https" in self.sandbox.info else self.sandbox.info["web"]

    def setup_link(self):
        """As the daemon prints it when it starts and nobody can sign in yet."""
        return harness.until(lambda: re.search(r"https?://\S+/setup#\S+", self.gateway.process.text()), "the setup link").group()

    def people(self):
        console = self.gateway.console()
        made = console.post("setup", {"token": self.setup_link().split("#")[1], "name": self.ADMINISTRATOR, "password": PASSWORDS[self.ADMINISTRATOR]})
        assert made.status == 201, made
        console.csrf = made.json["csrf"]
        self.sessions[self.ADMINISTRATOR] = console
        for path, body in ((f"operators/{self.READER}", {"name": self.READER, "role": "operator"}), (f"operators/{self.READER}/password", {"password": PASSWORDS[self.READER]})):
            answer = console.put(path, body)
            assert answer.status in (200, 201, 204, 404), answer

    def session(self, name):
        if name not in self.sessions:
            self.sessions[name] = self.gateway.console()
            answer = self.sessions[name].sign_in(name, PASSWORDS[name])
            assert answer.status == 200, answer
        return self.sessions[name]

    def renew(self, name):
        """As after a story that ended the session."""
        self.sessions.pop(name, None)
        return self.session(name)

    @contextlib.contextmanager
    def without(self, role):
        """Killed, and not made anew as long as the parent sleeps."""
        parent, victim = self.gateway.process.child, self.gateway.roles(role)[0]["pid"]
        parent.send_signal(signal.SIGSTOP)
        os.kill(victim, signal.SIGKILL)
        try:
            yield
        finally:
            parent.send_signal(signal.SIGCONT)
            harness.until(lambda: self.gateway.roles(role)[0]["pid"] != victim and self.gateway.local().get("queue/stats").status == 200, f"{role} again")

    # Something to look at

    def provider(self):
        self.gateway.add_provider(self.sandbox.dir / "provider.yaml")

    def registration(self, name, kind, **more):
        r = next(r for r in self.sandbox.info["registrations"] if r["name"] == kind)
        self.gateway.add("registrations", name, secret=r.get("secret"), provider="sandbox", tenant=r["tenant"], client_id=r["client_id"],
                         credential="secret" if r.get("secret") else "none", **more)
        return r

    def mailbox(self, address, registration, grant):
        self.gateway.add("mailboxes", address, registration=registration, grant=grant)

    def connect(self, address=MAILBOX, app="erp"):
        """A mailbox that works without a person, and an app with its password."""
        self.provider()
        self.registration("m365", "app")
        self.mailbox(address, "m365", "app")
        self.app(app, address)

    def app(self, name, address=MAILBOX):
        self.password = harness.new_app(self.gateway, name, [address])

    def submit(self, subject, to="alice@contoso.example", body="Text\r\n"):
        return self.gateway.submit("erp", self.password, self.MAILBOX, to, harness.letter(subject, body, to=to))

    def bounce(self, subject="order 3 that nobody knows"):
        self.sandbox.set("smtp.inject", "rcpt=550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found")
        message = self.submit(subject, "nobody@contoso.example")
        self.gateway.wait_state(message, "bounced")
        self.sandbox.set("smtp.inject", "off")
        return message

    def hold(self, subject):
        """One that waits for a person: the mailbox is paused meanwhile, so that nothing else happens to it."""
        return self.hold_many([subject])[0]

    def hold_many(self, subjects):
        g = self.gateway
        g.asked("POST", f"mailboxes/{self.MAILBOX}/pause")
        with g.smtp() as client:
            client.ehlo()
            client.login("erp", self.password)
            messages = [harness.submit_on(client, self.MAILBOX, "alice@contoso.example", harness.letter(s)) for s in subjects]
        for at in range(0, len(messages), 100):
            g.asked("POST", "messages/hold", {"ids": messages[at:at + 100]})
        g.asked("POST", f"mailboxes/{self.MAILBOX}/resume")
        return messages

    def watched(self, endpoint):
        """What arrives from now on is its own."""
        harness.until(lambda: self.gateway.asked("GET", f"endpoints/{endpoint}").get("watch_state", {}).get("state") == "idle", f"{endpoint} watching")

    def arrive(self, subject):
        self.sandbox.put(harness.letter(subject, to=self.MAILBOX, sender="ann@fabrikam.example"), self.MAILBOX)

    def park(self, receiver, name="hook", subject="An answer that nobody takes"):
        """An endpoint whose receiver says "for good": one mail is parked. Its id."""
        receiver.status = 410
        self.gateway.asked("PUT", f"endpoints/{name}", {"name": name, "mailbox": self.MAILBOX, "kind": "webhook", "webhook": {"url": receiver.url}})
        self.gateway.asked("POST", f"endpoints/{name}/key")
        self.watched(name)
        self.arrive(subject)
        return self.gateway.wait_event("mail.parked", endpoint=name)["item"]

    def furnish(self, receiver):
        """Something of every kind, well and unwell. What a page's address needs is in `facts`."""
        self.receiver = receiver
        g = self.gateway
        self.connect()
        self.registration("people", "web")
        dead = "bob@contoso.example"
        self.mailbox(dead, "people", "code")
        delivered = self.submit("order 1")
        g.wait_state(delivered, "delivered")
        self.facts = {"mailbox": self.MAILBOX, "dead": dead, "delivered": delivered, "bounced": self.bounce(), "held": self.hold("order 2"),
                      "parked": self.park(receiver)}
        anna = self.session(self.ADMINISTRATOR)
        anna.put("keys/reporting", {"name": "reporting", "scopes": ["read"]})


class Receiver:
    """A program that web hooks call; it answers with `status`."""

    def __init__(self):
        self.status, self.bodies = 200, []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # noqa: N802  (the base's name)
                receiver.bodies.append(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        harness.serve(self.server)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
