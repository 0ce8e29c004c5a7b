#!/usr/bin/env python3
"""The loop of the product: machines fail, an admin pushes a repair, the machines prove whether it helped."""
import re

import fleet

SPEED = ["--speed", "60"]
AGENT_SPEED = ["--speed", "8"]  # `once` leaves when nothing has happened for 2 s: Windows must not try that often
CODE, INSTALL_CODE, TIME_CODE = "0x80070002", "0x800F0831", "0x80072F8F"


def scan_fault(code, heals):
    return {"phase": "scan", "code": code, "heals": heals}


WORLD = [
    {"name": "GOOD", "count": 3},
    {"name": "CACHE", "count": 4, "fault": scan_fault(CODE, ["cache_reset"])},
    {"name": "STUCK", "count": 2, "fault": scan_fault(CODE, [])},
    {"name": "INST", "count": 2, "fault": {"phase": "install", "code": INSTALL_CODE, "kb": "KB5003791",
                                           "heals": ["component_store_repair"]}},
    {"name": "TIME", "count": 2, "clock_offset_s": 18000, "fault": scan_fault(TIME_CODE, ["time_resync"])},
]
EXPECTED = {"CACHE": (CODE, "scan"), "STUCK": (CODE, "scan"), "INST": (INSTALL_CODE, "install"), "TIME": (TIME_CODE, "scan")}


def group(name):
    return name.split("-")[0]


def names(groups):
    return {f"{g['name']}-{i:04d}" for g in WORLD for i in range(1, g["count"] + 1) if g["name"] in groups}


def open_failures(api):
    return {(f["machine"], f["code"], f["phase"]) for f in api.all("failures")}


def machine_states(api, groups):
    return {m["name"]: m["state"] for m in api.all("machines") if group(m["name"]) in groups}


def appear(t, api):
    everybody = names({g["name"] for g in WORLD})
    t.eventually("every machine of the world enrols", lambda: (
        {m["name"] for m in api.all("machines")} == everybody, len(api.all("machines"))), 20)
    expected = {(n, *EXPECTED[group(n)]) for n in names(EXPECTED)}
    t.eventually("each fault is a failure with its code and phase, and there are no others",
                 lambda: (open_failures(api) == expected, sorted(open_failures(api) ^ expected)), 30)
    t.eventually("machines with a fault are failing, the others healthy", lambda: (
        all((s == "failing") == (group(n) in EXPECTED) and (s == "healthy") == (group(n) not in EXPECTED)
            for n, s in machine_states(api, EXPECTED.keys() | {"GOOD"}).items()),
        machine_states(api, EXPECTED.keys() | {"GOOD"})), 20)
    t.check("machines are marked as simulated", all(m["simulated"] for m in api.all("machines")))
    codes = {c["code"]: c["machines"] for c in api.all("codes")}
    t.equal("the codes page counts machines", codes, {CODE: 6, INSTALL_CODE: 2, TIME_CODE: 2})


def repair_by_code(t, api):
    pushed = api.push("cache_reset", f"code={CODE}")
    t.equal("a push by code matches the machines with that failure", {j["machine"] for j in pushed["jobs"]},
            names({"CACHE", "STUCK"}))
    jobs = t.eventually("all its jobs end", fleet.jobs_ended(api, pushed["jobs"]), 40)
    if not jobs:
        return {}
    t.equal("all results are done", {r["result"] for r in jobs.values()}, {"done"})
    t.equal("the verdict is fixed where the reset healed, same where it did not",
            {n: r["verdict"] for n, r in jobs.items()},
            {n: "fixed" if group(n) == "CACHE" else "same" for n in jobs})
    t.eventually("failures follow the verdicts", lambda: (
        {m for m, c, p in open_failures(api) if c == CODE} == names({"STUCK"}), sorted(open_failures(api))), 10)
    t.eventually("healed machines are healthy, the others failing", lambda: (
        all(s == ("healthy" if group(n) == "CACHE" else "failing")
            for n, s in machine_states(api, {"CACHE", "STUCK"}).items()), machine_states(api, {"CACHE", "STUCK"})), 10)
    t.check("the jobs' outputs say what was done",
            all("SoftwareDistribution" in api.job(r["id"])["output"] for r in jobs.values()))
    return jobs


def limits(t, api):
    pushed = api.push("cache_reset", machines=["STUCK-0001"])
    jobs = t.eventually("a second cache_reset ends", fleet.jobs_ended(api, pushed["jobs"]), 20)
    if jobs:
        r = jobs["STUCK-0001"]
        t.check("it is refused by the machine's own limit, with the reason",
                r["result"] == "refused" and "at most 1 in 7 days" in r["reason"], r)


