"""The processes: who they are, what they can't do, and what the service manager hears of them."""
import os
import pathlib
import socket
import stat
import subprocess

import pytest

from harness import BIN, Gateway

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives up root")
CONFIG = """\
state: {dir}/state
user: nobody
group: nogroup
console: {{ group: games }}
hostname: gateway.test
listeners:
  - {{ protocol: smtp, address: "127.0.0.1:0", tls: none }}
"""


def processes(gateway):
    return [pathlib.Path(f"/proc/{role['pid']}") for role in gateway.roles()]


def status_of(process):
    return dict(line.split(":", 1) for line in (process / "status").read_text().splitlines() if ":" in line)


def test_no_role_gains_privileges_or_can_be_looked_into(gateway):
    for process in processes(gateway):
        assert status_of(process)["NoNewPrivs"].strip() == "1"
        assert (process / "mem").stat().st_uid == 0, "a process that can't be dumped belongs to root"


@needs_root
def test_as_root_the_roles_become_the_user_and_the_group_may_drop_mail(world):
    world.dir.chmod(0o755)
    g = Gateway(world, config=CONFIG.format(dir=world.dir))
    for process in processes(g):
        assert status_of(process)["Uid"].split() == ["65534"] * 4
    state = g.state.stat()
    assert (state.st_uid, stat.S_IMODE(state.st_mode)) == (65534, 0o710)
    assert stat.S_IMODE((g.state / "drop").stat().st_mode) == 0o3730
    assert stat.S_IMODE((g.state / "master.key").stat().st_mode) == 0o600
    g.stop()
    done = subprocess.run(["setpriv", "--reuid=1", "--regid=1", "--groups=60", BIN, "sendmail", "-f",
                           "shop@contoso.example", "alice@contoso.example"], input=b"Subject: dropped\n\nText\n",
                          capture_output=True, env={**os.environ, **world.env(), "POSTERN_CONFIG": str(g.config)})
    assert done.returncode == 0, done.stderr
    g.start()
    # There is no mailbox to send it by: that it says so shows that it could be read.
    deferred = g.wait_event("drop.deferred")
    assert "denied" not in deferred["text"], deferred


def test_the_service_manager_hears_of_start_reload_and_end(world):
    path = world.dir / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(30)
        os.environ["NOTIFY_SOCKET"] = str(path)
        try:
            g = Gateway(world)
        finally:
            del os.environ["NOTIFY_SOCKET"]
        assert manager.recv(512).startswith(b"READY=1")
        g.cli("reload")
        assert manager.recv(512).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        assert manager.recv(512).startswith(b"READY=1")
        g.stop()
        assert manager.recv(512).startswith(b"STOPPING=1")
