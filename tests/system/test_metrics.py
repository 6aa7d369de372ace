"""What monitoring gets: every name is documented, promtool takes it, rules and dashboard ask for nothing that is not there."""
import json
import pathlib
import re
import signal
import subprocess

import os
import pytest
import yaml

from harness import Tenant, letter, until

TOP = pathlib.Path(__file__).resolve().parents[2]
BOX = Tenant.MAILBOX
NAME = re.compile(r"\bpostern_[a-z_]+")


def documented():
    rows = re.findall(r"^\| `(postern_\w+)(?:\{([\w,]*)\})?` \| (\w+) \|", (TOP / "doc/metrics.md").read_text(), re.M)
    return {name: (set(filter(None, labels.split(","))), kind) for name, labels, kind in rows}


def metrics(console, **headers):
    answer = console.get("/metrics", headers=headers)
    assert answer.status == 200, answer
    return answer


def samples(text):
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels, value = re.fullmatch(r'(\w+)(?:\{(.*)\})? (\S+)', line).groups()
            found.setdefault(name, []).append((dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or "")), float(value)))
    return found


def promtool(*args, text=None):
    done = subprocess.run(["promtool", *map(str, args)], input=text, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_table_is_what_is_served_and_promtool_takes_it(tenant):
    g = tenant.gateway
    g.prepare("registration", "set", "m365", "--secret-expires", "2099-01-01")
    g.prepare("endpoint", "add", "tickets", "--mailbox", BOX, "--keep")
    m = tenant.submit(letter("one"))
    g.wait_state(m, "delivered")
    old = metrics(g.local())
    assert old.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    promtool("check", "metrics", text=old.text)
    found, table = samples(old.text), documented()
    assert found.keys() == table.keys()
    for name, (labels, kind) in table.items():
        assert all(row.keys() == labels for row, value in found[name]), name
        assert f"# TYPE {name} {kind}\n" in old.text
    assert found["postern_mailbox_messages_delivered_total"] == [({"mailbox": BOX}, 1)]
    assert found["postern_queue_open"] == [({}, 1)]
    new = metrics(g.local(), Accept="application/openmetrics-text; version=1.0.0")
    assert new.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0") and new.text.endswith("# EOF\n")
    assert "# TYPE postern_messages_accepted counter\n" in new.text and samples(new.text).keys() == table.keys()


def test_rules_and_dashboard_ask_for_what_there_is():
    names = set(documented())
    rules = TOP / "packaging/alerts/postern.yml"
    promtool("check", "rules", rules)
    asked = set()
    for group in yaml.safe_load(rules.read_text())["groups"]:
        for rule in group["rules"]:
            asked |= set(NAME.findall(rule["expr"]))
    board = json.loads((TOP / "packaging/grafana/postern.json").read_text())
    for panel in board["panels"]:
        for target in panel["targets"]:
            asked |= set(NAME.findall(target["expr"]))
    for variable in board["templating"]["list"]:
        asked |= set(NAME.findall(variable["query"]))
    assert asked <= names, asked - names
    assert names - asked <= {"postern_messages_accepted_total", "postern_messages_delivered_total", "postern_messages_failed_total"}, names - asked


# Minutes after the start; two gateways under a job of any name, and another program beside them. One gateway stops at minute 30.
DOWN = """\
rule_files: [{rules}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {{ series: 'up{{job="mail", instance="a:8025"}}', values: '1x60' }}
      - {{ series: 'up{{job="mail", instance="b:8025"}}', values: '1x30 0x30' }}
      - {{ series: 'up{{job="web", instance="c:80"}}', values: '0x60' }}
      - {{ series: 'postern_build_info{{job="mail", instance="a:8025", version="1"}}', values: '1x60' }}
      - {{ series: 'postern_build_info{{job="mail", instance="b:8025", version="1"}}', values: '1x30 stale' }}
    alert_rule_test:
      - {{ eval_time: 29m, alertname: PosternDown }}
      - eval_time: 45m
        alertname: PosternDown
        exp_alerts:
          - exp_labels: {{ severity: critical, job: mail, instance: "b:8025" }}
            exp_annotations: {{ summary: "Postern at b:8025 does not answer", description: "{description}" }}
  - interval: 1m
    input_series:
      - {{ series: 'up{{job="web", instance="c:80"}}', values: '1x60' }}
    alert_rule_test:
      - eval_time: 45m
        alertname: PosternDown
        exp_alerts:
          - exp_labels: {{ severity: critical }}
            exp_annotations: {{ summary: "Postern does not answer", description: "{description}" }}
"""


def test_a_gateway_that_is_down_is_noticed_whatever_its_job_is_called(world):
    rules = TOP / "packaging/alerts/postern.yml"
    down = next(r for r in yaml.safe_load(rules.read_text())["groups"][0]["rules"] if r["alert"] == "PosternDown")
    promtool("test", "rules", world.file("down.yml", DOWN.format(rules=rules, description=down["annotations"]["description"])))


def unnamed(g):
    return [(n["key"], n["severity"], n["link"]) for n in g.asked("GET", "overview")["needs_person"] if n["finding"] == "console.proxy-unnamed"]


def test_who_may_read_the_numbers(world):
    from harness import Gateway
    g = Gateway(world)
    assert g.console().get("/metrics").status == 200, "a program on this machine"
    for field, value in {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "Forwarded": "for=203.0.113.9"}.items():
        answer = g.console().get("/metrics", headers={field: value})
        assert answer.status == 401, "it came to a web server on this machine, who knows from where"
    assert len(g.events("console.proxy-unnamed", host="127.0.0.1")) == 1
    assert unnamed(g) == [("127.0.0.1", "warning", "/settings/configuration")]
    g.stop()
    text = g.config.read_text()
    g.config.write_text(text.replace("console: {", 'console: { metrics-from: ["192.0.2.0/24"],'))
    g.start()
    assert g.console().get("/metrics").status == 401 and g.local().get("/metrics").status == 200
    assert unnamed(g) == [], "nobody came through it yet"
    assert g.console().get("/metrics", headers={"Forwarded": "for=203.0.113.9"}).status == 401
    assert len(unnamed(g)) == 1
    g.config.write_text(text.replace("console: {", 'console: { metrics-from: ["192.0.2.0/24"], proxy: [127.0.0.1],'))
    g.prepare("reload")
    assert unnamed(g) == []
    for host, status in (("192.0.2.7", 200), ("203.0.113.9", 401)):
        assert g.console().get("/metrics", headers={"X-Forwarded-For": host}).status == status, host
    assert len(g.events("console.proxy-unnamed")) == 2, "once a run"


def test_health_tells_strangers_no_more_than_they_need(tenant):
    g = tenant.gateway
    stranger = g.console()
    assert stranger.get("/health/live").json == {"status": "live"}
    assert stranger.get("/health/ready").json == {"status": "ready"}
    queue = g.roles("queue")[0]["pid"]
    os.kill(queue, signal.SIGSTOP)
    os.kill(queue, signal.SIGKILL)
    # It is started again by itself, so either is true at this moment; it becomes ready.
    answer = stranger.get("/health/ready")
    assert answer.status in (200, 503)
    until(lambda: stranger.get("/health/ready").status == 200, "ready again")
    assert stranger.post("/health/live").status in (401, 405)
