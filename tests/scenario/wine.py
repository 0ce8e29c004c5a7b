#!/usr/bin/env python3
"""The Windows agent, the real .exe, on a small but real Windows (Wine) against a real server: services stop and start,
folders move, certificates are judged by Schannel. Wine offers no update scan, so verdicts are unknown and say why."""
import argparse
import glob
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time

import fleet

TESTS = os.path.join(fleet.ROOT, "tests", "windows")
CORPUS = os.path.join(fleet.ROOT, "..", "shared", "corpus", "reportingevents_win10.log")
SAMPLE = os.path.join(fleet.ROOT, "deploy", "demo", "ReportingEvents.sample.log")
POLICY = r"HKLM\SOFTWARE\Policies\Fleetmend\Agent"
CACHE = r"C:\windows\SoftwareDistribution"
OLD_CODE, NEW_CODE = "0x80070005", "0x80070643"
NO_SCAN = "this system offers no update scan"
RUNNING, STOPPED = "running manual", "stopped manual"


# ---- the machine ----


class Wine:
    """A prefix of the scenario's own, its services and its files."""

    def __init__(self, t, exe):
        self.t = t
        self.exe = exe
        self.prefix = t.path("wine")
        self.env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        self.env.update(WINEPREFIX=self.prefix, WINEDEBUG="-all", TZ="UTC",
                        WINEDLLOVERRIDES="mscoree=;mshtml=;winemenubuilder.exe=")
        t.undo.append(self.end)
        self.booting = t.start("wineboot", ["wine", "wineboot", "-i"], env=self.env)

    def end(self):
        """Wine's own helpers, of this prefix alone."""
        for action in ("-k", "-w"):
            subprocess.run(["wineserver", action], env=self.env, timeout=20, check=False)

    def ready(self):
        """Services made before the first boot has settled would vanish; those made later die with the last program."""
        self.helpers()
        self.booting.wait(90)
        subprocess.run(["wineserver", "-w"], env=self.env, timeout=60, check=True)
        self.t.start("keep", ["wine", self.t.path("keep.exe")], env=self.env)
        seen, _ = fleet.poll(lambda: "ready" in self.t.text_of("keep.out"), 30)
        if not seen:
            raise RuntimeError("wine does not start: " + self.t.text_of("wineboot.err")[-500:])
        os.makedirs(self.file(r"C:\fleetmend-test"))

    def helpers(self):
        compiler = shutil.which("x86_64-w64-mingw32-gcc-win32") or "x86_64-w64-mingw32-gcc"
        for name, more in (("keep", []), ("rig", ["-municode"]), ("fake_w32tm", [])):
            self.must([compiler, "-O1", "-static", *more, "-o", self.t.path(name + ".exe"), os.path.join(TESTS, name + ".c")])

    def must(self, argv):
        code, out, err = self.t.run(argv, 60, env=self.env)
        if code != 0:
            raise RuntimeError(f"{argv}: {code} {out} {err}")
        return out.replace("\r", "")

    def file(self, path):
        """Where a C:\\ path is."""
        return os.path.join(self.prefix, "drive_c", *path.split("\\")[1:])

    def rig(self, *words):
        return self.must(["wine", self.t.path("rig.exe"), *words]).strip()

    def state(self, service):
        return self.rig("state", service)

    def states(self):
        return {s: self.state(s) for s in ("wuauserv", "bits")}

    def expect_states(self, what, wuauserv, bits, limit_s=10):
        want = {"wuauserv": wuauserv, "bits": bits}
        self.t.eventually(what, lambda: (self.states() == want, self.states()), limit_s)

    def policy(self, name, kind, *values):
        self.must(["wine", "reg", "add", POLICY, "/v", name, "/t", kind, "/d", r"\0".join(values), "/f"])

    def backups(self):
        return sorted(os.path.basename(p) for p in glob.glob(glob.escape(self.file(CACHE)) + ".*"))


def dos(path):
    return "Z:" + path.replace("/", "\\")


