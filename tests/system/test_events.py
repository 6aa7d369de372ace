"""Server-sent events: what the log says, as it happens, from where a reader stopped."""
import json

from harness import Tenant, letter

BOX = Tenant.MAILBOX


class Stream:
    def __init__(self, console, path="events", **headers):
        self.c = console.connection(timeout=30)
        self.c.request("GET", "/api/v1/" + path, headers={**console.headers("GET"), **headers})
        self.answer = self.c.getresponse()
        self.status, self.type = self.answer.status, self.answer.headers["Content-Type"]
        self.place = None

    def block(self):
        """The lines of one block, without comments; None at the end of the stream."""
        fields = {}
        while True:
            line = self.answer.readline()
            if not line:
                return None
            line = line.decode().rstrip("\n")
            if not line:
                self.place = fields.get("id", self.place)
                return fields
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")

    def event(self, name=None):
        while (fields := self.block()) is not None:
            if "data" in fields:
                event = json.loads(fields["data"])
                if name in (None, event.get("event"), fields.get("event")):
                    return event
        return None

    def close(self):
        self.c.close()


def test_events_come_as_they_happen_and_go_on_where_the_reader_stopped(tenant):
    g = tenant.gateway
    s = Stream(g.local())
    assert s.status == 200 and s.type == "text/event-stream" and s.block() == {"retry": "3000"}
    first = tenant.submit(letter("one"))
    assert s.event("mail.accepted")["message"] == first
    assert s.event("mail.delivered")["message"] == first
    place = s.place
    s.close()
    second = tenant.submit(letter("two"))
    g.wait_state(second, "delivered")
    again = Stream(g.local(), **{"Last-Event-ID": place})
    assert again.event("mail.accepted")["message"] == second, "neither lost nor twice"
    assert again.event("mail.delivered")["message"] == second
    again.close()
    late = Stream(g.local(), "events?last_event_id=1-1")
    assert "not kept" in late.event("gap")["text"] and late.event("mail.accepted")["message"] == first
    late.close()


def test_events_are_filtered(tenant):
    g = tenant.gateway
    g.prepare("mailbox", "add", "desk@contoso.example", "--registration", "m365", "--grant", "app")
    s = Stream(g.local(), f"events?mailbox={BOX}&level=info")
    s.block()
    g.prepare("mailbox", "pause", "desk@contoso.example")
    m = tenant.submit(letter("mine"))
    seen = []
    while not seen or seen[-1]["event"] != "mail.delivered":
        seen.append(s.event())
    assert seen[-1]["message"] == m and {e["mailbox"] for e in seen} == {BOX}, seen
    s.close()
    assert g.local().get("events?level=loud").status == 400
    one = Stream(g.local(), f"events?message={m}&last_event_id=0-0")
    assert one.event("mail.accepted")["message"] == m and one.event()["message"] == m
    one.close()


def test_a_beat_is_heard_where_nothing_happens(tenant):
    s = Stream(tenant.gateway.local(), "events?message=0000000000000000")
    s.block()
    tenant.world.clock.advance(16)
    fields = s.block()
    assert "" in fields and "data" not in fields and fields["id"], fields
    s.close()


def test_a_reader_that_sleeps_costs_little_and_loses_nothing(tenant):
    g = tenant.gateway
    s = Stream(g.local(), "events?last_event_id=0-0")
    line = json.dumps({"time": "2026-01-01T00:00:00.000Z", "level": "info", "event": "test.filler", "text": "x" * 1000})
    with open(g.state / "events.jsonl", "a") as f:
        for i in range(12000):
            f.write(line.replace("filler", f"filler-{i}") + "\n")
    pid = g.roles("admin")[0]["pid"]
    assert g.local().get("status").status == 200, "others are served meanwhile"
    resident = int(next(row for row in open(f"/proc/{pid}/status") if row.startswith("VmRSS")).split()[1])
    seen = 0
    while seen < 12000:
        event = s.event()
        if event.get("event", "").startswith("test.filler-"):
            assert event["event"] == f"test.filler-{seen}"
            seen += 1
    s.close()
    assert resident < 400_000, f"{resident} kB"
