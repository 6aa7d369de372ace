"""The mailboxes that are read, and the proxies in front of them: Debian's Dovecot and nginx as they come, tuned as their manuals say.

Each listens on one port per protocol and leg: `ports[protocol, is_tls]`. They can be stopped and started again."""
import base64
import grp
import hashlib
import hmac
import http.server
import json
import os
import pwd
import signal
import ssl
import subprocess
import threading
import time
import urllib.parse

from servers import Gateway, Server, can_connect, free_port, until

PASSWORD = "read-me"
PEOPLE = [f"user{n:02d}@bench.example" for n in range(20)]
SMALL, LARGE = 4096, 10 << 20
SMALL_COUNT, LARGE_COUNT = 100, 2
LARGE_OWNER = "large@bench.example"
LEGS = [("imap", False), ("imap", True), ("pop3", False), ("pop3", True)]


class Certificates:
    def __init__(self, folder):
        self.key, self.cert = folder / "tls.key", folder / "tls.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.key, "-out", self.cert, "-days", "30",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True)


def letter(number, size):
    head = (f"From: <load@bench.example>\r\nTo: <rcpt@bench.example>\r\nSubject: bench {number}\r\n"
            f"Date: Sat, 21 Nov 2026 09:00:00 +0000\r\nMessage-ID: <{number}@bench.example>\r\n\r\n")
    line = "The quick brown fox jumps over the lazy dog, and so on until the line ends.\r\n"
    return (head + line * (size // len(line) + 1))[:size - 2] + "\r\n"


def token(user, key, seconds=86400):
    """A JWT that Dovecot checks by itself: nobody is asked, so that what is measured is the proxy."""
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")
    now = int(time.time())
    claims = {"iss": "bench", "sub": user, "username": user, "iat": now - 60, "nbf": now - 60, "exp": now + seconds, "scope": "mail"}
    signed = part(b'{"typ":"JWT","alg":"HS256","kid":"default"}') + b"." + part(json.dumps(claims).encode())
    return (signed + b"." + part(hmac.new(key, signed, hashlib.sha256).digest())).decode()


def wait_for(ports, what):
    for port in ports.values():
        until(lambda port=port: can_connect(port), what, 30)


class Dovecot(Server):
    """What its two uses have in common: login processes that serve many (its high-performance mode), and nothing in the log."""

    CONFIG = """\
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/dovecot.log
protocols = imap pop3
listen = 127.0.0.1
ssl = yes
ssl_cert = <{cert}
ssl_key = <{key}
disable_plaintext_auth = no
default_internal_user = dovecot
default_login_user = dovenull
default_client_limit = 20000
default_vsz_limit = 4G
mail_max_userip_connections = 100000
first_valid_uid = 1
info_log_path = /dev/null
service imap-login {{
  chroot =
  service_count = 0
  client_limit = 12000
  process_min_avail = 2
  process_limit = 2
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service pop3-login {{
  chroot =
  service_count = 0
  client_limit = 12000
  process_min_avail = 2
  process_limit = 2
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
{more}
"""

    def __init__(self, folder, name, certificates, more):
        self.dir = folder / name
        for part in ("run", "state"):
            (self.dir / part).mkdir(parents=True)
        self.ports = {leg: free_port() for leg in LEGS}
        self.log = self.dir / "dovecot.log"
        self.config = self.dir / "dovecot.conf"
        self.config.write_text(self.CONFIG.format(
            dir=self.dir, cert=certificates.cert, key=certificates.key, more=more, imap=self.ports["imap", False],
            imaps=self.ports["imap", True], pop3=self.ports["pop3", False], pop3s=self.ports["pop3", True]))
        self.start()

    def start(self):
        self.process = subprocess.Popen(["/usr/sbin/dovecot", "-F", "-c", self.config], stdin=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        self.pid = self.process.pid
        wait_for(self.ports, f"Dovecot listens; see {self.log}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


class Upstream(Dovecot):
    """The mailboxes: in Maildirs, open by password and by token. A mail process serves many, as one each would take all memory."""

    MORE = """\
auth_mechanisms = plain login xoauth2
mail_location = maildir:{dir}/mail/%u
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {dir}/oauth2.conf
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login
  args = scheme=PLAIN username_format=%u {dir}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {dir}/users
}}
service imap {{
  client_limit = 1000
  service_count = 0
  process_min_avail = 4
  process_limit = 64
}}
service pop3 {{
  client_limit = 1000
  service_count = 0
  process_min_avail = 4
  process_limit = 64
}}
"""

    OAUTH2 = """\
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={dir}/keys/
username_attribute = username
"""

    def __init__(self, folder, certificates):
        place = folder / "upstream"
        place.mkdir()
        self.key = os.urandom(32)
        keys = place / "keys/default/HS256"
        keys.mkdir(parents=True)
        (keys / "default").write_bytes(base64.b64encode(self.key))
        (place / "oauth2.conf").write_text(self.OAUTH2.format(dir=place))
        ids = pwd.getpwnam("nobody").pw_uid, grp.getgrnam("nogroup").gr_gid
        (place / "users").write_text("".join(f"{u}:{PASSWORD}:{ids[0]}:{ids[1]}::{place}/mail/{u}::\n" for u in [*PEOPLE, LARGE_OWNER]))
        for user in PEOPLE:
            self._fill(place / "mail" / user, SMALL_COUNT, SMALL, ids)
        self._fill(place / "mail" / LARGE_OWNER, LARGE_COUNT, LARGE, ids)
        os.chown(place / "mail", *ids)
        super().__init__(folder, "upstream", certificates, self.MORE.format(dir=place))

    @staticmethod
    def _fill(path, count, size, ids):
        for part in ("", "cur", "new", "tmp"):
            (path / part).mkdir(parents=True, exist_ok=True)
            os.chown(path / part, *ids)
        for number in range(count):
            file = path / "cur" / f"{1790000000 + number}.M{number}P1.bench.example,S={size}:2,S"
            file.write_text(letter(number, size), newline="")
            os.chown(file, *ids)

    def people(self, file, users, by_token):
        file.write_text("".join(f"xoauth2 {u} {token(u, self.key)}\n" if by_token else f"password {u} {PASSWORD}\n" for u in users))
        return file


class Proxy:
    """A proxy's clients sign in by a password."""
    upstream_tls = True

    def people(self, file, users):
        file.write_text("".join(f"password {u} {PASSWORD}\n" for u in users))
        return file


class DovecotProxy(Proxy, Dovecot):
    name = "Dovecot"

    MORE = """\
auth_mechanisms = plain login
passdb {{
  driver = static
  args = proxy=y host=127.0.0.1 port=%{{if;%s;eq;imap;{imap};{pop3}}} ssl=any-cert nopassword=y
}}
"""

    def __init__(self, folder, certificates, upstream):
        super().__init__(folder, "dovecot", certificates, self.MORE.format(imap=upstream.ports["imap", True], pop3=upstream.ports["pop3", True]))

    @staticmethod
    def version():
        return "Dovecot " + subprocess.run(["/usr/sbin/dovecot", "--version"], capture_output=True, text=True).stdout.strip()


class Nginx(Proxy, Server):
    """nginx's mail proxy can't speak TLS to the upstream. Whom to sign in where it asks by HTTP; nginx itself answers."""
    name = "nginx"
    upstream_tls = False

    CONFIG = """\
load_module /usr/lib/nginx/modules/ngx_mail_module.so;
user www-data;
pid {dir}/nginx.pid;
error_log {dir}/error.log error;
worker_processes auto;
worker_rlimit_nofile 20000;
events {{
    worker_connections 20000;
}}
http {{
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    keepalive_requests 1000000;
    server {{
        listen 127.0.0.1:{auth};
        location / {{
            add_header Auth-Status OK;
            add_header Auth-Server 127.0.0.1;
            add_header Auth-Port $upstream_port;
            return 200 "";
        }}
    }}
    map $http_auth_protocol $upstream_port {{
        imap {upstream_imap};
        pop3 {upstream_pop3};
    }}
}}
mail {{
    server_name localhost;
    auth_http 127.0.0.1:{auth}/;
    ssl_certificate {cert};
    ssl_certificate_key {key};
    proxy_timeout 24h;
    timeout 24h;
    imap_auth plain login;
    pop3_auth plain;
    server {{
        listen 127.0.0.1:{imap};
        protocol imap;
    }}
    server {{
        listen 127.0.0.1:{imaps} ssl;
        protocol imap;
    }}
    server {{
        listen 127.0.0.1:{pop3};
        protocol pop3;
    }}
    server {{
        listen 127.0.0.1:{pop3s} ssl;
        protocol pop3;
    }}
}}
"""

    def __init__(self, folder, certificates, upstream):
        self.dir = folder / "nginx"
        self.dir.mkdir()
        self.ports = {leg: free_port() for leg in LEGS}
        self.config = self.dir / "nginx.conf"
        self.config.write_text(self.CONFIG.format(
            dir=self.dir, cert=certificates.cert, key=certificates.key, auth=free_port(),
            upstream_imap=upstream.ports["imap", False], upstream_pop3=upstream.ports["pop3", False], imap=self.ports["imap", False],
            imaps=self.ports["imap", True], pop3=self.ports["pop3", False], pop3s=self.ports["pop3", True]))
        self.start()

    def start(self):
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-e", self.dir / "error.log", "-c", self.config, "-g", "daemon off;"],
                                        stdin=subprocess.DEVNULL)
        self.pid = self.process.pid
        wait_for(self.ports, f"nginx listens; see {self.dir}/error.log")

    @staticmethod
    def version():
        done = subprocess.run(["/usr/sbin/nginx", "-v"], capture_output=True, text=True)
        return done.stderr.strip().rpartition(": ")[2].replace("/", " ")

    def stop(self):
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(60)


class TokenEndpoint:
    """Gives out the upstream's tokens: that of the client id, an address with "=" for "@"."""

    def __init__(self, certificates, key):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                data = json.dumps({"token_type": "Bearer", "expires_in": 86400, "access_token": token(form["client_id"].replace("=", "@"), key)}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.cert, certificates.key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}/token"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class PosternBridge(Gateway):
    """Clients sign in with their app's password, Postern by a token that it got before the measurement began."""
    name = "Postern"
    upstream_tls = True

    LIMITS = "{ sessions: 40000, sessions-per-host: 40000 }\nbridge: { sessions-per-app: 40000, sessions-per-mailbox: 40000, imap-idle: 24h }"
    LISTENER = '  - {{ protocol: {protocol}, address: "127.0.0.1:{port}", tls: {tls}{files} }}'

    PROVIDER = """\
name: bench
endpoints: {{ token: "{token}" }}
scopes: {{ app: mail, imap: mail, pop3: mail }}
imap: {{ host: localhost, port: {imap}, tls: implicit, sasl: xoauth2, initial-response: true }}
pop3: {{ host: localhost, port: {pop3}, tls: implicit, sasl: xoauth2 }}
limits: {{ connections: 0 }}
ca-file: {ca}
"""

    def __init__(self, folder, certificates, upstream):
        self.endpoint = TokenEndpoint(certificates, upstream.key)
        self.ports = {leg: free_port() for leg in LEGS}
        files = f", certificate: {certificates.cert}, key: {certificates.key}"
        listeners = [self.LISTENER.format(protocol=protocol, port=port, tls="implicit" if tls else "none", files=files if tls else "")
                     for (protocol, tls), port in self.ports.items()]
        super().__init__(folder / "bridge", "\n".join(listeners), self.LIMITS)
        self.passwords = {}
        provider = self.dir / "provider.yaml"
        provider.write_text(self.PROVIDER.format(token=self.endpoint.url, ca=certificates.cert, imap=upstream.ports["imap", True],
                                                 pop3=upstream.ports["pop3", True]))
        self.cli("provider", "add", provider)
        for number, user in enumerate([*PEOPLE, LARGE_OWNER]):
            self.cli("registration", "add", f"r{number}", "--provider", "bench", "--tenant", "t", "--client-id", user.replace("@", "="), "--secret-file", "-",
                     stdin="secret")
            self.cli("mailbox", "add", user, "--registration", f"r{number}", "--grant", "app")
            app = json.loads(self.cli("app", "add", f"app{number}", "--mailbox", user, "--json"))
            self.passwords[user] = f"app{number}", app["password"]
    def people(self, file, users):
        file.write_text("".join(f"password {self.passwords[u][0]} {self.passwords[u][1]}\n" for u in users))
        return file

    def start(self):
        super().start()
        wait_for(self.ports, f"Postern listens; see {self.dir}/log")
