#!/usr/bin/env python3
"""A server that turned evil: whatever it hands to an agent that the order key did not sign for this machine, this
time and this catalogue is refused, and nothing runs."""
import base64
import hashlib
import http.server
import json
import os
import re
import secrets
import socketserver
import ssl
import threading
import time
from urllib.parse import parse_qs, urlparse

import fleet
import signing
from signing import Key

DAY = 86400 * 1000
SPEED = ["--speed", "30"]


def now_ms():
    return int(time.time() * 1000)


def certificates(t):
    """A CA and a server certificate for localhost."""
    d = t.path("tls")
    os.mkdir(d)
    t.write("tls/names", "subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for argv in (["openssl", "req", "-x509", *key, "-keyout", f"{d}/ca.key", "-out", f"{d}/ca.pem", "-days", "30", "-subj", "/CN=Evil CA"],
                 ["openssl", "req", *key, "-keyout", f"{d}/server.key", "-out", f"{d}/server.csr", "-subj", "/CN=localhost"],
                 ["openssl", "x509", "-req", "-in", f"{d}/server.csr", "-CA", f"{d}/ca.pem", "-CAkey", f"{d}/ca.key", "-CAcreateserial",
                  "-out", f"{d}/server.pem", "-days", "30", "-extfile", f"{d}/names"]):
        code, out, err = t.run(argv)
        if code != 0:
            raise RuntimeError(err)
    return d


class Evil:
    """Serves the agent protocol. What is handed goes out with a sync, and every two seconds again; `results` is what came
    back. Long polls are held as long as they ask: an agent slows down before a server that answers empty at once."""

    def __init__(self, t):
        self.key = Key()
        self.time_key = None  # other than self.key: signs the time
        self.offers = []
        self.offered = 0      # when they went out last
        self.results = []     # as they came, every one
        self.running = set()
        self.syncs = 0
        self.asked = []       # paths
        self.changed = threading.Condition()
        self.stopped = False
        tls = certificates(t)
        evil = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 100

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
                try:
                    answer = evil.answer(self.path, body)
                except BaseException as e:  # a bug here must not look like the agent's
                    answer = {"broken": repr(e)}
                data = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *words):
                pass

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True

            def handle_error(self, request, address):
                pass  # agents cut their long polls

        self.server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{tls}/server.pem", f"{tls}/server.key")
        # The handshake belongs to the connection's own thread.
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.ca = f"{tls}/ca.pem"
        self.url = f"https://localhost:{self.server.server_address[1]}"
        self.order_key = self.key.pin
        self.enroll_token = "a" * 64
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        t.undo.append(self.stop)

    def stop(self):
        with self.changed:
            self.stopped = True
            self.changed.notify_all()
        self.server.shutdown()
        self.server.server_close()

    def answer(self, path, body):
        with self.changed:
            self.asked.append(path.partition("?")[0])
        if path.startswith("/agent/v1/time"):
            key = self.time_key or self.key
            return signing.envelope(signing.TIME, {"nonce": body["nonce"], "time": now_ms(), "challenge": "c" * 40, "tls_pins": [],
                                                   "time_epoch": 0, "order_key": key.spki64}, key)
        if path.startswith("/agent/v1/enroll"):
            key = signing.opened(body)["public_key"]
            machine_id = hashlib.sha256(base64.b64decode(key)).hexdigest()
            return {"machine_id": machine_id, "state": "active", "order_key": self.key.spki64, "tls_pins": []}
        if path.startswith("/agent/v1/session"):
            return {"ticket": "t" * 40, "expires": now_ms() + 3600_000}
        return self.sync(int(parse_qs(urlparse(path).query).get("wait", ["0"])[0]), body)

    def sync(self, wait_s, body):
        with self.changed:
            self.syncs += 1
            self.results += body.get("results", [])
            self.running |= set(body.get("running", []))
            if not body.get("results") and not body.get("events") and not body.get("facts"):
                until = time.monotonic() + wait_s
                while not self.due() and not self.stopped and time.monotonic() < until:
                    self.changed.wait(0.1)
            jobs = list(self.offers) if self.due() else []
            if jobs:
                self.offered = time.monotonic()
            have = max([e["seq"] for e in body.get("events", [])], default=self.have(body))
            return {"epoch": "e" * 32, "have": have, "state": "active", "acked_results": [r["job"] for r in body.get("results", [])],
                    "jobs": jobs, "next": {"wait": 20}}

    def due(self):
        return self.offers and time.monotonic() - self.offered > 2

    haves = {}

    def have(self, body):
        return self.haves.get(body["stream"], 0)

    def hand(self, *sealed):
        with self.changed:
            self.offers = list(sealed)
            self.offered = 0
            self.changed.notify_all()

    def rest(self):
        with self.changed:
            self.offers = []

    def result_of(self, job, done=True):
        with self.changed:
            found = [r for r in self.results if r["job"] == job and (not done or r["state"] == "done")]
        return found[-1] if found else None

    def sealed(self, order, *keys):
        return signing.envelope(signing.ORDER, order, *(keys or (self.key,)))


