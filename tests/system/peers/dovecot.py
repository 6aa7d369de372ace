"""Dovecot: its submission service, or only its way of checking passwords."""
import grp
import os
import pwd

import harness

NOBODY = "nobody"


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