class Holder:
    """Keeps folders open so that they can't be renamed."""

    def __init__(self, wine, *folders):
        name = f"holder{len(wine.t.processes)}"
        self.p = subprocess.Popen(["wine", wine.t.path("rig.exe"), "hold", *folders], env=wine.env, stdin=subprocess.PIPE,
                                  stdout=open(wine.t.path(name + ".out"), "ab"), stderr=open(wine.t.path(name + ".err"), "ab"),
                                  preexec_fn=fleet.die_with_parent)
        wine.t.processes.append(self.p)
        seen, _ = fleet.poll(lambda: "ready" in wine.t.text_of(name + ".out"), 20)
        if not seen:
            raise RuntimeError("the folder can't be held: " + wine.t.text_of(name + ".err"))

    def release(self):
        self.p.stdin.close()
        self.p.wait(20)


class Agent:
    """The .exe with a state folder of its own; `flags` False: configured by policy alone, in its default folder."""

    def __init__(self, wine, server, name, flags=True, order_key=True, ca=None):
        self.wine = wine
        self.t = wine.t
        self.log_name = "agent-" + name
        self.flags = []
        self.dir = r"C:\ProgramData\Fleetmend\Agent"
        if flags:
            self.dir = "C:\\fleetmend-test\\" + name
            self.flags = ["--server", server.url, "--ca", dos(ca or server.ca), "--token", server.enroll_token,
                          "--state", self.dir]
            if order_key:
                self.flags += ["--order-key", server.order_key]
        self.process = None

    def start(self):
        self.process = self.t.start(self.log_name, ["wine", self.wine.exe, "run", *self.flags], env=self.wine.env)
        return self

    def kill(self):
        fleet.kill(self.process)

    def log(self):
        return self.t.text_of(self.log_name + ".err").replace("\r", "")

    def id(self):
        found = re.search(r"agent\.enrolled id=(\w+)", self.log())
        return found.group(1) if found else None

    def count(self, pattern):
        return len(re.findall(pattern, self.log()))

    def seconds(self, pattern):
        """From the agent's start to the line with the pattern, by its own log."""
        def of(line):
            h, m, sec = line.split("T")[1].split("Z")[0].split(":")
            return 3600 * int(h) + 60 * int(m) + float(sec)
        lines = self.log().splitlines()
        begin = next(of(x) for x in lines if "agent.started" in x)
        end = next((of(x) for x in lines if re.search(pattern, x)), float("inf"))
        return (end - begin) % 86400 if end < float("inf") else end

    def enrolled(self, what, limit_s=30):
        return self.t.eventually(what, lambda: (self.id(), self.log()[-600:]), limit_s)


# ---- its update log ----


def reporting_lines(t):
    """Real lines up to their failure, as if of yesterday, and the failure's code. A later success would close it."""
    if os.path.exists(CORPUS):
        with open(CORPUS, "rb") as f:
            lines = f.read().decode("utf-16").splitlines()
    else:
        t.skip("real update log lines", f"{CORPUS} is not here; taking the sample of deploy/demo")
        with open(SAMPLE) as f:
            lines = f.read().splitlines()
    last = next(i for i, line in enumerate(lines) if "_FAILED]" in line)
    code = "0x" + lines[last].split("\t")[7].upper()
    return [dated(line, 1) for line in lines[:last + 1]], code


def dated(line, days_ago):
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - days_ago * 86400))
    return re.sub(r"\t\d{4}-\d\d-\d\d ", f"\t{day} ", line, count=1)


def install_failure(code, days_ago, kb, update):
    return dated("{%s}\t2023-01-01 10:00:00:000+0000\t1\t182 [AGENT_INSTALLING_FAILED]\t101\t{%s}\t200\t%s\tUpdateOrchestrator\t"
                 "Failure\tContent Install\tInstallation Failure: Windows failed to install the following update with error %s: "
                 "Test Update (%s).\tscenario.1" % (update.upper(), update.upper(), code[2:].lower(), code, kb), days_ago)


def write_log(wine, lines, append=False):
    os.makedirs(wine.file(CACHE + r"\DataStore"), exist_ok=True)
    os.makedirs(wine.file(CACHE + r"\Download"), exist_ok=True)
    text = "".join(line + "\r\n" for line in lines).encode("utf-16-le")
    with open(wine.file(CACHE + r"\ReportingEvents.log"), "ab" if append else "wb") as f:
        f.write(text if append else b"\xff\xfe" + text)


def failures(api, machine, code=None):
    return [f for f in api.all("failures", more="&all=true") if f["machine_id"] == machine and code in (None, f["code"])]


def admit(api, agent):
    """The same Windows with another key looks like a clone, and waits for a person's word."""
    if api.machine(agent.id())["state"] == "pending":
        api.post(f"/api/v1/machines/{agent.id()}/approve")


