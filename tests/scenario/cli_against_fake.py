#!/usr/bin/env python3
"""Runs the fleetmend command against a scripted HTTPS server: exit codes, waiting, what stands on stdout.

usage: cli_against_fake.py PATH-OF-FLEETMEND
Needs python3 and the openssl command. Prints one line per promise, "ok" or "FAIL"; exits 1 when one failed.
"""
import csv
import fcntl
import http.server
import io
import json
import os
import pty
import re
import select
import shutil
import ssl
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import urllib.parse

JOB_KEYS = ["job", "machine", "repair", "state", "result", "verdict", "reason"]
NOW = 1769846400000
failed = 0


def check(promise, condition, detail=""):
    global failed
    print(("ok    " if condition else "FAIL  ") + promise + ("" if condition else f"\n      {detail}"), flush=True)
    failed += not condition


# ---- the scripted server ----

class Api:
    """Answers are scripted per "METHOD /path": a value, or a function of (query, body); `seen` keeps what was asked."""

    def __init__(self, folder):
        self.routes, self.seen = {}, []
        cert(folder)
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self):
                url = urllib.parse.urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                raw = self.rfile.read(length)
                query = dict(urllib.parse.parse_qsl(url.query))
                body = json.loads(raw) if raw else None
                api.seen.append((self.command, url.path, query, body, self.headers.get("Authorization")))
                answer = api.routes.get(f"{self.command} {url.path}", (404, {"title": "Not Found", "detail": "no such thing"}))
                if callable(answer):
                    answer = answer(query, body)
                status, content, *headers = answer if isinstance(answer, tuple) else (200, answer)
                data = content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json" if status < 400 else "application/problem+json")
                self.send_header("Content-Length", str(len(data)))
                for name, value in (headers[0] if headers else {}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_DELETE = do

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{folder}/server.pem", f"{folder}/server.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def reset(self, routes):
        self.routes, self.seen = routes, []


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def cert(folder):
    def key(name):
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{folder}/{name}.key")
    for ca in "ca", "other":
        key(ca)
        openssl("req", "-x509", "-new", "-key", f"{folder}/{ca}.key", "-subj", f"/CN=test {ca}", "-days", "2",
                "-out", f"{folder}/{ca}.pem")
    key("server")
    openssl("req", "-new", "-key", f"{folder}/server.key", "-subj", "/CN=server", "-out", f"{folder}/server.csr")
    with open(f"{folder}/ext", "w") as f:
        f.write("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    openssl("x509", "-req", "-in", f"{folder}/server.csr", "-CA", f"{folder}/ca.pem", "-CAkey", f"{folder}/ca.key",
            "-CAcreateserial", "-days", "2", "-extfile", f"{folder}/ext", "-out", f"{folder}/server.pem")


# ---- running the program ----

class Runner:
    def __init__(self, program, folder, api):
        self.program, self.folder, self.api = program, folder, api
        self.config = f"{folder}/config.json"

    def environment(self, **more):
        env = {"PATH": os.environ["PATH"], "FLEETMEND_CONFIG": self.config, "HOME": self.folder, "TERM": "xterm"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                env[name] = os.environ[name]
        env.update(more)
        return {k: v for k, v in env.items() if v is not None}

    def __call__(self, *args, env=None, stdin=b"", limit=60):
        done = subprocess.run([self.program, *args], env=self.environment(**(env or {})), input=stdin,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=limit)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def on_terminal(self, *args, typed="", columns=80, rows=24, env=None, interrupt_after=None):
        """On a pseudo terminal; `typed` is sent when the program stops at a prompt. Returns exit code and screen."""
        pid, fd = pty.fork()
        if pid == 0:
            os.execve(self.program, [self.program, *args], self.environment(**(env or {})))
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        screen, answers, start = b"", list(typed), time.monotonic()
        while time.monotonic() - start < 60:
            if select.select([fd], [], [], 0.05)[0]:
                try:
                    chunk = os.read(fd, 65536)
                except OSError:
                    break
                if not chunk:
                    break
                screen += chunk
            if answers and screen.rstrip(b"\r\n").endswith((b": ", b"] ")):
                time.sleep(0.1)
                os.write(fd, answers.pop(0).encode())
                screen += b"|"
            if interrupt_after and time.monotonic() - start > interrupt_after:
                os.write(fd, b"\x03")
                interrupt_after = None
        status = os.waitpid(pid, 0)[1]
        os.close(fd)
        return os.waitstatus_to_exitcode(status), screen.decode()


def job(number, state="queued", result="", verdict="", reason="", online=True, **more):
    return {"id": f"{number:032x}", "job": f"{number:032x}", "rollout": "f" * 32, "machine": f"PC-{number:04d}",
            "machine_id": f"m{number}", "repair": "cache_reset", "op": "run", "state": state, "result": result,
            "verdict": verdict, "reason": reason, "verdict_reason": "", "created": NOW, "online": online, **more}


def brief(row):
    return {k: v for k, v in row.items() if k in JOB_KEYS + ["machine_id"]}


ROLLOUT = "f" * 32


def push_routes(stages, state="running"):
    """A push of the jobs of the first stage; each poll shows the next stage, the last one for ever."""
    at = {"n": -1}

    def poll(_query, _body):
        at["n"] = min(at["n"] + 1, len(stages) - 1)
        rows = stages[at["n"]]
        if isinstance(rows, tuple):
            return rows
        return {"id": ROLLOUT, "repair": "cache_reset", "state": "running", "matched": len(rows), "as_of": NOW, "jobs": rows}

    first = next(s for s in stages if isinstance(s, list))

    def push(_query, body):
        preview = bool(body and body.get("preview"))
        rows = [brief(r) for r in first]
        if preview or not first:
            return {"rollout": None, "state": "", "matched": len(rows),
                    "jobs": [{**r, "job": "", "state": ""} for r in rows]}
        return 201, {"rollout": ROLLOUT, "state": state, "matched": len(rows), "jobs": rows}

    return {"POST /api/v1/rollouts": push, f"GET /api/v1/rollouts/{ROLLOUT}": poll}


# ---- the promises ----

def login_and_config(run, api, folder):
    with open(f"{folder}/password", "w") as f:
        f.write("pass word\n")
    api.reset({"POST /api/v1/login": lambda q, b: (200, {"token": "tok-1", "expires": 4102444800000, "user": "anna",
                                                         "roles": ["viewer", "operator"]})
               if b == {"user": "anna", "password": "pass word"} else (401, {"detail": "user or password is wrong"})})
    code, out, err = run("login", api.url, "--ca", f"{folder}/ca.pem", "--user", "anna", "--password-file", f"{folder}/password")
    check("login exits 0 and prints nothing on stdout", code == 0 and out == "" and "anna" in err, (code, out, err))
    check("one line end of the password file is cut", api.seen[0][3]["password"] == "pass word", api.seen)
    mode = os.stat(run.config).st_mode & 0o777
    check("the login file has mode 0600", mode == 0o600, oct(mode))
    os.rename(f"{folder}/ca.pem", f"{folder}/ca.moved")
    api.routes["GET /api/v1/machines"] = {"items": [], "total": 0, "as_of": NOW, "next": None}
    code, out, err = run("get", "machines")
    check("the CA file may go after login", code == 0, (code, err))
    os.rename(f"{folder}/ca.moved", f"{folder}/ca.pem")
    check("the token is sent as a bearer", api.seen[-1][4] == "Bearer tok-1", api.seen[-1])

    keep = open(run.config).read()
    code, out, err = run("login", api.url, "--user", "anna", "--password-file", "-", stdin=b"wrong\n")
    check("a wrong password exits 4", code == 4 and out == "", (code, err))
    check("a failed login keeps the former one", open(run.config).read() == keep)
    code, out, err = run("login", api.url, "--user", "anna")
    check("login without a terminal asks for --password-file, exit 2", code == 2 and "--password-file" in err, (code, err))
    os.chmod(run.config, 0o644)
    code, out, err = run("get", "machines")
    check("a login file open to others is closed and told",
          code == 0 and "could be read by others" in err and os.stat(run.config).st_mode & 0o777 == 0o600, err)
    code, out, err = run("get", "machines", env={"FLEETMEND_TOKEN": "tok-env"})
    check("FLEETMEND_TOKEN stands above the file", api.seen[-1][4] == "Bearer tok-env", api.seen[-1])
    code, out, err = run("get", "machines", env={"https_proxy": "http://127.0.0.1:1"})
    check("this machine is reached without the proxy", code == 0, (code, err))
    code, screen = run.on_terminal("login", api.url, typed=["anna\n", "pass word\n"])
    check("on a terminal login asks, and does not echo the password",
          code == 0 and "Password: " in screen and "pass word" not in screen, (code, screen))


def exit_codes(run, api, folder):
    api.reset({"GET /api/v1/jobs/401": (401, {"detail": "no"}), "GET /api/v1/jobs/403": (403, {"detail": "this takes the role operator"}),
               "GET /api/v1/jobs/409": (409, {"detail": "wrong state"}), "GET /api/v1/jobs/500": (500, {"title": "x"}),
               "GET /api/v1/jobs/503": (503, {"title": "busy"}), "GET /api/v1/jobs/400": (400, {"detail": "bad"}),
               "GET /api/v1/jobs/302": (302, None, {"Location": f"{api.url}/api/v1/jobs/ok"}),
               "GET /api/v1/jobs/html": (200, b"<html>"), "GET /api/v1/jobs/ok": job(1)})
    for name, want in {"400": 2, "401": 4, "403": 4, "404": 3, "409": 5, "500": 1, "503": 6, "302": 1, "html": 1, "ok": 0}.items():
        code, out, err = run("describe", "job", name)
        check(f"an answer {name} exits {want}", code == want and (want == 0) == (out != "") and len(err.splitlines()) == (want != 0),
              (code, out, err))
    asked = [s[1] for s in api.seen]
    check("a redirect is not followed, so the token goes nowhere else", asked.count("/api/v1/jobs/ok") == 1, asked)
    code, out, err = run("get", "machines", env={"FLEETMEND_URL": "https://127.0.0.1:1", "FLEETMEND_TOKEN": "x"})
    check("an unreachable server exits 6 and says so", code == 6 and "can't reach" in err, (code, err))
    for name, env in {"another CA": {"FLEETMEND_CA": f"{folder}/other.pem"},
                      "the system's CAs": {"FLEETMEND_CONFIG": f"{folder}/none", "FLEETMEND_URL": api.url, "FLEETMEND_TOKEN": "x"}}.items():
        before = len(api.seen)
        code, out, err = run("get", "machines", env=env)
        check(f"a server not trusted by {name} exits 6 with the remedy --ca, and sees no token",
              code == 6 and "--ca" in err and len(api.seen) == before, (code, err))
    code, out, err = run("get", "machines", env={"FLEETMEND_URL": api.url.replace("https", "http"), "FLEETMEND_TOKEN": "x"})
    check("plain http is refused", code == 2 and "https" in err, (code, err))
    code, out, err = run("get", "machines", env={"FLEETMEND_CONFIG": f"{folder}/none"})
    check("without a login exit 4 says how to log in", code == 4 and "fleetmend login" in err, (code, err))
    for line in (["push", "cache_reset"], ["push", "cache_reset", ""], ["push"], ["push", "no_such", "a=b"], ["frobnicate"],
                 ["get", "machines", "PC-1"], ["push", "cache_reset", "state=failing", "--timeout", "soon"],
                 ["push", "cache_reset", "state=failing", "--machine", "A"], ["push", "cache_reset", "a=b", "--set", "keep=maybe"],
                 ["push", "cache_reset", "a=b", "--canary", "0%"], ["get", "machines", "--all"], ["create", "token", "--name", "x"],
                 ["create", "token", "--api", "--name", "x", "--uses", "3"], ["explain", "nonsense"], ["pause", "x"]):
        before = len(api.seen)
        code, out, err = run(*line)
        check(f"usage error, exit 2, nothing sent: {' '.join(line)!r}",
              code == 2 and out == "" and len(api.seen) == before and len(err.splitlines()) == 1, (code, out, err))
    code, out, err = run("push", "cache_reset")
    check("a push without machines says how to name them", "state=failing" in err and "--machine" in err, err)


def lists(run, api, folder):
    rows = [{"id": f"m{i}", "name": f"PC-{i:04d}", "state": "failing", "os": "Windows 10 Pro", "build": "19045", "role": "workstation",
             "update_manager": "wsus", "last_seen": NOW - 180000, "last_error": "0x80070002", "why": "=waits, \"really\"",
             "tags": ["a", "b"], "connected": True, "new_field": i} for i in range(2500)]

    def page(query, _body):
        start, limit = int(query.get("cursor", 0)), int(query.get("limit", 200))
        end = min(start + limit, len(rows))
        return {"items": rows[start:end], "total": len(rows), "as_of": NOW, "next": str(end) if end < len(rows) else None}

    api.reset({"GET /api/v1/machines": page})
    code, out, err = run("get", "machines", "-o", "json")
    listing = json.loads(out)
    check("-o json has every row of every page, and every field",
          code == 0 and listing == {"items": rows, "total": 2500, "as_of": NOW}, (code, err, len(listing["items"])))
    check("-o json leaves stderr empty", err == "", err)
    code, out, err = run("get", "machines", "-o", "json", "--limit", "1203")
    check("--limit stops there, with the true total", [len(json.loads(out)["items"]), json.loads(out)["total"]] == [1203, 2500])
    code, out, err = run("get", "machines", "os~Windows 10", "state=failing", "--sort", "-last_seen")
    check("a filter term keeps its blank", api.seen[-1][2].get("filter") == 'os~"Windows 10" state=failing', api.seen[-1])
    check("--sort is passed on", api.seen[-1][2].get("sort") == "-last_seen", api.seen[-1])
    check("the count stands on stderr, the table on stdout", err == "2500 machines\n" and out.startswith("NAME "), err)
    line = out.splitlines()[1]
    check("ages count from the server's clock", "  3 m ago  " in line, line)
    check("nothing is cut or coloured when piped", "\033" not in out and "…" not in out)
    rows = rows[:3]
    code, out, err = run("get", "machines", "-o", "csv")
    table = list(csv.DictReader(io.StringIO(out)))
    check("csv is read back by a csv reader", len(table) == 3 and table[0]["name"] == "PC-0000" and table[0]["tags"] == "a,b", out)
    check("a formula in csv is disarmed", table[0]["why"] == "'=waits, \"really\"", table[0])
    check("times in csv are exact", table[0]["last_seen"] == "2026-01-31T07:57:00.000Z", table[0])
    code, out, err = run("get", "machines", "-o", "name")
    check("-o name prints one name per line alone", out == "PC-0000\nPC-0001\nPC-0002\n" and err == "", (out, err))
    rows = [{**rows[0], "name": "evil\033]0;owned\007\u009b31m\u202e", "why": "a" * 300}]
    for form in "table", "wide", "csv", "name", "json":
        code, out, err = run("get", "machines", "-o", form)
        check(f"-o {form}: no control character of a machine reaches the screen",
              code == 0 and not re.search("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]", out) and "evil" in out, out)
    check("-o json keeps the exact value", json.loads(out)["items"][0]["name"] == rows[0]["name"], out)
    code, screen = run.on_terminal("get", "machines", columns=70)
    plain = re.sub("\033\\[[0-9;]*m", "", screen)
    check("on a terminal rows fit, cut with …", "…" in plain and max(len(l) for l in plain.splitlines()) <= 70, plain)
    check("on a terminal states have colours", "\033[31mfailing\033[0m" in screen, screen)
    for env in {"NO_COLOR": "1"}, {"TERM": "dumb"}:
        code, screen = run.on_terminal("get", "machines", columns=70, env=env)
        check(f"no colours with {env}", "\033" not in screen, screen)
    rows = []
    code, out, err = run("get", "machines")
    check("an empty list is exit 0 and says so", (code, out, err) == (0, "", "0 machines\n"), (code, out, err))
    api.routes["GET /api/v1/machines"] = {"items": [{}], "total": 9, "as_of": NOW, "next": "same"}
    code, out, err = run("get", "machines", "-o", "json")
    check("a server that repeats its page is an error, not a loop", code == 1 and out == "", (code, err))
    api.routes["GET /api/v1/machines"] = lambda q, b: (500, {"detail": "boom"}) if q.get("cursor") else {
        "items": [{"id": "1"}], "total": 2, "as_of": NOW, "next": "2"}
    code, out, err = run("get", "machines", "-o", "json")
    check("half a list is not printed", code == 1 and out == "", (code, out))
    api.routes["GET /api/v1/failures"] = {"items": [], "total": 0, "as_of": NOW, "next": None}
    run("get", "failures")
    check("failures: open ones by default", "all" not in api.seen[-1][2], api.seen[-1])
    run("get", "failures", "--all")
    check("failures --all asks for closed ones too", api.seen[-1][2].get("all") == "true", api.seen[-1])
    with open("/dev/full", "wb") as full:
        api.routes["GET /api/v1/machines"] = {"items": [{"name": "x"}], "total": 1, "as_of": NOW, "next": None}
        done = subprocess.run([run.program, "get", "machines", "-o", "csv"], env=run.environment(), stdout=full, stderr=subprocess.PIPE)
        check("output that can't be written is an error", done.returncode == 1 and b"could not be written" in done.stderr, done)


def push_json(out):
    document = json.loads(out)
    good = list(document) == ["rollout", "matched", "jobs"] and all(list(j) == JOB_KEYS for j in document["jobs"])
    return document if good else None


def pushes(run, api, folder):
    api.reset(push_routes([[job(1), job(2)]]))
    code, out, err = run("push", "cache_reset", "state=failing", "os~Windows 10", "--set", "keep=none", "--reason", "why not",
                         "--canary", "100%", "-o", "json")
    document = push_json(out)
    check("push -o json exits 0 once queued, with exactly the promised keys",
          code == 0 and document and document["rollout"] == ROLLOUT and document["matched"] == 2, (code, out, err))
    check("the push says what was typed",
          api.seen[-1][3] == {"repair": "cache_reset", "params": {"keep": "none"}, "filter": 'state=failing os~"Windows 10"',
                              "canary": "100%", "reason": "why not", "preview": False}, api.seen[-1])
    code, out, err = run("push", "cache_reset", "--machine", "PC-0001", "PC-0002", "--machine", "m3")
    check("--machine takes several names", sorted(api.seen[-1][3]["machines"]) == ["PC-0001", "PC-0002", "m3"]
          and "filter" not in api.seen[-1][3], api.seen[-1])
    check("off a terminal nothing is asked", code == 0, (code, err))

    api.reset(push_routes([[job(1), job(2)]]))
    code, out, err = run("push", "cache_reset", "state=failing", "--dry-run", "-o", "json")
    document = push_json(out)
    check("--dry-run prints the exact machines and only previews",
          code == 0 and document["rollout"] is None and [j["machine"] for j in document["jobs"]] == ["PC-0001", "PC-0002"]
          and [s[3]["preview"] for s in api.seen] == [True], (out, api.seen))
    code, out, err = run("push", "cache_reset", "state=failing", "--dry-run")
    check("--dry-run says that nothing was changed", "PC-0001" in out and "nothing was changed" in err, (out, err))

    api.reset(push_routes([[]]))
    code, out, err = run("push", "cache_reset", "state=failing", "-o", "json")
    check("no machine matched: exit 3, still JSON", code == 3 and push_json(out) and json.loads(out)["matched"] == 0, (code, out, err))

    api.reset(push_routes([[job(1, "waiting", reason="waits for approval")]], state="approval"))
    code, out, err = run("push", "cache_reset", "state=failing", "--wait", "-o", "json")
    check("a push that needs approval exits 5 and is not waited for",
          code == 5 and "fleetmend approve" in err and push_json(out) and len(api.seen) == 1, (code, out, err))

    api.reset({"POST /api/v1/rollouts": (403, {"detail": "this repair takes the role approver"})})
    code, out, err = run("push", "reboot", "state=failing", "-o", "json")
    check("a forbidden push exits 4, says why, and leaves stdout empty", code == 4 and "role approver" in err and out == "", (code, out, err))


def waits(run, api, folder):
    ok = job(1, "done", "done", "fixed")
    api.reset(push_routes([[job(1), job(2)], [job(1, "running"), job(2, "offered")],
                           [job(1, "verifying", "done"), job(2, "running")], [ok, job(2, "done", "done", "unknown")]]))
    code, out, err = run("push", "cache_reset", "state=failing", "--wait", "-o", "json")
    document = push_json(out)
    check("--wait: all done is exit 0, an unknown verdict alone is no failure",
          code == 0 and [j["verdict"] for j in document["jobs"]] == ["fixed", "unknown"], (code, out, err))
    check("--wait off a terminal shows no progress line", "\r" not in err and "\033" not in err, err)

    api.reset(push_routes([[job(1)], [job(1, "verifying", "done", "pending")]]))
    code, out, err = run("push", "cache_reset", "--machine", "PC-0001", "--wait")
    check("--wait: a pending verdict ends the wait, exit 0", code == 0 and "pending" in out, (code, out, err))

    api.reset(push_routes([[job(1), job(2)], [ok, job(2, "done", "failed", reason="a step failed")]]))
    code, out, err = run("push", "cache_reset", "state=failing", "--wait", "-o", "json")
    check("--wait: one failed is exit 8", code == 8 and push_json(out)["jobs"][1]["reason"] == "a step failed", (code, out, err))
    api.reset(push_routes([[job(1), job(2)], [ok, job(2, "done", "failed", reason="a step failed")]]))
    code, out, err = run("push", "cache_reset", "state=failing", "--wait")
    check("--wait ends with the table of verdicts", code == 8 and "fixed" in out and "a step failed" in out, out)

    start = time.monotonic()
    api.reset(push_routes([[job(1), job(2, online=False)], [ok, job(2, online=False)]]))
    code, out, err = run("push", "cache_reset", "state=failing", "--wait", "-o", "json")
    check("--wait: an offline machine ends the wait, exit 8", code == 8 and 2 < time.monotonic() - start < 20
          and push_json(out)["jobs"][1]["state"] == "queued" and "offline" in err, (code, out, err))

    start = time.monotonic()
    api.reset(push_routes([[job(1, "running")]]))
    code, out, err = run("push", "cache_reset", "state=failing", "--wait", "--timeout", "2s", "-o", "json")
    check("--wait: the time running out is exit 7", code == 7 and 1.5 < time.monotonic() - start < 10 and push_json(out)
          and "ran out" in err, (code, out, err))
    polls = len(api.seen) - 1
    check("polls grow apart", 4 <= polls <= 10, polls)

    api.reset(push_routes([[job(1)], (503, {"title": "restarting"}), (500, {"title": "x"}), [ok]]))
    code, out, err = run("push", "cache_reset", "state=failing", "--wait", "-o", "json")
    check("--wait survives a server that is away for a moment", code == 0 and push_json(out), (code, out, err))

    api.reset(push_routes([[job(1)], (403, {"detail": "role gone"})]))
    code, out, err = run("push", "cache_reset", "state=failing", "--wait", "-o", "json")
    check("--wait ends with 4 when the login is no longer allowed, and still names the jobs",
          code == 4 and push_json(out)["jobs"][0]["job"] == job(1)["job"], (code, out, err))

    undo = {f"POST /api/v1/jobs/{job(1)['job']}/undo": (201, {"rollout": ROLLOUT, "matched": 1, "job": "2" * 32, "state": "running",
                                                              "jobs": [brief(job(2))]})}
    api.reset({**push_routes([[job(2, "running")], [job(2, "done", "done")]]), **undo})
    code, out, err = run("undo", job(1)["job"], "--wait", "--reason", "it was worse")
    check("undo --wait follows the undo", code == 0 and api.seen[0][3] == {"reason": "it was worse"} and "done" in out, (code, out, err))
    api.reset({f"POST /api/v1/jobs/{job(1)['job']}/undo": (409, {"detail": "only the newest cache_reset can be undone"})})
    code, out, err = run("undo", job(1)["job"])
    check("undo of what can't be undone exits 5", code == 5 and "only the newest" in err, (code, err))

    api.reset(push_routes([[job(1), job(2)], [job(1, "running"), job(2)], [ok, job(2, "done", "done", "same")]]))
    code, out, err = run("watch", ROLLOUT)
    lines = out.splitlines()
    check("watch off a terminal prints changes line by line",
          code == 0 and lines == ["PC-0001  queued", "PC-0002  queued", "PC-0001  running", "PC-0001  done  done  fixed",
                                  "PC-0002  done  done  same"], (code, out))
    code, out, err = run("watch", "0" * 32)
    check("watch of nothing exits 3", code == 3, (code, err))


def on_terminals(run, api, folder):
    ok = job(1, "done", "done", "fixed")
    api.reset(push_routes([[job(1), job(2)]]))
    code, screen = run.on_terminal("push", "cache_reset", "state=failing", typed=["n\n"])
    check("on a terminal a push to 2 machines asks, and \"n\" pushes nothing",
          code == 1 and "2 machines? [y/N]" in screen and [s[3]["preview"] for s in api.seen] == [True], (code, screen))
    api.reset(push_routes([[job(1), job(2)]]))
    code, screen = run.on_terminal("push", "cache_reset", "state=failing", typed=["y\n"])
    check("\"y\" pushes", code == 0 and [s[3]["preview"] for s in api.seen] == [True, False], (code, screen))
    api.reset(push_routes([[job(1)]]))
    code, screen = run.on_terminal("push", "cache_reset", "--machine", "PC-0001")
    check("one machine is not asked about", code == 0 and "[y/N]" not in screen, (code, screen))
    api.reset(push_routes([[job(1), job(2)], [job(1, "running"), job(2)], [ok, job(2, "done", "done", "same")]]))
    code, screen = run.on_terminal("push", "cache_reset", "state=failing", "--wait", "--yes")
    check("on a terminal --wait shows progress", code == 0 and "0 of 2 ended, 1 running" in screen and "[y/N]" not in screen, (code, screen))
    api.reset(push_routes([[job(1, "running")]]))
    code, screen = run.on_terminal("push", "cache_reset", "--machine", "A", "--wait", interrupt_after=1.5)
    check("Ctrl-C ends the waiting, not the jobs, and says so", code == 130 and "the jobs go on" in screen, (code, screen))
    api.reset(push_routes([[job(i) for i in range(40)], [job(i, "done", "done", "fixed") for i in range(40)]]))
    code, screen = run.on_terminal("watch", ROLLOUT, rows=12)
    check("watch repaints, and shows what fits", code == 0 and "\033[" in screen and "and 32 more" in screen, (code, screen[:2000]))


def other_commands(run, api, folder):
    api.reset({"POST /api/v1/tokens": (201, {"id": "t1", "token": "secret-token", "expires": 4102444800000}),
               "DELETE /api/v1/tokens/t1": (204, None), "GET /api/v1/audit/verify": {"rows": 12, "ok": True},
               f"POST /api/v1/jobs/{job(1)['job']}/cancel": {"job": "x", "state": "cancelled"},
               f"POST /api/v1/rollouts/{ROLLOUT}/cancel": {"rollout": "x", "state": "cancelled"},
               f"POST /api/v1/rollouts/{ROLLOUT}/approve": (403, {"detail": "nobody approves a push of his own"}),
               "POST /api/v1/machines/PC%201/approve": {"id": "m1"}})
    code, out, err = run("create", "token", "--enroll", "--name", "GPO", "--days", "7", "--uses", "5", "--approval", "--tag", "pilot,x", "--tag", "y")
    check("create token prints the token alone on stdout", code == 0 and out == "secret-token\n", (code, out, err))
    check("create token says what was typed", api.seen[-1][3] == {"kind": "enroll", "name": "GPO", "days": 7, "uses": 5, "approval": True,
                                                                  "tags": ["pilot", "x", "y"]}, api.seen[-1])
    run("create", "token", "--api", "--name", "ci", "--roles", "viewer,operator")
    check("create token --api passes roles", api.seen[-1][3] == {"kind": "api", "name": "ci", "days": 30, "roles": ["viewer", "operator"]}, api.seen[-1])
    check("delete token exits 0", run("delete", "token", "t1")[0] == 0)
    code, out, err = run("audit", "verify")
    check("audit verify says how much was checked", code == 0 and "12 entries" in out, out)
    api.routes["GET /api/v1/audit/verify"] = (409, {"detail": "entry 7 was changed"})
    code, out, err = run("audit", "verify")
    check("a broken audit log exits 5", code == 5 and "entry 7" in err and out == "", (code, err))
    check("cancel finds a rollout", run("cancel", ROLLOUT)[0] == 0 and api.seen[-1][1].startswith("/api/v1/rollouts/"))
    check("cancel finds a job", run("cancel", job(1)["job"])[0] == 0 and api.seen[-1][1].startswith("/api/v1/jobs/"))
    check("cancel of nothing exits 3", run("cancel", "nothing")[0] == 3)
    check("approving one's own push exits 4", run("approve", ROLLOUT)[0] == 4)
    check("a name with a blank is sent percent-encoded", run("approve", "machine", "PC 1")[0] == 0, api.seen[-1])

    api.routes["GET /api/v1/machines/PC-1"] = {
        "id": "m1", "name": "PC-1", "state": "failing", "os": "Windows 10 Pro", "last_seen": NOW - 5000, "as_of": NOW, "skew_ms": -90000,
        "why": "cache_reset is queued: the machine is offline", "facts": {"disk": {"free_gb": 12}, "evil\033": "x\033[2J"},
        "failures": [{"code": "0x80070002", "symbol": "ERROR_FILE_NOT_FOUND", "phase": "install", "update": "KB5034441", "state": "open",
                      "why": "first try", "last_seen": NOW - 5000, "count": 12},
                     {"machine": "PC-1", "code": "0x80240034", "symbol": "WU_E_DOWNLOAD_FAILED", "phase": "download", "update": "",
                      "state": "fixed", "last_seen": NOW - 5000, "count": 1}],
        "jobs": [job(1, "done", "done", "same", verdict_reason="the scan failed again with 0x80070002")]}
    code, out, err = run("describe", "machine", "PC-1")
    for part in ("Why not yet\n  cache_reset is queued", "0x80070002", "A file is missing", "seen 12 times", "disk.free_gb", "1 m 30 s behind",
                 "the scan failed again"):
        check(f"describe machine shows {part!r}", part in out, out)
    check("describe machine keeps closed failures apart", "WU_E_DOWNLOAD_FAILED" in out.split("Closed failures")[1]
          and "WU_E_DOWNLOAD_FAILED" not in out.split("Closed failures")[0], out)
    check("describe machine is safe on a terminal", "\033" not in out, out)
    api.routes["GET /api/v1/jobs/j1"] = {**job(1, "done", "done", "same", verdict_reason="scan 0x80070002"), "output": "stop wuauserv: ok\r\nmove\033: ok\n",
                                         "verdict_code": "0x80070002", "params": {"keep": "verify"}, "as_of": NOW}
    code, out, err = run("describe", "job", "j1")
    check("describe job shows steps and evidence", "  stop wuauserv: ok\n  move?: ok\n" in out and "same: the same error came again" in out
          and "scan 0x80070002" in out, out)
    api.routes["GET /api/v1/codes/0x80070002"] = {"code": "0x80070002", "machines": 3, "failures": 4, "ladder": ["cache_reset"], "as_of": NOW}
    code, out, err = run("describe", "code", "-2147024894")
    check("describe code reads any spelling", code == 0 and "ERROR_FILE_NOT_FOUND" in out and "cache_reset" in out, (code, out, err))

    code, out, err = run("explain", "-2147024894", env={"FLEETMEND_CONFIG": "/nonexistent/x"})
    check("explain needs no server and reads a negative number", code == 0 and out.startswith("0x80070002"), (code, out, err))
    code, out, err = run("version")
    check("version", code == 0 and re.fullmatch(r"fleetmend \d+\.\d+\.\d+\n", out), out)
    code, out, err = run("help", "push")
    check("help goes to stdout", code == 0 and "--canary" in out and err == "", (code, err))
    if shutil.which("bash"):
        script = run("completion", "bash")[1]

        def complete(*words):
            line = " ".join(f"'{w}'" for w in words)
            probe = f"{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _fleetmend; printf '%s\\n' \"${{COMPREPLY[@]}}\""
            done = subprocess.run(["bash", "-c", probe], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            return done.stdout.decode().split() if not done.stderr else [done.stderr.decode()]
        check("completion: commands", "describe" in complete("fleetmend", "de") and "delete" in complete("fleetmend", "de"), complete("fleetmend", "de"))
        check("completion: second words", complete("fleetmend", "describe", "ma") == ["machine"], complete("fleetmend", "describe", "ma"))
        check("completion: repairs", complete("fleetmend", "push", "cache") == ["cache_reset"], complete("fleetmend", "push", "cache"))
        check("completion: options of the command alone", complete("fleetmend", "push", "cache_reset", "--w") == ["--wait"]
              and complete("fleetmend", "get", "machines", "--w") == [], complete("fleetmend", "get", "machines", "--w"))
        check("completion: two-word commands have their own options", complete("fleetmend", "create", "token", "--en") == ["--enroll"])
        check("completion: values", complete("fleetmend", "get", "machines", "-o", "j") == ["json"])

    api.routes["POST /api/v1/logout"] = (204, None)
    code, out, err = run("logout")
    check("logout ends the session on the server and forgets it here",
          code == 0 and api.seen[-1][1] == "/api/v1/logout" and json.load(open(run.config))["token"] == "", (code, err))
    code, out, err = run("get", "machines")
    check("after logout no token is sent", api.seen[-1][4] is None, api.seen[-1])
    check("a second logout has nothing to do", run("logout")[0] == 0)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if not shutil.which("openssl"):
        print("SKIP  the openssl command is missing")
        return
    folder = tempfile.mkdtemp(prefix="fleetmend-cli-")
    try:
        api = Api(folder)
        run = Runner(os.path.abspath(sys.argv[1]), folder, api)
        for part in login_and_config, exit_codes, lists, pushes, waits, on_terminals, other_commands:
            part(run, api, folder)
    finally:
        shutil.rmtree(folder)
    print(f"{failed} failed" if failed else "all promises kept")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
