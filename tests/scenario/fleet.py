"""What every scenario needs: a server in a folder of its own, agents and swarms against it, and an API client.

    def scenario(t, bin, args): ...
    fleet.main(scenario, "what it is about", short_s=60)

`t` collects checks; everything that was started through it is ended by its PID, whatever happens. Waiting is
polling with a deadline, never a fixed sleep."""
import argparse
import ctypes
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PASSWORD = "correct horse battery"
ADMIN = "ada"
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def die_with_parent():
    """A scenario that is killed outright takes its processes with it."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class TimeIsUp(Exception):
    pass


class Refused(Exception):
    """An API answer that is not the expected status."""


class Test:
    """Checks, the scenario's folder and its processes."""

    def __init__(self, bin_dir, keep):
        self.bin = bin_dir
        self.keep = keep
        self.failures = 0
        self.checks = 0
        self.processes = []
        self.undo = []  # called at the end, newest first
        self.dir = tempfile.mkdtemp(prefix="fleetmend-")

    # ---- checks ----

    def ok(self, what):
        self.checks += 1
        print(f"ok - {what}", flush=True)

    def fail(self, what, why):
        self.checks += 1
        self.failures += 1
        print(f"FAIL - {what}: {why}", flush=True)

    def check(self, what, good, why=""):
        if good:
            self.ok(what)
        else:
            self.fail(what, why if why != "" else "not so")
        return bool(good)

    def equal(self, what, found, expected):
        return self.check(what, found == expected, f"{found!r}, expected {expected!r}")

    def skip(self, what, why):
        print(f"skip - {what}: {why}", flush=True)

    def eventually(self, what, probe, limit_s=20, every_s=0.1):
        """Polls until probe() gives something true, and returns that; else the check fails with the last thing seen.
        `probe` may return (value, text): text says what was seen."""
        value, seen = poll(probe, limit_s, every_s)
        self.check(what, value, f"not within {limit_s} s; last seen: {seen}")
        return value

    # ---- files and processes ----

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)
        return self.path(name)

    def program(self, name):
        return os.path.join(self.bin, name)

    def start(self, name, argv, **more):
        """Starts a process with stdout and stderr in NAME.out and NAME.err (appended)."""
        p = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=open(self.path(name + ".out"), "ab"),
            stderr=open(self.path(name + ".err"), "ab"),
            preexec_fn=die_with_parent,
            **more,
        )
        self.processes.append(p)
        return p

    def run(self, argv, limit_s=30, **more):
        """Runs a command to its end: (exit code, stdout, stderr). An exit code of None: it did not end."""
        p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, preexec_fn=die_with_parent, **more)
        self.processes.append(p)
        try:
            out, err = p.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            p.kill()
            out, err = p.communicate()
            p.returncode = None
        finally:
            self.processes.remove(p)
        with open(self.path("commands.stderr"), "a") as f:
            f.write(err)
        return p.returncode, out, err

    def text_of(self, name):
        try:
            with open(self.path(name), errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def look_for_sanitizers(self):
        """Programs that were built with one say there what they did wrong."""
        for name in sorted(os.listdir(self.dir)):
            text = self.text_of(name) if name.endswith((".err", ".stderr")) else ""
            found = re.search(r"^.*(?:Sanitizer:|runtime error:).*$", text, re.M)
            if found:
                self.fail(f"no sanitizer has anything to say in {name}", text[found.start():found.start() + 3000])

    def end(self):
        for p in self.processes:
            if p.poll() is None:
                p.kill()
        for p in self.processes:
            p.wait()
        self.look_for_sanitizers()
        for undo in reversed(self.undo):
            try:
                undo()
            except Exception as e:  # the next one must be undone all the same
                print(f"# clean-up: {e}", file=sys.stderr)
        if self.keep or (self.failures and os.environ.get("FLEETMEND_KEEP")):
            print(f"# files are in {self.dir}", flush=True)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)


def poll(probe, limit_s, every_s=0.1):
    deadline = time.monotonic() + limit_s
    while True:
        seen = probe()
        value, text = seen if isinstance(seen, tuple) else (seen, seen)
        if value or time.monotonic() >= deadline:
            return value, text
        time.sleep(every_s)