# ---- pushing ----


def push(api, agent, repair, **more):
    return api.push(repair, machines=[agent.id()], **more)["jobs"][0]["job"]


def ended(t, api, what, job, limit_s=30):
    row = t.eventually(what, lambda: (api.job(job) if api.job(job)["state"] in fleet.FINAL else None, api.job(job)), limit_s)
    return row or api.job(job)


def running(t, api, what, job):
    return t.eventually(what, lambda: (api.job(job)["state"] == "running", api.job(job)["state"]), 20)


# ---- the checks ----


def enrols_by_flags(t, wine, api, agent):
    if not agent.start().enrolled("configured by flags, the agent enrols over Schannel TLS with the server's CA"):
        return False
    machine = api.machine(agent.id())
    facts = machine["facts"]
    t.equal("its name is the computer's", machine["name"].upper(), socket.gethostname().split(".")[0][:15].upper())
    t.check("its facts are this Windows'", "Windows" in facts["os"] and re.fullmatch(r"\d+(\.\d+)?", facts["build"])
            and facts["arch"] == "x64" and facts["role"] == "client" and facts["free_disk_mb"] > 0, facts)
    t.check("it is not marked as simulated", machine["simulated"] is False, machine["simulated"])
    return True


def reports_once(t, wine, api, agent, code):
    machine = agent.id()
    t.eventually(f"the failure {code} of its log is on the server",
                 lambda: (len(failures(api, machine, code)) == 1, failures(api, machine)), 30)
    row = (failures(api, machine, code) or [{}])[0]
    t.equal("as one failed scan, open", (row.get("phase"), row.get("state"), row.get("count")), ("scan", "open", 1))
    agent.kill()
    agent.start()
    update = "5d8a3bd0-0a5c-4c3e-9d2c-0f8f5d2f7e11"
    write_log(wine, [install_failure(NEW_CODE, 0, "KB5099001", update)], append=True)
    t.eventually("restarted, it reports a line that was added to the log",
                 lambda: (failures(api, machine, NEW_CODE), failures(api, machine)), 30)
    t.equal("and the failure before is there once, as before",
            [(f["count"], f["state"]) for f in failures(api, machine, code)], [(1, "open")])
    t.equal("a failure of 20 days ago opens nothing", failures(api, machine, OLD_CODE), [])
    events = [i for i in api.get(f"/api/v1/machines/{machine}/timeline")["events"] if OLD_CODE in json.dumps(i)]
    t.check("it is known as history", len(events) == 1 and events[0].get("history") is True, events)


def resets_cache(t, wine, api, agent):
    """While the folder is held the agent waits with stopped services: time enough to look at them."""
    t.write("marker", "1")
    shutil.copy(t.path("marker"), wine.file(CACHE + r"\DataStore\marker"))
    holder = Holder(wine, CACHE)
    job = push(api, agent, "cache_reset")
    running(t, api, "a pushed cache_reset runs", job)
    wine.expect_states("wuauserv and bits are stopped meanwhile", STOPPED, STOPPED)
    holder.release()
    row = ended(t, api, "it ends when the folder is free", job)
    t.equal("its result is done", row["result"], "done")
    t.check("its verdict is unknown, because this system offers no update scan",
            row["verdict"] == "unknown" and NO_SCAN in row["verdict_reason"], (row["verdict"], row["verdict_reason"]))
    backups = wine.backups()
    t.check("SoftwareDistribution was moved aside with all that is in it", len(backups) == 1
            and os.path.exists(os.path.join(os.path.dirname(wine.file(CACHE)), backups[0], "DataStore", "marker")), backups)
    t.check("nothing of it is left in place", not os.path.exists(wine.file(CACHE + r"\DataStore\marker")))
    kept = glob.glob(glob.escape(wine.file(agent.dir)) + "/evidence/**/ReportingEvents.log", recursive=True)
    t.check("the evidence was exported", kept, os.listdir(wine.file(agent.dir)))
    wine.expect_states("both services run again", RUNNING, RUNNING)
    t.check("its output names the steps", all(w in row["output"] for w in ("wuauserv stopped", "bits stopped", "wuauserv started")),
            row["output"])
    return job


