#!/usr/bin/env python3
"""Kill -9 at any moment: what was acknowledged is stored, no job starts twice, and every job ends."""
import glob
import os
import random
import threading
import time

import fleet
from signing import Machine

FAULT = {"phase": "scan", "code": "0x80070002", "heals": ["cache_reset"]}
WORLD = [{"name": "SWARM", "count": 24, "fault": FAULT}]
NATIVE = 3


# ---- machines played by hand: they remember what the server said it has ----


class Reporter(threading.Thread):
    """Sends events one report after the other, whatever happens to the server."""

    def __init__(self, server, number):
        super().__init__(daemon=True)
        self.client = fleet.Client(server.port, server.ca)
        self.machine = Machine(self.client, f"HAND-{number}")
        self.server = server
        self.have = 0       # acknowledged
        self.sent = []      # not yet acknowledged
        self.ended = threading.Event()
        self.wrong = None

    def turn(self):
        m = self.machine
        if not m.ticket:
            if m.session().status == 404:
                m.enroll(self.server.enroll_token)
            return
        if not self.sent:
            self.sent = [m.event(code=random.choice(["0x80070002", "0x80240022", "0x8024402C"])) for _ in range(random.randrange(1, 20))]
        a = m.sync(events=self.sent)
        if a.status == 401:
            m.ticket = None
        if a.status != 200:
            return
        have = a.json()["have"]
        if have < self.have:
            self.wrong = f"the server had {self.have}, now it has {have}"
        self.have = have
        self.sent = [e for e in self.sent if e["seq"] > have]

    def run(self):
        while not self.ended.is_set():
            try:
                self.turn()
            except Exception:  # the server is away
                self.client.drop()
                time.sleep(0.05)


def check_reporters(t, server, reporters, when, quiet):
    """Every acknowledged event is in the database, once. The marks are read first: they only grow."""
    marks = [(r.machine.id, r.have) for r in reporters]
    db = server.database()
    lost = []
    for machine_id, have in marks:
        n, distinct = db.execute("SELECT COUNT(*), COUNT(DISTINCT seq) FROM events e JOIN machines m ON m.n = e.machine WHERE m.id = ? "
                                 "AND seq <= ?", (machine_id, have)).fetchone()
        if (n, distinct) != (have, have):
            lost.append((machine_id[:8], f"{have} acknowledged, {distinct} stored in {n} rows"))
    db.close()
    if lost or not quiet:
        t.check(f"{when}, every acknowledged event is stored, once", not lost, lost)
    return not lost


# ---- killing the server ----


