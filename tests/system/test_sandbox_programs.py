"""Debian's mail programs against the sandbox itself, where they can carry a token on their own."""
import os
import pty
import shutil
import subprocess

import pytest

from sandbox_fixture import OUTLOOK, box, running_box  # noqa: F401

SHOP = "shop@contoso.example"
SCOPE = f"{OUTLOOK}IMAP.AccessAsUser.All {OUTLOOK}POP.AccessAsUser.All offline_access"
LETTERS = [f"From: a@x.example\r\nTo: {SHOP}\r\nSubject: number {n}\r\nMessage-ID: <{n}@x>\r\n\r\n{'text ' * n}\r\n.\r\n".encode()
           for n in range(1, 6)]


def needs(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"no {program}")


def fill(box):
    for letter in LETTERS:
        box.put(letter, SHOP)
    return box.sign_in(scope=SCOPE)["access_token"]


def run_getmail(folder):
    """Now and then it misses the end of its own child and waits for ever, whatever the server."""
    for patience in (15, 15, 60):
        try:
            done = subprocess.run(["getmail", "--getmaildir", folder, "--rcfile", "rc"], capture_output=True, text=True, timeout=patience)
            break
        except subprocess.TimeoutExpired:
            pass
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs("getmail")
@pytest.mark.parametrize("delete", [True, False])
def test_getmail(box, tmp_path, delete):
    """It signs in with XOAUTH2 by itself; a second run finds nothing new, whether it deletes or remembers UIDs."""
    token = fill(box)
    (tmp_path / "rc").write_text(f"""\
[retriever]
type = SimpleIMAPSSLRetriever
server = localhost
port = {box.info["imap"]["port"]}
username = {SHOP}
password_command = ("/bin/echo", "{token}")
use_xoauth2 = true
ca_certs = {box.info["ca_file"]}
[destination]
type = MDA_external
path = /bin/sh
arguments = ("-c", "cat >{tmp_path}/$$.eml")
allow_root_commands = true
[options]
delete = {delete}
read_all = false
delivered_to = false
received = false
""")
    said = [run_getmail(tmp_path) for _ in range(2)]
    got = {p.read_bytes() for p in tmp_path.glob("*.eml")}
    assert len(got) == len(LETTERS) and " 0 messages (0 bytes) retrieved" in said[1], said
    for letter in LETTERS:
        body = letter.split(b"\r\n\r\n", 1)[1].replace(b"\r\n", b"\n")
        assert any(g.endswith(body) for g in got)
    assert len(box.folder(SHOP)["items"]) == (0 if delete else len(LETTERS))


@needs("neomutt")
def test_neomutt(box, tmp_path):
    """Opens INBOX, copies all of it into a file, flags one message, moves another, and leaves."""
    token = fill(box)
    (tmp_path / "rc").write_text(f"""\
set imap_user="{SHOP}"
set imap_authenticators="xoauth2"
set imap_oauth_refresh_command="/bin/echo {token}"
set ssl_ca_certificates_file="{box.info["ca_file"]}"
set ssl_starttls=yes ssl_force_tls=yes ssl_verify_host=yes
set spoolfile="imaps://localhost:{box.info["imap"]["port"]}/INBOX"
set folder="imaps://localhost:{box.info["imap"]["port"]}/"
set mbox_type=mbox copy=no confirmappend=no confirmcreate=no delete=yes move=no sort=mailbox-order wait_key=no header_cache=""
set quit=yes mail_check=60 timeout=60 use_threads=flat
push "<tag-pattern>~A<enter><tag-prefix><copy-message>{tmp_path}/all<enter><untag-pattern>~A<enter><first-entry><flag-message>\
<last-entry><save-message>=Archive<enter><sync-mailbox><quit>"
""")
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm", HOME=str(tmp_path), LANG="C.UTF-8")
        os.execvp("neomutt", ["neomutt", "-n", "-F", str(tmp_path / "rc")])
    said = b""
    try:
        while part := os.read(terminal, 65536):
            said += part
    except OSError:
        pass  # the terminal is gone: it ended
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, said[-2000:]
    text = (tmp_path / "all").read_text()
    assert all(f"Subject: number {n}\n" in text for n in range(1, 6)), said[-2000:]
    items = box.folder(SHOP)["items"]
    assert len(items) == 4 and "\\Flagged" in items[0]["flags"]
    assert len(box.folder(SHOP, "Archive")["items"]) == 1
