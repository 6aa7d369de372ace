"""Mail software that is not ours, started in a test's folder on free loopback ports: Dovecot's submission service (XOAUTH2 and
OAUTHBEARER only), Postfix with SASL PLAIN, Postfix's smtp-sink, and Python's aiosmtpd as a sink that keeps every byte."""
import grp
import http.server
import json
import os
import pwd
import shutil
import ssl
import subprocess
import threading
import urllib.parse

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

import harness

NOBODY = "nobody"


def have(*programs):
    return all(shutil.which(p) or os.path.exists(p) for p in programs)


class Certificates:
    """A throw-away authority and certificates for 127.0.0.1 and localhost, made with OpenSSL's own command."""

    def __init__(self, world):
        self.dir = world.dir / "tls"
        self.dir.mkdir(exist_ok=True)
        self.ca = self.dir / "ca.pem"
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "30",
                      "-subj", "/CN=Test authority", "-addext", "basicConstraints=critical,CA:TRUE",
                      "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self.cert, self.key = self.make("server", "DNS:localhost,IP:127.0.0.1")

    def _openssl(self, *args):
        subprocess.run(["openssl", *args], cwd=self.dir, check=True, capture_output=True)

    def make(self, name, alt_names, days="30"):
        (self.dir / f"{name}.ext").write_text(f"subjectAltName={alt_names}\nbasicConstraints=CA:FALSE\n")
        self._openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", days,
                      "-extfile", f"{name}.ext", "-out", f"{name}.pem")
        return self.dir / f"{name}.pem", self.dir / f"{name}.key"


