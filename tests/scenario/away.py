#!/usr/bin/env python3
"""The server is away: agents ask ever more rarely, keep everything, grow nowhere, and bring it all when it is back."""
import os
import socket
import threading
import time

import fleet

# Windows tries every two minutes of its time: at this speed several times a second.
SPEED = ["--speed", "500"]
SPOOL_MAX = 8 << 20
COUNT = 3


class Nobody(threading.Thread):
    """Listens where the server was. Counts who comes, and closes at once, or says nothing at all."""

    def __init__(self, port, silent=False):
        super().__init__(daemon=True)
        self.silent = silent
        self.came = []
        self.held = []
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", port))
        self.socket.listen(100)
        self.start()

    def run(self):
        while True:
            try:
                c, _ = self.socket.accept()
            except OSError:
                return
            self.came.append(time.monotonic())
            if self.silent:
                self.held.append(c)
            else:
                c.close()

    def end(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for c in self.held:
            c.close()
        self.join(5)


def spool_bytes(agent):
    return sum(os.path.getsize(os.path.join(agent.dir, f)) for f in os.listdir(agent.dir) if f.startswith("spool."))


def stored(server, name):
    db = server.database()
    seqs = [r[0] for r in db.execute("SELECT seq FROM events e JOIN machines m ON m.n = e.machine WHERE m.name = ?", (name,))]
    db.close()
    return seqs


def go_away(t, server, agents, seconds):
    start = {a.name: (fleet.rss_kb(a.process.pid), a.spool()[-1]["seq"]) for a in agents}
    fleet.stop(server.process)
    nobody = Nobody(server.port)
    begun = time.monotonic()
    most = dict.fromkeys(start, 0)
    while time.monotonic() - begun < seconds:
        time.sleep(0.5)
        for a in agents:
            most[a.name] = max(most[a.name], fleet.rss_kb(a.process.pid))
    nobody.end()
    came = [s - begun for s in nobody.came]
    t.check("all agents go on living", all(a.process.poll() is None for a in agents))
    # Windows of 1, 2, 4 ... s, full jitter, and at least 0.1 s: a dozen tries in a minute, two dozen at worst.
    t.check(f"they ask, and not often: {len(came)} tries of {len(agents)} agents in {seconds} s", len(agents) <= len(came) <= 16 * len(agents), came)
    half = seconds / 2
    early, late = sum(s < half for s in came), sum(s >= half for s in came)
    t.check(f"and ever more rarely: {early} in the first half, {late} in the second", late < early, came)
    t.check("memory stays where it was", all(most[n] - rss <= 2048 for n, (rss, _) in start.items()), (start, most))
    t.check("what happens meanwhile is kept", all(a.spool()[-1]["seq"] > start[a.name][1] for a in agents), start)
    t.check("in a bounded spool", all(spool_bytes(a) < SPOOL_MAX for a in agents), {a.name: spool_bytes(a) for a in agents})
    return start


def come_back(t, server, agents, limit_s):
    server.start()
    seen = {a.name: a.spool()[-1]["seq"] for a in agents}
    t.eventually("when it is back, agents come by themselves and bring everything, each event once", lambda: (
        all(sorted(s for s in stored(server, n) if s <= seq) == list(range(1, seq + 1)) for n, seq in seen.items()),
        {n: (len(stored(server, n)), seq) for n, seq in seen.items()}), limit_s, 0.3)


def stay_silent(t, server, agents):
    """Something that takes the connection and never says a word must not hang anybody."""
    server.kill()
    nobody = Nobody(server.port, silent=True)
    t.eventually("agents come to a server that says nothing", lambda: len(nobody.came) >= len(agents), 60)
    begun = time.monotonic()
    t.equal("and end at once when told to", [a.stop() for a in agents], [0] * len(agents))
    t.check("in time", time.monotonic() - begun < 5, time.monotonic() - begun)
    nobody.end()
    begun = time.monotonic()
    agents[0].start()
    time.sleep(1)
    t.equal("one that starts with no server at all ends as cleanly", agents[0].stop(), 0)


def repair_alone(t, agent):
    code, out, err = agent.local("repair", "update_scan")
    t.check("a repair by hand needs no server", code == 0 and "result done" in out, out + err)


def scenario(t, args):
    server = fleet.Server(t, conf={"wait_s": 10}).up()
    agents = [fleet.Agent(t, server, f"AWAY-{i}", more=["--fault", "0x80070002:scan:cache_reset", *SPEED]).start() for i in range(COUNT)]
    t.eventually("agents report", lambda: all(stored(server, a.name) for a in agents), 20)
    t.eventually("and their memory settles", lambda: all(len(a.spool()) >= 2 for a in agents), 20)
    seconds = 240 if args.long else 12
    go_away(t, server, agents, seconds)
    # An agent's next try is at most about twice as far away as the server was, and five minutes.
    come_back(t, server, agents, 330 if args.long else 40)
    stay_silent(t, server, agents)
    repair_alone(t, agents[0])
    server.start()
    agents[0].start()
    t.eventually("which the server learns of later", lambda: any(
        j["repair"] == "update_scan" and j["result"] == "done" for j in server.api.all("jobs", f"machine={agents[0].name}")), 30)
    agents[0].stop()
    server.stop()


if __name__ == "__main__":
    fleet.main(scenario, __doc__, short_s=180, long_s=900)