def second_is_refused(t, api, agent):
    row = ended(t, api, "a second cache_reset ends", push(api, agent, "cache_reset"))
    t.check("refused by the agent's own limit", row["result"] == "refused" and "at most 1 in 7 days" in row["reason"],
            (row["result"], row["reason"]))


def scan_is_not_available(t, api, agent):
    row = ended(t, api, "a pushed update_scan ends", push(api, agent, "update_scan"))
    t.check("not available, with the reason", row["result"] == "not_available" and NO_SCAN in row["reason"], (row["result"], row["reason"]))


def undoes(t, wine, api, agent, job, code):
    made = api.post(f"/api/v1/jobs/{job}/undo", {"reason": "scenario"})
    row = ended(t, api, "an undo from the server ends", made["job"])
    t.equal("its result is done", row["result"], "done")
    t.check("the old folder is back in its place", os.path.exists(wine.file(CACHE + r"\DataStore\marker")), os.listdir(wine.file(r"C:\windows")))
    wine.expect_states("the services run", RUNNING, RUNNING)
    t.equal("the log that came back is not reported again", [f["count"] for f in failures(api, agent.id(), code)], [1])


def enrols_by_policy(t, wine, server, api, code):
    with open(server.ca) as f:
        pem = f.read().split("\n")
    wine.policy("ServerUrl", "REG_SZ", server.url)
    wine.policy("EnrollToken", "REG_SZ", server.enroll_token)
    wine.policy("OrderKey", "REG_MULTI_SZ", server.order_key)
    wine.policy("CaPem", "REG_MULTI_SZ", *[line for line in pem if line])
    wine.policy("Tags", "REG_MULTI_SZ", "pilot", "wine")
    agent = Agent(wine, server, "policy", flags=False).start()
    if not agent.enrolled("configured by registry policy alone, the agent enrols"):
        return agent
    admit(api, agent)
    t.eventually("it brings the tags of the policy", lambda: (
        {"pilot", "wine"} <= set(api.machine(agent.id())["tags"]), api.machine(agent.id())["tags"]), 10)
    t.equal("its order key is the one of the policy", re.findall(r"agent\.enrolled .*pinned_by=(.*)", agent.log()), ["policy"])
    t.eventually("it reports the failure, too", lambda: (failures(api, agent.id(), code), failures(api, agent.id())), 30)
    return agent


class HeldFolder:
    """A cache_reset that must fail; it tries for most of a minute, so other checks go on meanwhile."""

    def __init__(self, t, wine, api, agent):
        self.t, self.wine, self.api = t, wine, api
        wine.rig("stop", "bits")
        self.before = self.picture()
        self.holder = Holder(wine, CACHE, CACHE + r"\DataStore", CACHE + r"\Download")
        self.job = push(api, agent, "cache_reset")
        running(t, api, "a cache_reset of a held folder runs", self.job)

    def picture(self):
        top = self.wine.file(r"C:\windows")
        return sorted(os.path.join(d, f) for name in os.listdir(top) if name.lower().startswith("softwaredistribution")
                      for d, _, files in os.walk(os.path.join(top, name)) for f in [*files, ""])

    def finish(self):
        t = self.t
        row = ended(t, self.api, "a cache_reset of a held folder ends", self.job, 90)
        t.check("its result is failed, and says why", row["result"] == "failed" and "in use by another program" in row["reason"],
                (row["result"], row["reason"]))
        self.wine.expect_states("the services are as they were: one running, one stopped", RUNNING, STOPPED)
        t.equal("no folder was moved", self.picture(), self.before)
        self.holder.release()


def killed_in_the_middle(t, wine, server, api):
    agent = Agent(wine, server, "killed").start()
    if not agent.enrolled("one more agent enrols"):
        return
    admit(api, agent)
    wine.rig("start", "wuauserv")
    wine.rig("start", "bits")
    before = wine.backups()
    holder = Holder(wine, CACHE)
    job = push(api, agent, "cache_reset")
    running(t, api, "its cache_reset runs", job)
    wine.expect_states("its services are stopped", STOPPED, STOPPED)
    agent.kill()
    wine.expect_states("killed outright, it leaves them so", STOPPED, STOPPED)
    holder.release()
    agent.start()
    row = ended(t, api, "started again, it brings the job to an end", job, 60)
    t.check("its result is interrupted, and says where", row["result"] == "interrupted" and "move the folder aside" in row["reason"],
            (row["result"], row["reason"]))
    wine.expect_states("the services run again", RUNNING, RUNNING)
    t.equal("the job was started once", agent.count(rf"runner\.started job={job}"), 1)
    t.equal("and ended once", agent.count(rf"runner\.ended job={job}"), 1)
    t.equal("the folder is in its place", (wine.backups(), os.path.isdir(wine.file(CACHE))), (before, True))
    agent.kill()