class HttpStub:
    """A small HTTP server on a free port; `answer(method, path, form)` returns (status, object or bytes)."""

    def __init__(self, answer, certificates=None):
        class Handler(http.server.BaseHTTPRequestHandler):
            def _run(handler):
                size = int(handler.headers.get("Content-Length") or 0)
                form = dict(urllib.parse.parse_qsl(handler.rfile.read(size).decode()))
                status, body = answer(handler.command, handler.path, form)
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                handler.send_response(status)
                handler.send_header("Content-Type", "application/json")
                handler.send_header("Content-Length", str(len(data)))
                handler.end_headers()
                handler.wfile.write(data)

            do_GET = do_POST = _run

            def log_message(handler, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificates:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates.cert, certificates.key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Identity:
    """A token endpoint and a token introspection endpoint (RFC 7662), the least that Dovecot and a provider file need."""

    def __init__(self, user, certificates):
        self.user = user
        self.live = set()
        self.issued = 0
        self.stub = HttpStub(self._answer)
        self.url = f"http://127.0.0.1:{self.stub.port}"
        self.tls = HttpStub(self._answer, certificates)
        self.tls_url = f"https://127.0.0.1:{self.tls.port}"

    def _answer(self, method, path, form):
        if path == "/token":
            self.issued += 1
            token = f"stub-token-{self.issued}-{os.urandom(8).hex()}"
            self.live.add(token)
            return 200, {"token_type": "Bearer", "expires_in": 3600, "access_token": token}
        if path.startswith("/introspect"):
            token = form.get("token") or path.rsplit("?token=", 1)[-1]
            if token in self.live:
                return 200, {"active": True, "username": self.user, "email": self.user, "scope": "mail"}
            return 200, {"active": False}
        return 404, {"error": "not_found"}

    def close(self):
        self.stub.close()
        self.tls.close()


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


class Dovecot:
    """Dovecot as an IMAP-less submission server that takes XOAUTH2 and OAUTHBEARER only and relays to `relay_port`."""

    CONFIG = """\
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/dovecot.log
auth_verbose = yes
auth_debug = yes
protocols = submission
listen = 127.0.0.1
hostname = dovecot.test
ssl = required
ssl_cert = <{cert}
ssl_key = <{key}
auth_mechanisms = xoauth2 oauthbearer
disable_plaintext_auth = yes
default_internal_user = dovecot
default_login_user = dovenull
mail_location = maildir:{dir}/mail/%u
first_valid_uid = 1
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {dir}/oauth2.conf
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={dir}/home
}}
submission_relay_host = 127.0.0.1
submission_relay_port = {relay_port}
submission_relay_trusted = no
submission_max_mail_size = 200M
service submission-login {{
  chroot =
  inet_listener submission {{
    port = {port}
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""

    OAUTH2 = """\
introspection_mode = post
introspection_url = {url}/introspect
username_attribute = username
active_attribute = active
active_value = true
tls_ca_cert_file = {ca}
"""

    def __init__(self, world, certificates, identity, relay_port):
        self.dir = world.dir / "dovecot"
        for name in ("run", "state", "mail", "home"):
            (self.dir / name).mkdir(parents=True)
        for path in (world.dir, self.dir, self.dir / "mail", self.dir / "home"):
            path.chmod(0o755)
        for name in ("mail", "home"):
            os.chown(self.dir / name, pwd.getpwnam(NOBODY).pw_uid, grp.getgrnam("nogroup").gr_gid)
        self.port = harness.free_port()
        (self.dir / "oauth2.conf").write_text(self.OAUTH2.format(url=identity.url, ca=certificates.ca))
        config = self.dir / "dovecot.conf"
        config.write_text(self.CONFIG.format(dir=self.dir, cert=certificates.cert, key=certificates.key, port=self.port,
                                             relay_port=relay_port))
        self.process = world.run(["/usr/sbin/dovecot", "-F", "-c", config], "dovecot")
        harness.until(lambda: harness.can_connect(self.port), "Dovecot's port")

    def log(self):
        return (self.dir / "dovecot.log").read_text(errors="replace")


class Postfix:
    """Postfix in a folder of its own. `sasl_socket`: a Dovecot auth socket; then it wants SASL and STARTTLS."""

    MAIN = """\
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
mail_owner = postfix
setgid_group = postdrop
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = {dir}/log/maillog
maillog_file_prefixes = {dir}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = postfix.test
mydestination =
mynetworks =
relayhost = [127.0.0.1]:{relay_port}
smtp_dns_support_level = disabled
smtp_host_lookup = native
message_size_limit = 209715200
alias_maps =
alias_database =
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {sasl_socket}
smtpd_sasl_security_options = noanonymous
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
smtpd_tls_cert_file = {cert}
smtpd_tls_key_file = {key}
"""

    MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

    def __init__(self, world, certificates, relay_port, sasl_socket):
        self.dir = world.dir / "postfix"
        for name in ("etc", "queue", "data", "log"):
            (self.dir / name).mkdir(parents=True)
        world.dir.chmod(0o755)
        shutil.chown(self.dir / "data", "postfix")
        self.port = harness.free_port()
        (self.dir / "etc/main.cf").write_text(self.MAIN.format(dir=self.dir, relay_port=relay_port, sasl_socket=sasl_socket,
                                                               cert=certificates.cert, key=certificates.key))
        (self.dir / "etc/master.cf").write_text(self.MASTER.format(port=self.port))
        self._postfix("start")
        harness.until(lambda: harness.can_connect(self.port), "Postfix's port")

    def _postfix(self, verb):
        done = subprocess.run(["/usr/sbin/postfix", "-c", str(self.dir / "etc"), verb], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def log(self):
        return (self.dir / "log/maillog").read_text(errors="replace")

    def close(self):
        self._postfix("stop")


class DovecotSasl:
    """Only Dovecot's auth service: one user with a password, for Postfix's smtpd."""

    CONFIG = """\
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/dovecot.log
protocols =
ssl = no
auth_mechanisms = plain login
disable_plaintext_auth = no
passdb {{
  driver = static
  args = user={user} password={password}
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home=/nonexistent
}}
service auth {{
  unix_listener {dir}/auth {{
    mode = 0666
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""

    def __init__(self, world, user, password):
        self.dir = world.dir / "sasl"
        for name in ("run", "state"):
            (self.dir / name).mkdir(parents=True)
        world.dir.chmod(0o755)
        config = self.dir / "dovecot.conf"
        config.write_text(self.CONFIG.format(dir=self.dir, user=user, password=password))
        self.process = world.run(["/usr/sbin/dovecot", "-F", "-c", config], "dovecot-sasl")
        self.socket = self.dir / "auth"
        harness.until(self.socket.exists, "Dovecot's auth socket")
