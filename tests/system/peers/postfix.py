"""Postfix in a folder of its own."""
import shutil
import subprocess

import harness


class Postfix:
    """Postfix in a folder of its own. With `sasl_socket`, a Dovecot auth socket, it is a submission server that wants SASL and
    STARTTLS; with `recipients` the mail server of theirs, which takes mail for them alone, from anybody."""

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
smtpd_error_sleep_time = 0
alias_maps =
alias_database =
smtpd_tls_cert_file = {cert}
smtpd_tls_key_file = {key}
"""

    SUBMISSION = """\
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {sasl_socket}
smtpd_sasl_security_options = noanonymous
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
"""

    RECEIVING = """\
relay_domains = {domains}
relay_recipient_maps = inline:{{ {recipients} }}
smtpd_relay_restrictions = reject_unauth_destination
smtpd_tls_security_level = may
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

    def __init__(self, world, certificates, relay_port, sasl_socket=None, recipients=()):
        self.dir = world.dir / "postfix"
        for name in ("etc", "queue", "data", "log"):
            (self.dir / name).mkdir(parents=True)
        world.dir.chmod(0o755)
        shutil.chown(self.dir / "data", "postfix")
        self.port = harness.free_port()
        facts = dict(dir=self.dir, relay_port=relay_port, sasl_socket=sasl_socket, cert=certificates.cert, key=certificates.key,
                     domains=" ".join(sorted({r.split("@")[1] for r in recipients})),
                     recipients=", ".join(f"{r}=taken" for r in recipients))
        (self.dir / "etc/main.cf").write_text((self.MAIN + (self.RECEIVING if recipients else self.SUBMISSION)).format(**facts))
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