def dry_run(t, api):
    before = open_failures(api)
    pushed = api.push("cache_reset", machines=["STUCK-0002"], dry_run=True)
    jobs = t.eventually("a dry run ends", fleet.jobs_ended(api, pushed["jobs"]), 20)
    if not jobs:
        return
    r = api.job(jobs["STUCK-0002"]["id"])
    t.check("it describes the steps and says that nothing was changed",
            r["result"] == "done" and "nothing was changed" in r["reason"] and "stop the update services" in r["output"], r)
    t.check("it leaves nothing to undo, and failures as they were",
            not r["undoable"] and {f for f in before if f[0] == "STUCK-0002"} <= open_failures(api))


def undo(t, api, jobs):
    name = "CACHE-0001"
    if name not in jobs:
        t.fail("a job can be undone", "there is none")
        return
    made = api.post(f"/api/v1/jobs/{jobs[name]['id']}/undo", {"reason": "scenario"})
    ended = t.eventually("an undo ends", fleet.jobs_ended(api, made["jobs"]), 30)
    if ended:
        t.check("its result is done", ended[name]["result"] == "done", ended[name])
    t.eventually("the old cache is back, and with it the failure",
                 lambda: (name in {m for m, c, p in open_failures(api) if c == CODE}, sorted(open_failures(api))), 20)
    again = api.ask("POST", f"/api/v1/jobs/{jobs[name]['id']}/undo", {"reason": "twice"})
    t.equal("what was undone can't be undone again", again.status, 409)


def time_and_install(t, api):
    pushed = api.push("time_resync", f"code={TIME_CODE}")
    jobs = t.eventually("time_resync ends on the machines with a wrong clock", fleet.jobs_ended(api, pushed["jobs"]), 30)
    if jobs:
        t.equal("it fixed them", {n: (r["result"], r["verdict"]) for n, r in jobs.items()},
                {n: ("done", "fixed") for n in names({"TIME"})})
    t.eventually("their skew is gone", lambda: (
        all(abs(api.machine(n)["skew_ms"]) < 60000 for n in names({"TIME"})),
        {n: api.machine(n)["skew_ms"] for n in names({"TIME"})}), 20)

    pushed = api.push("cache_reset", f"code={INSTALL_CODE}")
    jobs = t.eventually("a reset for an install failure ends", fleet.jobs_ended(api, pushed["jobs"]), 30)
    if jobs:
        t.check("no scan proves anything there: the verdict waits for an install, or the install failed again",
                all(r["verdict"] in ("pending", "same") for r in jobs.values()), jobs)
        t.eventually("the next failing install makes the verdict same", lambda: (
            all(api.job(r["id"])["verdict"] == "same" for r in jobs.values()),
            [api.job(r["id"])["verdict"] for r in jobs.values()]), 30)
    t.check("the failure names the update", all(f["update"] for f in api.all("failures", f"code={INSTALL_CODE}")),
            api.all("failures", f"code={INSTALL_CODE}"))


def offline(t, server, api):
    agent = fleet.Agent(t, server, "OFFLINE", more=["--fault", CODE + ":scan:cache_reset", *AGENT_SPEED])
    agent.start()
    if not t.eventually("a machine reports its failure", lambda: any(f[0] == "OFFLINE" for f in open_failures(api)), 20):
        return
    t.equal("and leaves when told to", agent.stop(), 0)
    first = api.push("cache_reset", machines=["OFFLINE"])["jobs"][0]["job"]
    second = api.push("cache_reset", machines=["OFFLINE"])["jobs"][0]["job"]
    scan = api.push("update_scan", machines=["OFFLINE"])["jobs"][0]["job"]
    t.equal("a second push of the same repair supersedes the one not started",
            (api.job(first)["state"], api.job(second)["state"]), ("superseded", "queued"))
    api.post(f"/api/v1/jobs/{scan}/cancel")
    t.equal("a job that has not started can be cancelled", api.job(scan)["state"], "cancelled")
    t.equal("and not twice", api.ask("POST", f"/api/v1/jobs/{scan}/cancel", {}).status, 409)
    agent.start()
    t.eventually("back again, it runs what is left", fleet.jobs_ended(api, [{"job": second}]), 30)
    t.equal("it ran the second push and nothing else", (agent.starts(), list(agent.journal())), ({second: 1}, [second]))
    r = api.job(second)
    t.equal("with result and verdict", (r["state"], r["result"], r["verdict"]), ("done", "done", "fixed"))
    agent.stop()
    t.equal("a job that ended can't be cancelled", api.ask("POST", f"/api/v1/jobs/{second}/cancel", {}).status, 409)


def by_hand(t, server, api):
    agent = fleet.Agent(t, server, "BYHAND", more=["--fault", CODE + ":scan:cache_reset", *AGENT_SPEED])
    agent.start()
    t.eventually("a machine for a repair by hand reports its failure", lambda: any(f[0] == "BYHAND" for f in open_failures(api)), 20)
    agent.stop()
    code, out, err = agent.local("repair", "cache_reset")
    t.check("`fleetmend-agent repair` works without a server and proves it", code == 0 and "verdict fixed" in out, out + err)
    code, out2, err = agent.local("repair", "cache_reset")
    t.check("a second one is refused by the same limit", code == 1 and "at most 1 in 7 days" in out2, out2 + err)
    code, _, err = agent.once()
    t.check("`fleetmend-agent once` reports and leaves", code == 0, err)
    job = re.search(r"job ([0-9a-f]{32})", out)
    t.eventually("the server learns of it as a job", lambda: (
        [j for j in api.all("jobs", "machine=BYHAND")
         if job and (j["id"], j["result"], j["verdict"]) == (job.group(1), "done", "fixed")],
        api.all("jobs", "machine=BYHAND")), 20)
    t.check("and the failure is fixed", not any(f[0] == "BYHAND" for f in open_failures(api)))
    if job:
        code, out, err = agent.local("undo", job.group(1))
        t.check("`fleetmend-agent undo` takes it back", code == 0 and "result done" in out, out + err)