def stop(p, limit_s=10):
    """SIGTERM, then SIGKILL; the exit code, or None when it took the SIGKILL."""
    if p.poll() is None:
        p.terminate()
        try:
            p.wait(limit_s)
        except subprocess.TimeoutExpired:
            kill(p)
            return None
    return p.returncode


def kill(p):
    if p.poll() is None:
        p.kill()
    p.wait()


# ---- the API ----


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body) if self.body else None

    def detail(self):
        try:
            return self.json().get("detail", "")
        except (ValueError, AttributeError):
            return self.body.decode(errors="replace")[:200]

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


class Client:
    """Requests over verified TLS, one connection each thread, opened anew when it was cut."""

    def __init__(self, port, ca, token=None):
        self.port = port
        self.ca = ca
        self.token = token
        self.local = threading.local()
        self.context = ssl.create_default_context(cafile=ca)

    def connection(self):
        c = getattr(self.local, "connection", None)
        if c is None:
            c = http.client.HTTPSConnection("localhost", self.port, context=self.context, timeout=30)
            self.local.connection = c
        return c

    def drop(self):
        c = getattr(self.local, "connection", None)
        if c:
            c.close()
        self.local.connection = None

    def ask(self, method, path, body=None, token=None, headers=None):
        """Any status is an answer. `body`: bytes or text as they are, else JSON."""
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        all_headers = {"Content-Type": "application/json"} if body is not None else {}
        token = token or self.token
        if token:
            all_headers["Authorization"] = "Bearer " + token
        all_headers.update(headers or {})
        if method != "GET" and body is None:
            body = ""
        try:
            return self.ask_once(method, path, body, all_headers)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
            if method != "GET":  # it may have been done
                raise
            return self.ask_once(method, path, body, all_headers)

    def ask_once(self, method, path, body, headers):
        c = self.connection()
        try:
            c.request(method, path, body, headers)
            r = c.getresponse()
            answer = Answer(r.status, r.headers, r.read())
        except BaseException:
            self.drop()
            raise
        if r.will_close:
            self.drop()
        return answer

    def get(self, path):
        a = self.ask("GET", path)
        if a.status != 200:
            raise Refused(f"GET {path}: {a!r}")
        return a.json()

    def post(self, path, body=None, expect=(200, 201)):
        a = self.ask("POST", path, body if body is not None else {})
        if a.status not in expect:
            raise Refused(f"POST {path}: {a!r}")
        return a.json()

    # ---- in the words of the product ----

    def all(self, entity, filter_text="", more=""):
        """Every row, over all pages."""
        from urllib.parse import quote
        rows, cursor = [], ""
        while True:
            page = self.get(f"/api/v1/{entity}?limit=1000&filter={quote(filter_text)}&cursor={quote(cursor)}{more}")
            rows += page["items"]
            cursor = page.get("next")
            if not cursor:
                return rows

    def machine(self, name):
        return self.get(f"/api/v1/machines/{name}")

    def job(self, job_id):
        return self.get(f"/api/v1/jobs/{job_id}")

    def push(self, repair, filter_text="", machines=None, params=None, **more):
        body = {"repair": repair, "reason": "scenario", **more}
        if filter_text:
            body["filter"] = filter_text
        if machines:
            body["machines"] = machines
        if params:
            body["params"] = params
        return self.post("/api/v1/rollouts", body)


FINAL = ("done", "cancelled", "expired", "superseded")


def jobs_ended(api, jobs):
    """A probe for Test.eventually(): all these jobs have ended; gives {machine: job row}."""
    def probe():
        rows = [api.job(j["job"]) for j in jobs]
        return ({r["machine"]: r for r in rows} if all(r["state"] in FINAL for r in rows) else None,
                [(r["machine"], r["state"], r["result"], r["reason"]) for r in rows if r["state"] not in FINAL][:5])
    return probe


# ---- the server ----


