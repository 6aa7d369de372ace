"""Where mail ends: aiosmtpd, which keeps every byte, and Postfix's smtp-sink."""
import os

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

import harness

NOBODY = "nobody"


class Sink:
    """aiosmtpd: keeps the bytes of every message as they came over the wire (dots unstuffed)."""

    def __init__(self, size=200 << 20, **options):
        self.messages = []
        sink = self

        class Handler:
            async def handle_DATA(self, server, session, envelope):
                sink.messages.append(envelope)
                return "250 2.0.0 kept"

        class Unbounded(SMTP):
            line_length_limit = 200 << 20

        class Bare(Controller):
            def factory(self):
                return Unbounded(self.handler, data_size_limit=size, enable_SMTPUTF8=options.get("smtputf8", True),
                                 decode_data=False, hostname="sink.test")

        self.controller = Bare(Handler(), hostname="127.0.0.1", port=harness.free_port())
        self.controller.start()
        self.port = self.controller.port

    def close(self):
        self.controller.stop()


class SmtpSink:
    """Postfix's smtp-sink, dumping each message into its folder."""

    def __init__(self, world, *options):
        self.dir = world.dir / "sink"
        self.dir.mkdir(exist_ok=True)
        self.dir.chmod(0o777)
        self.port = harness.free_port()
        user = ["-u", NOBODY] if os.getuid() == 0 else []
        self.process = world.run(["/usr/sbin/smtp-sink", *user, "-d", "m.", *options, f"127.0.0.1:{self.port}", "100"], "smtp-sink",
                                 cwd=self.dir)
        harness.until(lambda: harness.can_connect(self.port), "smtp-sink's port")

    def files(self):
        return sorted(p for p in self.dir.glob("m.*") if p.stat().st_size)