def remember_have(evil):
    """`have` must not fall, or the agent sends old events again."""
    plain = evil.sync

    def sync(wait_s, body):
        a = plain(wait_s, body)
        evil.haves[body["stream"]] = max(evil.haves.get(body["stream"], 0), a["have"])
        a["have"] = evil.haves[body["stream"]]
        return a
    evil.sync = sync


def order_for(agent_id, **more):
    order = {"id": secrets.token_hex(16), "op": "run", "repair": "update_scan", "params": {}, "class": 0, "machine_id": agent_id,
             "rollout_id": secrets.token_hex(16), "targets_sha256": "0" * 64, "not_before": now_ms() - 60_000,
             "not_after": now_ms() + DAY, "reason": "scenario"}
    order.update(more)
    return {k: v for k, v in order.items() if v is not None}


def bad_orders(agent_id):
    """What, the order's fields, a word of the reason."""
    return [
        ("an order that has expired", dict(not_before=now_ms() - 2 * DAY, not_after=now_ms() - DAY), "expired"),
        ("an order that is not valid yet", dict(not_before=now_ms() + DAY, not_after=now_ms() + 2 * DAY), "not valid yet"),
        ("an order that ends before it begins", dict(not_before=now_ms() + DAY, not_after=now_ms()), ""),
        ("an order that lives too long", dict(not_after=now_ms() + 40 * DAY), "14 days"),
        ("an order for another machine", dict(machine_id="0" * 64), "another machine"),
        ("a repair that is not in the catalogue", dict(repair="run_script"), "run_script"),
        ("a parameter that is not in the catalogue", dict(repair="cache_reset", **{"class": 1}, params={"path": "C:\\Windows"}), "path"),
        ("a parameter's value that is not in the catalogue", dict(repair="cache_reset", **{"class": 1}, params={"keep": "../.."}), "keep"),
        ("a class lowered", dict(repair="cache_reset", **{"class": 0}), "class"),
        ("a time zone as class 0", dict(repair="time_resync", params={"timezone": "UTC"}), "class"),
        ("an operation that does not exist", dict(op="erase"), ""),
        ("undoing without naming a job", dict(op="undo", repair="cache_reset", **{"class": 1}), "job"),
    ]


def refused(t, evil, what, sealed, job, word):
    evil.hand(sealed)
    r = t.eventually(f"{what} is refused and reported", lambda: evil.result_of(job), 15, 0.02)
    evil.rest()
    if r:
        t.check(f"... with the reason", r["result"] == "refused" and word in r.get("reason", ""), r)
    return r


def calm(evil, me):
    """A refusal that is reported: after it the agent asks without hesitation again."""
    order = order_for(me)
    evil.hand(evil.sealed(order, Key()))
    fleet.poll(lambda: evil.result_of(order["id"]), 30, 0.02)
    evil.rest()


def unreported(t, evil, agent, what, sealed, word):
    """What has no id to report under is counted and logged."""
    calm(evil, opened_machine(agent))
    before = agent.log().count("refused")
    evil.hand(sealed)
    t.eventually(f"{what} is refused and logged", lambda: (
        agent.log().count("refused") > before and word in agent.log(), agent.log()[-300:]), 15, 0.05)
    evil.rest()


def opened_machine(agent):
    return re.search(r"agent\.enrolled id=([0-9a-f]{64})", agent.log()).group(1)


def forged(t, evil, agent, me):
    stranger = Key()
    order = order_for(me)
    refused(t, evil, "an order signed by another key", evil.sealed(order, stranger), order["id"], "signature")

    order = order_for(me)
    lying = evil.sealed(order, stranger)
    lying["signatures"][0]["keyid"] = evil.key.id
    refused(t, evil, "a foreign signature under the right key's name", lying, order["id"], "signature")

    order = order_for(me)
    changed = evil.sealed(order_for(me))
    changed["payload"] = signing.b64(json.dumps(order).encode())
    refused(t, evil, "an order changed after signing", changed, order["id"], "signature")

    order = order_for(me)
    as_time = signing.envelope(signing.TIME, order, evil.key)
    as_time["payloadType"] = signing.ORDER
    refused(t, evil, "a signature made for something else", as_time, order["id"], "signature")

    bare = evil.sealed(order_for(me))
    bare["signatures"] = []
    unreported(t, evil, agent, "an order without a signature", bare, "without an id")
    unreported(t, evil, agent, "an order under another type", dict(evil.sealed(order_for(me)), payloadType=signing.TIME), "without an id")
    unreported(t, evil, agent, "an id that is none", evil.sealed(order_for(me, id="../../etc")), "")
    unreported(t, evil, agent, "a signed order without an id", evil.sealed(order_for(me, id=None)), "")
    unreported(t, evil, agent, "a signed text that is no order", signing.envelope(signing.ORDER, b"run", evil.key), "")