def approval(t, server, api):
    pushed = api.push("reboot", machines=["GOOD-0001"])
    rollout, job = pushed["rollout"], pushed["jobs"][0]["job"]
    t.equal("a push of class 2 waits for approval", (pushed["state"], api.job(job)["state"]), ("approval", "waiting"))
    own = api.ask("POST", f"/api/v1/rollouts/{rollout}/approve", {})
    t.check("nobody approves his own", own.status == 403, own)
    operator = server.user_add("olga", "viewer,operator")
    no = operator.ask("POST", f"/api/v1/rollouts/{rollout}/approve", {})
    t.check("an operator alone can't approve", no.status == 403, no)
    t.equal("it still waits", api.job(job)["state"], "waiting")
    server.user_add("bob", "viewer,approver").post(f"/api/v1/rollouts/{rollout}/approve")
    t.eventually("a second person approves, and the machine gets it", lambda: (
        api.job(job)["state"] == "done", api.job(job)["state"]), 20)
    again = api.ask("POST", f"/api/v1/rollouts/{rollout}/approve", {})
    t.equal("it can't be approved again", again.status, 409)

    pushed = api.push("reboot", machines=["GOOD-0002"])
    api.post(f"/api/v1/rollouts/{pushed['rollout']}/cancel")
    t.equal("a waiting push can be cancelled", api.job(pushed["jobs"][0]["job"])["state"], "cancelled")


def heals_alone(t, server, api):
    """An install that failed for a while, and is told of by two logs, leaves nothing open once it succeeds."""
    fault = {"phase": "install", "code": INSTALL_CODE, "kb": "KB5003791", "heals": [], "to_h": 0.1}
    more = fleet.swarm(t, server, name="passing", world=[{"name": "PASSING", "count": 2, "fault": fault}],
                       more=["--seed", "2", *SPEED])
    mine = lambda: {f for f in open_failures(api) if group(f[0]) == "PASSING"}
    t.eventually("machines whose install fails for a while are failing", lambda: len({f[0] for f in mine()}) == 2, 10)
    rows = [(f["machine"], f["update"]) for f in api.all("failures") if group(f["machine"]) == "PASSING"]
    t.equal("one failing update is one failure, whichever logs tell it", len(rows), 2)
    t.eventually("once the update installed, nothing of it is open", lambda: (not mine(), mine()), 20)
    t.equal("and the machines are healthy", set(machine_states(api, {"PASSING"}).values()), {"healthy"})
    fleet.stop(more)


def previews(t, api):
    before = len(api.all("jobs"))
    p = api.push("update_scan", f"code={CODE}", preview=True)
    t.check("a preview names the machines and makes no jobs",
            p["rollout"] is None and p["matched"] >= 2 and len(api.all("jobs")) == before, p)
    for what, body in [("an empty filter", {"repair": "update_scan"}), ("an unknown repair", {"repair": "format_c", "filter": "state=failing"}),
                       ("an unknown parameter", {"repair": "cache_reset", "filter": "state=failing", "params": {"path": "C:\\"}}),
                       ("a parameter's wrong value", {"repair": "cache_reset", "filter": "state=failing", "params": {"keep": "half"}})]:
        a = api.ask("POST", "/api/v1/rollouts", body)
        t.check(f"a push with {what} is refused", a.status == 400, a)
    a = api.ask("POST", "/api/v1/rollouts", {"repair": "update_scan", "machines": ["NOBODY"]})
    t.check("a push to an unknown machine is refused", a.status == 404, a)


def scenario(t, args):
    server = fleet.Server(t).up()
    api = server.api
    swarm = fleet.swarm(t, server, world=WORLD, more=SPEED)
    appear(t, api)
    jobs = repair_by_code(t, api)
    undo(t, api, jobs)
    limits(t, api)
    dry_run(t, api)
    time_and_install(t, api)
    heals_alone(t, server, api)
    previews(t, api)
    approval(t, server, api)
    offline(t, server, api)
    by_hand(t, server, api)
    fleet.stop(swarm)
    code, out, err = server.control("check")
    t.check("the audit chain verifies", code == 0 and "audit_rows_verified" in out, out + err)
    t.equal("the server ends cleanly", server.stop(), 0)


if __name__ == "__main__":
    fleet.main(scenario, __doc__, short_s=110)