class Server:
    """fleetmend-server in a folder of the test."""

    def __init__(self, t, name="server", lab=True, conf=None):
        self.t = t
        self.name = name
        self.dir = t.path(name)
        self.port = free_port()
        self.process = None
        self.password_file = t.write(name + ".password", PASSWORD + "\n")
        argv = [t.program("fleetmend-server"), "init", "--data", self.dir, "--listen", f"127.0.0.1:{self.port}",
                "--admin", ADMIN, "--password-file", self.password_file, "--json"] + (["--lab"] if lab else [])
        code, out, err = t.run(argv)
        if code != 0:
            raise RuntimeError(f"init failed: {code} {err}")
        made = json.loads(out)
        self.url, self.ca = made["url"], made["ca"]
        self.order_key, self.enroll_token = made["order_key"], made["enroll_token"]
        if conf:
            self.configure(conf)
        self.api = None

    def configure(self, conf):
        path = os.path.join(self.dir, "server.conf")
        with open(path) as f:
            text = f.read()
        for key, value in conf.items():
            text = re.sub(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
        with open(path, "w") as f:
            f.write(text)

    def start(self, limit_s=20):
        before = len(self.t.text_of(self.name + ".out"))
        self.process = self.t.start(self.name, [self.t.program("fleetmend-server"), "serve", "--data", self.dir])
        ready, _ = poll(lambda: "ready url=" in self.t.text_of(self.name + ".out")[before:]
                        or self.process.poll() is not None, limit_s, 0.02)
        if not ready or self.process.poll() is not None:
            raise RuntimeError(f"the server did not start: {self.t.text_of(self.name + '.err')[-1000:]}")
        return self

    def login(self, user=ADMIN, password=PASSWORD):
        client = Client(self.port, self.ca)
        a = client.ask("POST", "/api/v1/login", {"user": user, "password": password})
        if a.status != 200:
            raise Refused(f"login {user}: {a!r}")
        client.token = a.json()["token"]
        return client

    def up(self):
        """Started, and the admin logged in as self.api."""
        self.start()
        self.api = self.login()
        return self

    def kill(self):
        kill(self.process)

    def stop(self):
        return stop(self.process)

    def user_add(self, name, roles):
        code, out, err = self.control("user", "add", "--name", name, "--roles", roles, "--password-file", self.password_file)
        if code != 0:
            raise RuntimeError(f"user add: {code} {err}")
        return self.login(name)

    def control(self, *words):
        return self.t.run([self.t.program("fleetmend-server"), *words, "--data", self.dir])

    def log(self):
        return self.t.text_of(self.name + ".err")

    def database(self):
        """Rows straight from the file, read only; the server may run."""
        import sqlite3
        return sqlite3.connect(f"file:{self.dir}/fleetmend.db?mode=ro", uri=True, timeout=10)

    def rss_kb(self):
        return rss_kb(self.process.pid)


def rss_kb(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


# ---- agents ----


class Agent:
    """A native agent over a simulated Windows, with its state in a folder of the test."""

    def __init__(self, t, server, name, order_key=True, more=(), url=None, ca=None, token=None):
        self.t = t
        self.name = name
        self.dir = t.path("agent-" + name)
        self.machine_flags = ["--state", self.dir, "--name", name, *more]
        self.flags = ["--server", url or server.url, "--ca", ca or server.ca, "--token", token or server.enroll_token]
        if order_key:
            self.flags += ["--order-key", server.order_key if order_key is True else order_key]
        self.process = None

    def argv(self, command, *words):
        return [self.t.program("fleetmend-agent"), command, *words, *self.flags, *self.machine_flags]

    def start(self):
        self.process = self.t.start("agent-" + self.name, self.argv("run"))
        return self

    def once(self, limit_s=40):
        return self.t.run(self.argv("once"), limit_s)

    def local(self, command, *words, limit_s=40):
        """repair, undo, status: what needs no server."""
        return self.t.run([self.t.program("fleetmend-agent"), command, *words, *self.machine_flags], limit_s)

    def kill(self):
        kill(self.process)

    def stop(self):
        return stop(self.process)

    def log(self):
        return self.t.text_of(f"agent-{self.name}.err")

    def starts(self):
        """How often each job was started, by the agent's log."""
        counts = {}
        for job in re.findall(r"runner\.started job=(\S+)", self.log()):
            counts[job] = counts.get(job, 0) + 1
        return counts

    def status(self):
        code, out, _ = self.local("status", "--json")
        return json.loads(out) if code == 0 else {}

    def journal(self):
        return read_journal(os.path.join(self.dir, "journal"))

    def spool(self):
        return read_spool(os.path.join(self.dir, "spool.events"))


def read_journal(path):
    """{job id: its last S line}; what of the file is whole. STAGES tells what `stage` means."""
    jobs = {}
    try:
        with open(path, errors="replace") as f:
            lines = f.read().split("\n")[:-1]
    except FileNotFoundError:
        return jobs
    for line in lines:
        if line[:2] in ("O ", "S "):
            try:
                jobs.setdefault(json.loads(line[2:])["id"], {}).update(json.loads(line[2:]))
            except ValueError:
                pass
    return jobs


STAGES = ("taken", "running", "restoring", "verifying", "ended")


def stage_of(job):
    return STAGES[job.get("stage", 0)]


def read_spool(path):
    """The lines of the spool's event file that are JSON objects with a seq."""
    events = []
    try:
        with open(path, errors="replace") as f:
            lines = f.read().split("\n")
    except FileNotFoundError:
        return events
    for line in lines:
        at = line.find("{")
        if at >= 0:
            try:
                event = json.loads(line[at:])
            except ValueError:
                continue
            if "seq" in event:
                events.append(event)
    return events


def unsent(server, agents):
    """Events in the agents' spools that the database lacks."""
    db = server.database()
    missing = {}
    for a in agents:
        stored = {r[0] for r in db.execute("SELECT seq FROM events e JOIN machines m ON m.n = e.machine WHERE m.name = ?", (a.name,))}
        lacking = sorted({e["seq"] for e in a.spool()} - stored)
        if lacking:
            missing[a.name] = lacking
    db.close()
    return missing


def swarm(t, server, name="swarm", world=None, more=()):
    """Starts a swarm against the server; `world`: the groups of a world file."""
    argv = [t.program("fleetmend-swarm"), "--server", server.url, "--ca", server.ca, "--token", server.enroll_token,
            "--order-key", server.order_key, "--json", *more]
    if world:
        argv += ["--world", t.write(name + ".world", json.dumps({"groups": world}))]
    return t.start(name, argv)


# ---- running a scenario ----


def on_alarm(number, frame):
    raise TimeIsUp("the scenario's time is up")


def on_terminate(number, frame):
    raise KeyboardInterrupt


def main(scenario, about, short_s, long_s=None):
    p = argparse.ArgumentParser(description=about)
    p.add_argument("--bin", default=os.path.join(ROOT, "build", "release", "bin"), help="folder of the programs")
    p.add_argument("--long", action="store_true", help="as often and as long as a release deserves")
    p.add_argument("--keep", action="store_true", help="keep the scenario's folder")
    p.add_argument("--seed", type=int, default=None, help="of what is left to chance")
    args = p.parse_args()
    args.seed = args.seed if args.seed is not None else random.SystemRandom().randrange(1 << 32)
    args.bin = os.path.abspath(args.bin)
    for name in ("fleetmend-server", "fleetmend-agent", "fleetmend-swarm"):
        if not os.access(os.path.join(args.bin, name), os.X_OK):
            sys.exit(f"{args.bin}/{name} is missing: build it, or name its folder with --bin")
    random.seed(args.seed)
    os.environ.setdefault("ASAN_OPTIONS", "quarantine_size_mb=1")  # freed memory kept back would look like growth
    signal.signal(signal.SIGALRM, on_alarm)
    signal.signal(signal.SIGTERM, on_terminate)
    signal.alarm(long_s if args.long and long_s else short_s)
    t = Test(args.bin, args.keep)
    begun = time.monotonic()
    try:
        scenario(t, args)
    except KeyboardInterrupt:
        t.fail("the scenario came to its end", "interrupted")
    except Exception as e:
        if not isinstance(e, TimeIsUp):
            import traceback
            traceback.print_exc()
        t.fail("the scenario came to its end", f"{type(e).__name__}: {e}")
    finally:
        signal.alarm(0)
        t.end()
    print(f"# {t.checks} checks, {t.failures} failed, {time.monotonic() - begun:.1f} s, seed {args.seed}", flush=True)
    sys.exit(1 if t.failures or not t.checks else 0)