# ---- time ----


def time_job(t, api, agent, what):
    return ended(t, api, what, push(api, agent, "time_resync"))


def resyncs_time(t, wine, server, api):
    agent = Agent(wine, server, "time").start()
    if not agent.enrolled("another agent enrols"):
        return
    t.equal("the same Windows with another key waits for approval", api.machine(agent.id())["state"], "pending")
    admit(api, agent)
    calls, exit_code = wine.file(r"C:\fleetmend-test\w32tm.calls"), wine.file(r"C:\fleetmend-test\w32tm.exit")
    row = time_job(t, api, agent, "time_resync without a Windows Time service ends")
    t.check("not available: no service", row["result"] == "not_available" and "no Windows Time service" in row["reason"], row["reason"])
    wine.rig("install", "W32Time", "disabled")
    row = time_job(t, api, agent, "time_resync without w32tm.exe ends")
    t.check("not available: no program, told apart", row["result"] == "not_available" and "w32tm.exe is missing" in row["reason"], row["reason"])
    t.equal("the service is as it was", wine.state("W32Time"), "stopped disabled")
    shutil.copy(t.path("fake_w32tm.exe"), wine.file(r"C:\windows\system32\w32tm.exe"))
    row = time_job(t, api, agent, "time_resync with both ends")
    t.equal("its result is done", (row["result"], row["reason"]), ("done", ""))
    t.check("the service was started for it", "W32Time started" in row["output"], row["output"])
    t.equal("w32tm was called once", open(calls).read().replace("\r", ""), "/resync /rediscover\n")
    t.equal("the start type was restored", wine.state("W32Time"), "stopped disabled")
    with open(exit_code, "w") as f:
        f.write("-2147023838")  # 0x80070422
    row = time_job(t, api, agent, "time_resync with an error ends")
    t.check("failed, naming the code", row["result"] == "failed" and "0x80070422" in row["reason"], (row["result"], row["reason"]))
    t.equal("and restores the start type, too", wine.state("W32Time"), "stopped disabled")
    os.remove(exit_code)
    agent.kill()


# ---- certificates whose dates do not hold ----


class ClockServer(fleet.Server):
    """A server whose certificate this side does not look at: its dates are what the agents are tried with."""

    def login(self, user=fleet.ADMIN, password=fleet.PASSWORD):
        client = fleet.Client(self.port, self.ca)
        client.context = ssl._create_unverified_context()
        a = client.ask("POST", "/api/v1/login", {"user": user, "password": password})
        if a.status != 200:
            raise fleet.Refused(f"login: {a!r}")
        client.token = a.json()["token"]
        return client

    def certify(self, begin, end):
        """A new certificate of the same key, signed by the server's own CA."""
        tls, work = os.path.join(self.dir, "tls"), self.t.path("ca-" + begin)
        os.makedirs(work)
        open(os.path.join(work, "index"), "w").close()
        with open(os.path.join(work, "conf"), "w") as f:
            f.write(f"[ca]\ndefault_ca=c\n[c]\ndatabase={work}/index\nnew_certs_dir={work}\nrand_serial=yes\ndefault_md=sha256\n"
                    "policy=p\nx509_extensions=x\n[p]\ncommonName=supplied\n[x]\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n"
                    "extendedKeyUsage=serverAuth\n[req]\ndistinguished_name=d\n[d]\n")
        for argv in (["openssl", "req", "-new", "-config", f"{work}/conf", "-key", f"{tls}/server.key", "-subj", "/CN=localhost",
                      "-out", f"{work}/csr"],
                     ["openssl", "ca", "-batch", "-notext", "-config", f"{work}/conf", "-cert", f"{tls}/ca.pem", "-keyfile", f"{tls}/ca.key",
                      "-startdate", begin, "-enddate", end, "-in", f"{work}/csr", "-out", f"{work}/server.pem"]):
            code, out, err = self.t.run(argv)
            if code != 0:
                raise RuntimeError(f"{argv}: {err}")
        shutil.copy(f"{work}/server.pem", f"{tls}/server.pem")