class Pushes(threading.Thread):
    """Pushes update_scan to all machines now and then; remembers what was answered."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.client = fleet.Client(server.port, server.ca, server.api.token)
        self.jobs = {}
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(random.uniform(0.1, 0.8)):
            try:
                a = self.client.ask("POST", "/api/v1/rollouts", {"repair": "update_scan", "filter": "simulated=true", "reason": "scenario"})
                if a.status == 201:
                    self.jobs.update({j["job"]: j["machine"] for j in a.json()["jobs"]})
            except Exception:
                self.client.drop()


def states_of(server, ids):
    db = server.database()
    rows = dict((r[0], r[1:]) for r in db.execute("SELECT id, state, result, verdict, reason FROM jobs"))
    db.close()
    return {i: rows.get(i) for i in ids}


def not_ended(server, ids):
    return {i: s for i, s in states_of(server, ids).items() if not s or s[0] not in fleet.FINAL}


def starts_in_journal(path):
    """{job: set of its starts}, as far as the journal still tells."""
    import json
    starts = {}
    with open(path, errors="replace") as f:
        for line in f:
            if line.startswith("S ") and line.endswith("\n"):
                s = json.loads(line[2:])
                if s.get("started"):
                    starts.setdefault(s["id"], set()).add((s.get("start_boot"), s.get("start_ticks")))
    return starts


def check_journals(t, server, agents, swarm_dir, ids):
    journals = {a.name: os.path.join(a.dir, "journal") for a in agents}
    journals.update({os.path.basename(d): os.path.join(d, "journal") for d in glob.glob(swarm_dir + "/*")})
    t.equal("every machine kept a journal", [n for n, p in journals.items() if not os.path.exists(p)], [])
    twice, open_jobs, differ, elsewhere = {}, {}, {}, {}
    owner = {}
    states = states_of(server, ids)
    for name, path in journals.items():
        for job, starts in starts_in_journal(path).items():
            if len(starts) > 1:
                twice[job] = starts
            if owner.setdefault(job, name) != name:
                elsewhere[job] = (owner[job], name)
        for job, s in fleet.read_journal(path).items():
            if fleet.stage_of(s) != "ended":
                open_jobs[job] = (name, fleet.stage_of(s))
            elif states.get(job) and states[job][0] == "done" and not states[job][1]:
                differ[job] = states[job]
    t.check(f"no job was started twice ({len(owner)} starts in {len(journals)} journals)", owner and not twice, twice)
    t.equal("no job ran on two machines", elsewhere, {})
    t.equal("no journal holds a job that has not ended", open_jobs, {})
    t.equal("what ended on a machine has a result on the server", differ, {})
    logged = {job: n for a in agents for job, n in a.starts().items() if n > 1}
    t.equal("the agents' logs tell of no second start either", logged, {})


def kill_server(t, args):
    kills = 200 if args.long else 20
    server = fleet.Server(t, conf={"wait_s": 10}).up()
    swarm_dir = t.path("machines")
    swarm = fleet.swarm(t, server, world=WORLD, more=["--speed", "40", "--state", swarm_dir])
    agents = [fleet.Agent(t, server, f"NATIVE-{i}", more=["--fault", "0x80070002:scan:cache_reset", "--speed", "20"]).start()
              for i in range(NATIVE)]
    reporters = [Reporter(server, i) for i in range(4)]
    for r in reporters:
        r.start()
    t.eventually("a fleet is at work", lambda: len(server.api.all("machines")) == WORLD[0]["count"] + NATIVE + len(reporters), 20)
    pushes = Pushes(server)
    pushes.start()
    good = 0
    for i in range(kills):
        # From in the middle of starting to long after.
        time.sleep(random.choice([0.02, 0.1, 0.3, 0.8]) + random.random() * 0.7)
        server.kill()
        server.start()
        good += check_reporters(t, server, reporters, f"after kill {i + 1}", quiet=True)
    t.equal(f"after each of {kills} kills every acknowledged event was stored, once", good, kills)
    pushes.ended.set()
    pushes.join()
    for r in reporters:
        r.ended.set()
    for r in reporters:
        r.join()
    t.equal("the server never forgot what it had acknowledged", [r.wrong for r in reporters if r.wrong], [])
    check_reporters(t, server, reporters, "in the end", quiet=False)
    t.check("and there were many", sum(r.have for r in reporters) > 10 * kills, [r.have for r in reporters])
    jobs = pushes.jobs
    t.check("pushes were accepted meanwhile", len(jobs) > kills, len(jobs))
    t.eventually(f"every one of {len(jobs)} accepted jobs ends", lambda: (
        not not_ended(server, jobs), list(not_ended(server, jobs).items())[:3]), 60 if args.long else 30, 0.3)
    done = [s for s in states_of(server, jobs).values() if s and s[0] == "done"]
    t.check("those that ran have a result", done and all(s[1] for s in done), [s for s in done if not s[1]][:3])

    t.eventually("agents have nothing left to send", lambda: (
        not fleet.unsent(server, agents), fleet.unsent(server, agents)), 30, 0.3)
    for a in agents:
        t.equal(f"{a.name} ends cleanly", a.stop(), 0)
    t.equal("the swarm ends cleanly", fleet.stop(swarm), 0)
    t.equal("every event of the native agents' spools is stored", fleet.unsent(server, agents), {})
    check_journals(t, server, agents, swarm_dir, jobs)
    code, out, err = server.control("check")
    t.check("the audit chain verifies", code == 0, out + err)
    t.equal("the server ends cleanly", server.stop(), 0)


# ---- killing agents in mid-repair ----


def windows_of(agent):
    """The simulated Windows' own state: {kind: {number: [values]}}."""
    state = {}
    with open(os.path.join(agent.dir, "windows", "windows.state")) as f:
        for line in f:
            words = line.split()
            state.setdefault(words[0], {})[words[1]] = words[2:]
    return state


