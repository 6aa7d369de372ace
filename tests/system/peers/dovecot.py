"""Dovecot: mailboxes behind IMAP, POP3, submission and LMTP, or only its way of checking passwords."""
import grp
import os
import pwd
import shutil
import subprocess

import harness

NOBODY, NOGROUP = "nobody", "nogroup"


class Dovecot:
    """Dovecot with a mailbox for each of `users`, open by XOAUTH2 and OAUTHBEARER: its tokens are those of `identity`.

    With a `password`, PLAIN and LOGIN open them too, for clients that know no tokens; nothing opens without TLS. Ports: `port`
    (submission, STARTTLS, if there is a `relay_port`), and by name in `ports`: imap and pop3 (STARTTLS, STLS), imaps, pop3s and
    submissions (implicit TLS), lmtp. `storage` is maildir or mdbox; with `many`, thousands of sessions share a few processes."""

    CONFIG = """\
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/dovecot.log
auth_verbose = yes
auth_debug = yes
auth_failure_delay = 0
protocols = imap pop3 lmtp {submission}
listen = 127.0.0.1
hostname = dovecot.test
postmaster_address = postmaster@dovecot.test
ssl = required
ssl_cert = <{cert}
ssl_key = <{key}
auth_mechanisms = {mechanisms}
disable_plaintext_auth = yes
default_internal_user = dovecot
default_login_user = dovenull
default_client_limit = 20000
mail_location = {storage}:{dir}/mail/%u
mail_max_userip_connections = 20000
mailbox_list_index = no
mailbox_idle_check_interval = 2s
first_valid_uid = 1
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {dir}/oauth2.conf
}}
{passwords}
userdb {{
  driver = passwd-file
  args = username_format=%u {dir}/users
}}
service imap-login {{
  chroot =
  service_count = 0
  client_limit = 10000
  process_limit = 2
  inet_listener imap {{
    port = {ports[imap]}
  }}
  inet_listener imaps {{
    port = {ports[imaps]}
    ssl = yes
  }}
}}
service pop3-login {{
  chroot =
  service_count = 0
  client_limit = 10000
  process_limit = 2
  inet_listener pop3 {{
    port = {ports[pop3]}
  }}
  inet_listener pop3s {{
    port = {ports[pop3s]}
    ssl = yes
  }}
}}
service imap {{
  client_limit = {clients}
  process_limit = 1024
}}
service pop3 {{
  client_limit = {clients}
  process_limit = 1024
}}
service lmtp {{
  inet_listener lmtp {{
    port = {ports[lmtp]}
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"""

    PASSWORDS = """\
passdb {{
  driver = passwd-file
  mechanisms = plain login
  args = scheme=PLAIN username_format=%u {dir}/users
}}
"""

    SUBMISSION = """\
submission_relay_host = 127.0.0.1
submission_relay_port = {relay_port}
submission_relay_trusted = no
submission_max_mail_size = 200M
service submission-login {{
  chroot =
  inet_listener submission {{
    port = {port}
  }}
  inet_listener submissions {{
    port = {ports[submissions]}
    ssl = yes
  }}
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

    def __init__(self, world, certificates, identity, relay_port=None, users=(harness.Tenant.MAILBOX,), password=None,
                 storage="maildir", many=False, name="dovecot"):
        self.dir = world.dir / name
        self.storage, self.password = storage, password
        self.written = 0
        for folder in ("run", "state", "mail"):
            (self.dir / folder).mkdir(parents=True)
        for path in (world.dir, self.dir):
            path.chmod(0o755)
        self._give(self.dir / "mail")
        self.port = harness.free_port()
        self.ports = {p: harness.free_port() for p in ("imap", "imaps", "pop3", "pop3s", "submissions", "lmtp")}
        self.users = []
        self.add_users(users)
        (self.dir / "oauth2.conf").write_text(self.OAUTH2.format(url=identity.url, ca=certificates.ca))
        facts = dict(dir=self.dir, cert=certificates.cert, key=certificates.key, port=self.port, ports=self.ports, storage=storage,
                     relay_port=relay_port, submission="submission" if relay_port else "", clients=1000 if many else 1,
                     mechanisms="xoauth2 oauthbearer" + (" plain login" if password else ""))
        facts["passwords"] = self.PASSWORDS.format(**facts) if password else ""
        config = self.dir / "dovecot.conf"
        config.write_text(self.CONFIG.format(**facts) + (self.SUBMISSION.format(**facts) if relay_port else ""))
        self.process = world.run(["/usr/sbin/dovecot", "-F", "-c", config], name)
        harness.until(lambda: harness.can_connect(self.port if relay_port else self.ports["imap"]), "Dovecot's port")

    def add_users(self, users):
        """Dovecot notices the new file by itself, but looks no more than once a second: it is waited for once it runs."""
        self.users += users
        ids = pwd.getpwnam(NOBODY).pw_uid, grp.getgrnam(NOGROUP).gr_gid
        new = self.dir / "users.new"
        new.write_text("".join(f"{u}:{self.password or '*'}:{ids[0]}:{ids[1]}::{self.dir}/mail/{u}::\n" for u in self.users))
        new.chmod(0o644)
        new.rename(self.dir / "users")
        if (self.dir / "dovecot.conf").exists():
            harness.until(lambda: self._knows(users[-1]), f"Dovecot knows {users[-1]}")

    def _knows(self, user):
        command = ["/usr/bin/doveadm", "-c", self.dir / "dovecot.conf", "user", user]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    @staticmethod
    def _give(path):
        shutil.chown(path, NOBODY, NOGROUP)

    def maildir(self, user, folder="INBOX"):
        """The folder's path, made if it is not there; "A/B" is a folder in a folder."""
        path = self.dir / "mail" / user
        made = [path, *(path / part for part in ("cur", "new", "tmp"))]
        if folder != "INBOX":
            path = path / ("." + folder.replace("/", "."))
            made += [path, *(path / part for part in ("cur", "new", "tmp"))]
        for p in made:
            if not p.exists():
                p.mkdir()
                self._give(p)
        return path

    def deliver(self, user, messages, folder="INBOX", received=None):
        """Writes messages (bytes, as they shall be kept) into a Maildir, thousands a second; their order is that of the UIDs.
        `received`: their INTERNALDATE, in seconds; now if not given."""
        assert self.storage == "maildir"
        path = self.maildir(user, folder)
        count = 0
        for message in messages:
            self.written += 1
            name = f"{1790000000 + self.written // 1000000}.M{self.written % 1000000:06d}P1.dovecot.test"
            file = path / "tmp" / name
            file.write_bytes(message)
            self._give(file)
            if received:
                os.utime(file, (received, received))
            file.rename(path / "new" / name)
            count += 1
        return count

    def stored(self, user, folder="INBOX"):
        """What lies in a Maildir, as it is kept."""
        path = self.maildir(user, folder)
        return [p.read_bytes() for p in sorted([*(path / "new").iterdir(), *(path / "cur").iterdir()], key=lambda p: p.name)]

    def doveadm(self, *args):
        """Dovecot's own command, at this Dovecot."""
        done = subprocess.run(["/usr/bin/doveadm", "-c", self.dir / "dovecot.conf", *args], capture_output=True, text=True)
        assert done.returncode == 0, (args, done.stdout, done.stderr)
        return done.stdout

    def log(self):
        return (self.dir / "dovecot.log").read_text(errors="replace")


class DovecotSasl:
    """Only Dovecot's auth service: one user with a password, for Postfix's smtpd."""

    CONFIG = """\
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/dovecot.log
protocols =
ssl = no
auth_mechanisms = plain login
auth_failure_delay = 0
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
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
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