def refused(t, server, agent, what, pattern):
    """Refuses, says why, and nothing of it reaches the server."""
    before = len(server.api.all("machines"))
    agent.start()
    t.eventually(f"{what}: refused, and the log says why", lambda: (re.search(pattern, agent.log()), agent.log()[-700:]), 20)
    t.check(f"{what}: the log says so at once", agent.seconds(pattern) < 3, f"{agent.seconds(pattern)} s")
    t.equal(f"{what}: nothing was enrolled", (agent.id(), len(server.api.all("machines"))), (None, before))
    agent.kill()


def certificate_dates(t, wine):
    server = ClockServer(t, "clocks")
    stranger = t.path("stranger.pem")
    code, out, err = t.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                            t.path("stranger.key"), "-out", stranger, "-days", "30", "-subj", "/CN=Fleetmend CA"])
    if code != 0:
        raise RuntimeError(err)
    server.up()
    refused(t, server, Agent(wine, server, "stranger", ca=stranger), "an unknown CA", "is not trusted, nothing was sent")
    for name, begin, end in (("expired", "19700101000000Z", "19710101000000Z"), ("early", "20990101000000Z", "21000101000000Z")):
        server.stop()
        server.certify(begin, end)
        server.up()
        words = "expired in 1971" if name == "expired" else "not valid before 2099"
        refused(t, server, Agent(wine, server, name + "-bare", order_key=False), f"a certificate {words}, no order key pinned",
                "no order key is pinned")
        if name == "expired":
            refused(t, server, Agent(wine, server, name + "-stranger", ca=stranger), f"an unknown CA and a certificate {words}",
                    "is not trusted, nothing was sent")
        agent = Agent(wine, server, name).start()
        if not agent.enrolled(f"a certificate {words}, the order key pinned: the agent enrols"):
            continue
        admit(server.api, agent)
        row = time_job(t, server.api, agent, f"a certificate {words}: a time_resync ends")
        t.equal("its result is done", (row["result"], row["reason"]), ("done", ""))
        t.check("the step over the signed time is in the log", "agent.time_step" in agent.log(), agent.log()[-500:])
        agent.kill()


def scenario(t, args):
    for tool in ("wine", "wineserver", "x86_64-w64-mingw32-gcc", "openssl"):
        if not shutil.which(tool):
            t.fail("what this scenario needs is installed", f"{tool} is missing (deploy/packages.sh windows tests)")
            return
    wine = Wine(t, EXE)
    server = fleet.Server(t).up()
    api = server.api
    wine.ready()
    lines, code = reporting_lines(t)
    write_log(wine, [install_failure(OLD_CODE, 20, "KB5011111", "0a5c3bd0-5d8a-4c3e-9d2c-0f8f5d2f7e22"), *lines])
    wine.rig("start", "wuauserv")
    wine.rig("start", "bits")

    by_flags = Agent(wine, server, "flags")
    if enrols_by_flags(t, wine, api, by_flags):
        reports_once(t, wine, api, by_flags, code)
        job = resets_cache(t, wine, api, by_flags)
        second_is_refused(t, api, by_flags)
        scan_is_not_available(t, api, by_flags)
        undoes(t, wine, api, by_flags, job, code)
    by_flags.kill()

    resyncs_time(t, wine, server, api)
    by_policy = enrols_by_policy(t, wine, server, api, code)
    held = HeldFolder(t, wine, api, by_policy) if by_policy.id() else None
    wine.must(["wine", "reg", "delete", POLICY, "/f"])  # by_policy has read it; the next ones go by their flags alone
    certificate_dates(t, wine)
    if held:
        held.finish()
    by_policy.kill()
    killed_in_the_middle(t, wine, server, api)


if __name__ == "__main__":
    own = argparse.ArgumentParser(add_help=False)
    own.add_argument("--exe", default=os.path.join(fleet.ROOT, "build", "windows", "bin", "fleetmend-agent.exe"))
    mine, rest = own.parse_known_args()
    EXE = os.path.abspath(mine.exe)
    if not os.path.exists(EXE):
        sys.exit(f"{EXE} is missing: build it (cmake --preset windows), or name it with --exe")
    sys.argv[1:] = rest
    fleet.main(scenario, __doc__ + " (--exe FILE: the agent)", short_s=170)