def as_before(agent, started_types):
    """What a repair must leave, however it was cut: start types, running services, the folder."""
    w = windows_of(agent)
    wrong = []
    for number, values in w["service"].items():
        if number in started_types and values[1] != started_types[number]:
            wrong.append(f"service {number} has start type {values[1]}, had {started_types[number]}")
    if w["place"]["0"][0] != "1":
        wrong.append("SoftwareDistribution is missing")
    return wrong


def kill_agents(t, args):
    count, speed = (24, 3) if args.long else (6, 5)
    server = fleet.Server(t, "second").up()
    agents = [fleet.Agent(t, server, f"CUT-{i}", more=["--fault", "0x80070002:scan:cache_reset", "--speed", str(speed)]).start()
              for i in range(count)]
    names = {a.name for a in agents}
    t.eventually("machines to be cut off report their failures", lambda: (
        {f["machine"] for f in server.api.all("failures")} == names, server.api.all("failures")), 30)
    t.eventually("their Windows have a state", lambda: all(os.path.exists(os.path.join(a.dir, "windows", "windows.state")) for a in agents), 20)
    types = {a.name: {n: v[1] for n, v in windows_of(a)["service"].items()} for a in agents}
    jobs = server.api.push("cache_reset", machines=sorted(names))["jobs"]
    job_of = {j["machine"]: j["job"] for j in jobs}
    # Each is killed once or more, at moments spread over repair and verification.
    moments = {a.name: sorted(random.uniform(0, 6 if i % 3 else 1) for _ in range(random.randrange(1, 4))) for i, a in enumerate(agents)}
    begun, waiting, stages = {}, {a.name: a for a in agents}, {}
    deadline = time.monotonic() + 40
    while waiting and time.monotonic() < deadline:
        for name, a in list(waiting.items()):
            job = a.journal().get(job_of[name])
            if not job or not job.get("started"):
                continue
            begun.setdefault(name, time.monotonic())
            if not moments[name] or fleet.stage_of(job) == "ended":
                del waiting[name]
            elif time.monotonic() - begun[name] >= moments[name][0]:
                moments[name].pop(0)
                a.kill()
                stage = fleet.stage_of(a.journal()[job_of[name]])
                stages[stage] = stages.get(stage, 0) + 1
                a.start()
        time.sleep(0.02)
    t.check(f"agents were killed in every stage of a repair: {stages}", sum(stages.values()) >= count and stages.get("running"), stages)
    done = t.eventually("every repair that was cut ends", fleet.jobs_ended(server.api, jobs), 60)
    for a in agents:
        if not done:
            break
        r = done[a.name]
        good = (r["result"], r["verdict"]) == ("done", "fixed") or r["result"] == "interrupted"
        t.check(f"{a.name}: it has one end: {r['result']} {r['verdict']}", good, r)
        t.equal(f"{a.name}: it was started once", a.starts(), {job_of[a.name]: 1})
    for a in agents:
        t.equal(f"{a.name} ends cleanly", a.stop(), 0)
    wrong = {a.name: as_before(a, types[a.name]) for a in agents}
    t.equal("start types are as before, and the update folder is there", {n: w for n, w in wrong.items() if w}, {})
    if done:
        backups = {a.name: ("backup" in windows_of(a), done[a.name]["result"]) for a in agents}
        t.check("what was interrupted was put back", all(not b or r == "done" for b, r in backups.values()), backups)
    server.stop()


def scenario(t, args):
    kill_server(t, args)
    kill_agents(t, args)


if __name__ == "__main__":
    fleet.main(scenario, __doc__, short_s=200, long_s=1500)