def huge(t, evil, agent, me):
    calm(evil, me)
    before = evil.syncs
    evil.hand(evil.sealed(order_for(me, reason="x" * 150_000)))
    t.eventually("a huge order makes the whole answer worthless", lambda: ("answer to sync" in agent.log(), agent.log()[-300:]), 15)
    evil.rest()
    t.eventually("and the agent goes on asking", lambda: evil.syncs > before + 1, 20)
    t.check("it lives", agent.process.poll() is None)


def once(t, evil, agent, me):
    order = order_for(me)
    job = order["id"]
    sealed = evil.sealed(order)
    evil.hand(sealed)
    r = t.eventually("a right order runs to its end", lambda: evil.result_of(job), 20)
    evil.rest()
    t.check("its result is done", r and r["result"] == "done", r)
    seen = len(evil.results)
    evil.hand(sealed)
    t.eventually("offered again, it is answered with the same report",
                 lambda: any(x["job"] == job and x["result"] == "done" for x in evil.results[seen:]), 15)
    evil.rest()
    for what, more in [("other times", dict(not_after=now_ms() + 2 * DAY)), ("another repair", dict(repair="cache_reset", **{"class": 1})),
                       ("another operation", dict(op="undo", repair="cache_reset", params={"job": "0" * 32}, **{"class": 1}))]:
        calm(evil, me)
        syncs = evil.syncs
        evil.hand(evil.sealed(dict(order, **more)))
        t.eventually(f"the same id with {what} was seen by the agent", lambda: evil.syncs > syncs + 1, 15)
        evil.rest()
    t.equal("it was started exactly once", agent.starts().get(job), 1)
    t.equal("nothing changed what is said of it", {(x["result"], x.get("verdict")) for x in evil.results if x["job"] == job and x["state"] == "done"},
            {(r["result"], r.get("verdict"))} if r else None)
    agent.kill()
    syncs = evil.syncs
    evil.hand(sealed)
    agent.start()
    t.eventually("it is offered again to a restarted agent", lambda: evil.syncs > syncs + 2, 20)
    evil.rest()
    t.equal("and still was started only once", agent.starts().get(job), 1)
    return job


def twenty(t, evil, agent, me):
    """As many orders as an answer holds, each twice."""
    orders = [order_for(me) for _ in range(10)]
    calm(evil, me)
    evil.hand(*[evil.sealed(o) for o in orders] * 2)
    t.eventually("many orders at once all end", lambda: (
        all(evil.result_of(o["id"]) for o in orders), sum(1 for o in orders if evil.result_of(o["id"]))), 30)
    evil.rest()
    t.equal("each was started exactly once", [agent.starts().get(o["id"]) for o in orders], [1] * len(orders))


def false_time(t, evil):
    """A server whose time another key signs gets nothing from an agent that holds the pin."""
    evil.time_key = Key()
    asked = len(evil.asked)
    agent = fleet.Agent(t, evil, "careful", more=SPEED).start()
    t.eventually("time signed by another key is refused", lambda: ("not pinned" in agent.log() or "signed by" in agent.log(), agent.log()[-300:]), 15)
    t.eventually("the agent asks again", lambda: len(evil.asked) > asked + 2, 15)
    t.equal("and sends nothing but that question", set(evil.asked[asked:]), {"/agent/v1/time"})
    agent.stop()
    evil.time_key = None


def scenario(t, args):
    evil = Evil(t)
    remember_have(evil)
    agent = fleet.Agent(t, evil, "victim", more=["--fault", "0x80070002:scan:cache_reset", *SPEED]).start()
    me = t.eventually("the agent enrols", lambda: "agent.enrolled" in agent.log() and opened_machine(agent), 15)
    if not me:
        return
    t.eventually("and syncs", lambda: evil.syncs > 2, 15)
    for what, more, word in bad_orders(me):
        order = order_for(me, **more)
        refused(t, evil, what, evil.sealed(order), order["id"], word)
    forged(t, evil, agent, me)
    t.equal("nothing of that was started", agent.starts(), {})
    t.check("nor does the journal know a job that ran", all(fleet.stage_of(j) == "ended" and not j.get("started")
                                                            for j in agent.journal().values()), agent.journal())
    huge(t, evil, agent, me)
    job = once(t, evil, agent, me)
    twenty(t, evil, agent, me)
    t.equal("beside the right ones nothing ever ran", len(agent.starts()), 11)
    order = order_for(me)
    known = evil.sealed(dict(order, id=job), Key())
    calm(evil, me)
    evil.hand(known)
    t.eventually("a forgery under the id of a job that ran is handed out", lambda: evil.offered, 15)
    calm(evil, me)
    t.equal("and changes nothing of it", {x["result"] for x in evil.results if x["job"] == job and x["state"] == "done"}, {"done"})
    t.equal("the agent ends cleanly", agent.stop(), 0)
    t.check("its status counts the refusals", agent.status() is not None)
    false_time(t, evil)
    t.check("the evil server itself made no mistake", not any("broken" in str(r) for r in evil.results))


if __name__ == "__main__":
    fleet.main(scenario, __doc__, short_s=120)
