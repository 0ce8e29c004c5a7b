#!/usr/bin/env python3
"""Bad input at every door: each is answered with what is wrong, and the server goes on."""
import base64
import hashlib
import json
import os
import secrets
import socket
import ssl
import subprocess
import threading
import time

import fleet
import signing
from signing import Machine


class Raw:
    """A TLS connection that sends what it is told."""

    def __init__(self, server):
        context = ssl.create_default_context(cafile=server.ca)
        self.socket = context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), 10),
                                          server_hostname="localhost")
        self.socket.settimeout(25)

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def answer(self):
        """(status, headers and body as text); status 0 when the connection was closed without a word."""
        data = b""
        try:
            while True:
                part = self.socket.recv(65536)
                if not part:
                    break
                data += part
                head, _, body = data.partition(b"\r\n\r\n")
                length = [l for l in head.lower().split(b"\r\n") if l.startswith(b"content-length:")]
                if _ and length and len(body) >= int(length[0].split(b":")[1]):
                    break
        except (ConnectionResetError, ssl.SSLError, BrokenPipeError):
            pass
        text = data.decode(errors="replace")
        return (int(text.split(" ")[1]) if text.startswith("HTTP/1.1 ") else 0), text

    def close(self):
        self.socket.close()


def raw(server, data):
    c = Raw(server)
    try:
        c.send(data)
        return c.answer()
    finally:
        c.close()


def healthy(t, server, after):
    client = fleet.Client(server.port, server.ca)
    a = client.ask("GET", "/healthz")
    client.drop()
    t.check(f"the server is healthy after {after}", a.status == 200 and server.process.poll() is None, a)


# ---- HTTP ----


def slow_clients(server, results):
    """Runs while the other checks do: each sends a byte a second; all are cut after 15 s."""
    def slow(text, i):
        begun = time.monotonic()
        try:
            c = Raw(server)
            c.socket.settimeout(1)
            for byte in text:
                c.send(byte)
                try:
                    if not c.socket.recv(1000):
                        break
                except TimeoutError:
                    continue
        except OSError:
            pass
        results[i] = time.monotonic() - begun

    heads = ["GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + "a" * 60,
             "POST /agent/v1/time HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\n{" + " " * 60]
    # The second one sends its head at once and its body slowly.
    cut = heads[1].index("{")
    texts = [list(heads[0]), [heads[1][:cut], *heads[1][cut:]]] * 4
    threads = [threading.Thread(target=slow, args=(text, i), daemon=True) for i, text in enumerate(texts)]
    for thread in threads:
        thread.start()
    return threads


def http(t, server):
    post = "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{}Content-Length: {}\r\n\r\n{}"
    token = f"Authorization: Bearer {server.api.token}\r\n"

    def posted(path, body, headers=""):
        return raw(server, post.format(path, headers, len(body), body))

    for what, data, statuses in [
            ("no HTTP at all", "\x16\x03\x01 hello\r\n\r\n", (400,)),
            ("a bare LF", "GET /healthz HTTP/1.1\nHost: x\n\n", (400,)),
            ("HTTP/2 in the clear", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 501, 505)),
            ("an unknown method", "BREW /healthz HTTP/1.1\r\nHost: x\r\n\r\n", (501,)),
            ("a path out of the tree", "GET /console/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", (400,)),
            ("an escaped path out of the tree", "GET /console/%2e%2e/x HTTP/1.1\r\nHost: x\r\n\r\n", (400,)),
            ("two lengths", "POST /agent/v1/time HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", (400,)),
            ("a negative length", "POST /agent/v1/time HTTP/1.1\r\nHost: x\r\nContent-Length: -2\r\n\r\n", (400,)),
            ("chunks and a length", "POST /agent/v1/time HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", (400,)),
            ("chunks", "POST /agent/v1/time HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", (411,)),
            ("no Host", "GET /healthz HTTP/1.1\r\n\r\n", (400,)),
            ("a head of 10 kB", "GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + "a" * 10000 + "\r\n\r\n", (431,)),
            ("an unknown path", "GET /api/v1/wishes HTTP/1.1\r\nHost: x\r\n\r\n", (404,))]:
        status, text = raw(server, data)
        t.check(f"{what} is refused with {' or '.join(map(str, statuses))}", status in statuses, text[:200])
    status, text = raw(server, "DELETE /agent/v1/sync HTTP/1.1\r\nHost: x\r\n\r\n")
    t.check("a wrong method is 405 and says which are right", status == 405 and "Allow: POST" in text, text[:300])
    status, text = raw(server, post.format("/agent/v1/time", "", 50_000_000, "{"))
    t.check("a huge body is 413 before it was sent", status == 413, text[:200])
    status, text = posted("/agent/v1/time", "{" + " " * 3000)
    t.check("a body larger than its path takes is 413", status == 413, text[:200])
    for what, body, named in [("malformed JSON", '{"nonce": ', ""), ("a second value", '{"nonce": "a"} 1', ""),
                              ("a key twice", '{"nonce": "a", "nonce": "b"}', "nonce"), ("no JSON object", "[]", ""),
                              ("a missing field", "{}", "nonce"), ("a wrong type", '{"nonce": 7}', "nonce"),
                              ("a string too long", '{"nonce": "' + "a" * 65 + '"}', "nonce"),
                              ("NUL in a string", '{"nonce": "a\\u0000b"}', ""), ("bad UTF-8", '{"nonce": "\udcff"}', "")]:
        data = post.format("/agent/v1/time", "", len(body.encode(errors="surrogateescape")), body).encode(errors="surrogateescape")
        status, text = raw(server, data)
        t.check(f"{what} is 400" + (f" and names {named}" if named else ""), status == 400 and named in text, text[-300:])
    for what, body, named in [("a push of a wrong type", '{"repair": 7, "filter": "state=failing"}', "repair"),
                              ("an unknown member", '{"repair": "update_scan", "filter": "state=failing", "force": true}', "force"),
                              ("a broken filter", '{"repair": "update_scan", "filter": "state=="}', "state"),
                              ("an unknown field in a filter", '{"repair": "update_scan", "filter": "colour=red"}', "colour")]:
        status, text = posted("/api/v1/rollouts", body, token)
        t.check(f"{what} is 400 and names {named}", status == 400 and named in text, text[-300:])
    for query in ("limit=0", "limit=x", "limit=1001", "sort=colour", "cursor=rubbish", "filter=state%3D%3D"):
        status, text = raw(server, f"GET /api/v1/machines?{query} HTTP/1.1\r\nHost: x\r\n{token}\r\n")
        t.check(f"?{query} is 400", status == 400, text[-300:])
    healthy(t, server, "bad HTTP")


def abandoned(t, server):
    """Clients that leave at every moment of a request."""
    whole = b"POST /agent/v1/time HTTP/1.1\r\nHost: localhost\r\nContent-Length: 15\r\n\r\n{\"nonce\":\"abc\"}"
    for n in range(0, len(whole) + 1, 5):
        c = Raw(server)
        c.send(whole[:n])
        c.close()
    plain = socket.create_connection(("127.0.0.1", server.port), 5)
    plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    plain.close()
    healthy(t, server, "clients that left in mid-request")


# ---- who may ----


def roles(t, server):
    api = server.api
    anybody = fleet.Client(server.port, server.ca)
    a = anybody.ask("GET", "/api/v1/machines")
    t.check("without a token it is 401", a.status == 401 and "detail" in a.json(), a)
    t.equal("with a wrong token too", anybody.ask("GET", "/api/v1/machines", token="f" * 64).status, 401)
    t.equal("with the enrolment token too", anybody.ask("GET", "/api/v1/machines", token=server.enroll_token).status, 401)
    t.equal("a wrong password is 401", anybody.ask("POST", "/api/v1/login", {"user": "ada", "password": "nonsense"}).status, 401)
    t.equal("an unknown user too", anybody.ask("POST", "/api/v1/login", {"user": "eve", "password": "nonsense"}).status, 401)
    viewer = server.user_add("vera", "viewer")
    t.equal("a viewer sees machines", viewer.ask("GET", "/api/v1/machines").status, 200)
    a = viewer.ask("POST", "/api/v1/rollouts", {"repair": "update_scan", "filter": "state=failing"})
    t.check("and may not push: 403 names the role", a.status == 403 and "operator" in a.detail(), a)
    for method, path in [("GET", "/api/v1/audit"), ("GET", "/api/v1/users"), ("POST", "/api/v1/machines/x/approve"),
                         ("DELETE", "/api/v1/tokens/x"), ("POST", "/api/v1/rollouts/x/approve"), ("POST", "/api/v1/jobs/x/cancel")]:
        t.equal(f"nor {method} {path}", viewer.ask(method, path).status, 403)
    a = viewer.ask("POST", "/api/v1/tokens", {"kind": "enroll", "name": "mine"})
    t.check("nor make enrolment tokens", a.status == 403, a)
    a = viewer.ask("POST", "/api/v1/tokens", {"kind": "api", "name": "mine", "roles": ["viewer", "operator", "admin"]})
    if a.status == 201:
        more = fleet.Client(server.port, server.ca, a.json()["token"])
        t.equal("a token can't do more than its owner",
                more.ask("POST", "/api/v1/rollouts", {"repair": "update_scan", "filter": "state=failing"}).status, 403)
    else:
        t.check("a token with more rights than its owner is refused", a.status in (400, 403), a)
    t.equal("logout ends the token", (viewer.ask("POST", "/api/v1/logout", {}).status, viewer.ask("GET", "/api/v1/machines").status),
            (204, 401))
    for path in ("/api/v1/machines/nobody", "/api/v1/jobs/" + "0" * 32, "/api/v1/rollouts/" + "0" * 32):
        t.equal(f"{path} is 404", api.ask("GET", path).status, 404)
    t.equal("an act on an unknown job is 404", api.ask("POST", "/api/v1/jobs/" + "0" * 32 + "/undo", {}).status, 404)
    healthy(t, server, "people without rights")


# ---- agents ----


def enrolment(t, server):
    api = server.api
    m = Machine(api_of_agents(server), "DOOR-1")
    t.equal("enrolment with a bad token is 403", m.enroll("f" * 64).status, 403)
    t.check("and nothing was enrolled", not api.all("machines", "name=DOOR-1"))
    t.equal("a session of an unknown machine is 404", m.session().status, 404)

    sealed = m.enroll_envelope(server.enroll_token)
    forged = dict(sealed, signatures=[{"keyid": m.id, "sig": signing.b64(bytes(64))}])
    t.check("enrolment with a signature that does not hold is refused",
            m.client.ask("POST", "/agent/v1/enroll", forged).status in (401, 403))
    other = signing.envelope(signing.SESSION, signing.opened(sealed), m.key)
    t.check("so is one signed as something else", m.client.ask("POST", "/agent/v1/enroll", other).status in (400, 401, 403))
    t.check("so is one with a challenge of the machine's own making",
            m.client.ask("POST", "/agent/v1/enroll", m.enroll_envelope(server.enroll_token, "99999999999999.a.b")).status in (401, 403))
    past = f"{int(time.time() * 1000) - 1000}.{'a' * 32}.{'b' * 64}"
    t.check("so is one with an expired challenge",
            m.client.ask("POST", "/agent/v1/enroll", m.enroll_envelope(server.enroll_token, past)).status in (401, 403))
    a = m.enroll(server.enroll_token)
    t.check("a right one is taken", a.status == 200 and a.json()["state"] == "active" and a.json()["machine_id"] == m.id, a)
    order_key = base64.b64decode(a.json()["order_key"])
    t.equal("its order key is the one init told", "sha256//" + signing.b64(hashlib.sha256(order_key).digest()), server.order_key)

    a = api.post("/api/v1/tokens", {"kind": "enroll", "name": "careful", "approval": True})
    p = Machine(m.client, "DOOR-2")
    b = p.enroll(a["token"])
    t.check("a token with approval enrols as pending", b.status == 200 and b.json()["state"] == "pending", b)
    push = api.ask("POST", "/api/v1/rollouts", {"repair": "update_scan", "machines": ["DOOR-2"]})
    t.equal("a pending machine gets no push", push.status, 409)
    p.session()
    s = p.sync(events=[p.event()])
    t.check("it may report, and gets no jobs", s.status == 200 and s.json()["state"] == "pending" and not s.json().get("jobs"), s)
    many = [p.event() for _ in range(599)]
    have = [p.sync(events=many[i:i + 200]).json()["have"] for i in (0, 200, 400)]
    t.equal("its events have a quota, beyond which nothing is acknowledged", have, [201, 401, 500])
    api.post("/api/v1/machines/DOOR-2/approve")
    t.equal("an admin approves it", p.sync().json()["state"], "active")
    t.equal("then the rest is taken", p.sync(events=many[499:]).json()["have"], 600)
    t.equal("and not twice", api.ask("POST", "/api/v1/machines/DOOR-2/approve", {}).status, 409)

    twin = Machine(m.client, "DOOR-1", instance="two")
    b = twin.enroll(server.enroll_token)
    t.check("the same name with a new key is pending", b.status == 200 and b.json()["state"] == "pending", b)
    t.equal("two machines of a name: the name alone is 409", api.ask("GET", "/api/v1/machines/DOOR-1").status, 409)

    one = api.post("/api/v1/tokens", {"kind": "enroll", "name": "once", "uses": 1})
    t.equal("a token for one use enrols one machine", [Machine(m.client, n).enroll(one["token"]).status for n in ("DOOR-3", "DOOR-4")],
            [200, 403])
    t.equal("an enrolment token can be revoked", api.ask("DELETE", f"/api/v1/tokens/{a['id']}").status, 204)
    t.equal("then it enrols nobody", Machine(m.client, "DOOR-5").enroll(a["token"]).status, 403)
    t.equal("and can't be revoked again", api.ask("DELETE", f"/api/v1/tokens/{a['id']}").status, 404)
    healthy(t, server, "bad enrolments")
    return m


def api_of_agents(server):
    return fleet.Client(server.port, server.ca)


def sessions(t, server, m):
    sealed = m.session_envelope()
    t.equal("a session is opened once", (m.session(sealed).status, m.session(sealed).status), (200, 401))
    other = signing.envelope(signing.SESSION, signing.opened(m.session_envelope()), signing.Key())
    t.equal("another key's signature is 401", m.client.ask("POST", "/agent/v1/session", other).status, 401)
    for what, ticket in [("garbage", "rubbish"), ("no", None), ("a foreign", "9999999999999." + m.id + "." + "a" * 64),
                         ("an admin's", server.api.token)]:
        a = m.client.ask("POST", "/agent/v1/sync?wait=0", m.message(), token=ticket)
        t.equal(f"{what} ticket is 401", a.status, 401)
    expired = m.ticket.split(".")
    expired[0] = str(int(time.time() * 1000) - 1)
    t.equal("a ticket whose time was changed is 401",
            m.client.ask("POST", "/agent/v1/sync?wait=0", m.message(), token=".".join(expired)).status, 401)
    t.equal("a ticket is no admin's token", m.client.ask("GET", "/api/v1/machines", token=m.ticket).status, 401)

    for what, more, named in [("a missing stream", {"stream": None}, "stream"), ("an event without a code", {"events": [{"seq": 1, "outcome": "failed"}]}, "code"),
                              ("an event's wrong code", {"events": [{"seq": 1, "outcome": "failed", "code": 7}]}, "events[0].code"),
                              ("201 events", {"events": [{"seq": i + 1, "outcome": "failed", "code": "0x80070002"} for i in range(201)]}, "events"),
                              ("a text too long", {"events": [{"seq": 1, "outcome": "failed", "code": "0x80070002", "text": "x" * 601}]}, "text"),
                              ("an unknown state", {"results": [{"job": "0" * 32, "rev": 1, "state": "sleeping"}]}, "state")]:
        message = {k: v for k, v in m.message(**more).items() if v is not None}
        a = m.client.ask("POST", "/agent/v1/sync?wait=0", message, token=m.ticket)
        t.check(f"a report with {what} is 400 and names {named}", a.status == 400 and named in a.detail(), a)
    t.check("a report of 100 kB is 413", m.client.ask("POST", "/agent/v1/sync", m.message(pad="x" * 100000), token=m.ticket).status == 413)
    stored = lambda: server.database().execute("SELECT COUNT(*) FROM events e JOIN machines m ON m.n = e.machine WHERE m.id = ?", (m.id,)).fetchone()[0]
    t.equal("nothing of those was stored", stored(), 0)

    events = [m.event() for _ in range(5)]
    t.equal("a right report is taken", m.sync(events=events).json().get("have"), 5)
    t.equal("sent again, it is stored once", (m.sync(events=events).json().get("have"), stored()), (5, 5))
    at_once = [m.event() for _ in range(50)]
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(m.sync(client=api_of_agents(server), events=at_once).json().get("have")))
               for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    t.equal("sent eight times at once, it is stored once", (answers, stored()), ([55] * 8, 55))
    hostile = "<script>alert(1)</script> ' \" ; DROP TABLE machines; -- \u202e"
    m.sync(events=[m.event(code="0x80240022", title=hostile, text=hostile)])
    t.check("hostile text is data", any(hostile in json.dumps(i, ensure_ascii=False).replace('\\"', '"') for i in
                                        server.api.get(f"/api/v1/machines/{m.id}/timeline")["events"]))
    foreign = {"job": secrets.token_hex(16), "rev": 1, "state": "done", "result": "done"}
    a = m.sync(results=[foreign])
    t.check("a result of a job nobody made is taken and forgotten", a.status == 200 and a.json().get("acked_results") == [foreign["job"]], a)
    t.equal("it is not in the books", server.api.ask("GET", "/api/v1/jobs/" + foreign["job"]).status, 404)
    healthy(t, server, "bad reports")


def foreign_results(t, server, m):
    api = server.api
    other = Machine(m.client, "DOOR-9")
    other.enroll(server.enroll_token)
    other.session()
    job = api.push("update_scan", machines=["DOOR-9"])["jobs"][0]["job"]
    m.sync(results=[{"job": job, "rev": 1, "state": "done", "result": "done", "verdict": "fixed"}])
    t.equal("nobody ends another machine's job", api.job(job)["state"] in ("queued", "offered"), True)
    t.check("its own machine gets it still", [signing.opened(o)["id"] for o in other.sync().json().get("jobs", [])] == [job])


def clones(t, server, m):
    t.equal("the key with a second installation's id is 409", m.session(m.session_envelope(instance="another")).status, 409)
    row = server.api.get(f"/api/v1/machines/{m.id}")
    t.equal("and the machine is pending", row["state"], "pending")
    m.session()
    a = m.sync()
    t.check("the first one too gets no jobs until a person decided", a.status == 200 and a.json()["state"] == "pending", a)


# ---- the host ----


def starting(t, server):
    program = t.program("fleetmend-server")
    code, out, err = t.run([program, "serve", "--data", server.dir])
    t.check("a second server on the same folder is refused", code == 1 and err, (code, err))
    other = fleet.Server(t, "other", conf={"listen": f"127.0.0.1:{server.port}"})
    code, out, err = t.run([program, "serve", "--data", other.dir])
    t.check("a second server on the same port is refused and names it", code == 1 and str(server.port) in err, (code, err))
    with open(os.path.join(other.dir, "server.conf")) as f:
        lines = f.read().split("\n")
    for bad, named in [("colour = red", "colour"), ("loops = many", "loops"), ("loops = 99", "loops"), ("just words", "key = value")]:
        with open(os.path.join(other.dir, "server.conf"), "w") as f:
            f.write("\n".join(lines + [bad]))
        code, out, err = t.run([program, "serve", "--data", other.dir])
        t.check(f"`{bad}` in server.conf is refused and names its line", code == 2 and f"line {len(lines) + 1}" in err and named in err, (code, err))
    full = t.path("full")
    os.mkdir(full)
    t.write("full/letter", "hello")
    init = [program, "init", "--admin", "ada", "--password-file", server.password_file, "--listen", "127.0.0.1:0"]
    before = sorted(os.listdir(t.dir))
    code, out, err = t.run(init + ["--data", full])
    t.check("init into a folder that is not empty is refused", code not in (0, None) and "not empty" in err, (code, err))
    code, out, err = t.run(init + ["--data", server.dir])
    t.check("init over a server is refused", code not in (0, None), (code, err))
    code, out, err = t.run([*init[:-4], "--password-file", t.path("missing"), "--data", t.path("new")])
    t.check("init without a password is refused", code not in (0, None) and "missing" in err, (code, err))
    code, out, err = t.run([*init, "--data", t.path("new"), "--listen", "nowhere"])
    t.check("init with a bad address is refused", code not in (0, None) and err, (code, err))
    t.equal("and none of them made or changed anything", (sorted(os.listdir(t.dir)), os.listdir(full)), (before, ["letter"]))
    for words in (["serve"], ["serve", "--data", t.path("nowhere")], ["dance"], ["serve", "--data", server.dir, "--fast"]):
        code, out, err = t.run([program, *words])
        t.check(f"`fleetmend-server {words[-1] if words[-1][0] != '/' else words[0] + ' nowhere'}` is an error in words", code in (1, 2) and err, (code, err))
    healthy(t, server, "all of that on the host")


def disk_full(t, args):
    folder = t.path("small")
    os.mkdir(folder)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder], capture_output=True, text=True)
    if done.returncode:
        t.skip("a full disk", "no tmpfs can be mounted here: " + done.stderr.strip())
        return
    t.undo.append(lambda: subprocess.run(["umount", "-l", folder], check=True))
    server = fleet.Server(t, "small/data").up()
    m = Machine(api_of_agents(server), "FULL")
    m.enroll(server.enroll_token)
    m.session()
    filler = os.path.join(folder, "filler")
    file = os.open(filler, os.O_WRONLY | os.O_CREAT)
    try:
        while os.write(file, bytes(4096)):
            pass
    except OSError:
        pass
    os.close(file)
    have, bad, statuses = 0, None, []
    for _ in range(60):
        first = m.seq
        try:
            a = m.sync(events=[m.event(text="x" * 500) for _ in range(40)])
        except OSError as e:
            bad = e
            break
        statuses.append(a.status)
        if a.status != 200:
            bad = a
            m.seq = first
            break
        have = a.json()["have"]
    t.check("with a full disk a report is answered with an error, not as stored",
            isinstance(bad, fleet.Answer) and bad.status in (503, 507, 500, 429), (statuses, bad))
    alive = server.process.poll() is None
    t.check("the server lives", alive, server.log()[-500:])
    if alive:
        t.equal("and says so", m.client.ask("GET", "/healthz").status, 200)
    os.remove(filler)
    if not alive:
        server.start()
    stored = server.database().execute("SELECT COALESCE(MAX(seq), 0), COUNT(*) FROM events").fetchone()
    t.equal("what was answered as stored is stored, and nothing else", stored, (have, have))

    def works():
        a = m.sync(events=[m.event()])
        m.seq -= a.status != 200
        return a.status == 200, a
    t.eventually("with room again it works again", works, 20, 0.5)
    code, out, err = server.control("check")
    t.check("and the audit chain is whole", code == 0, out + err)
    server.stop()


def scenario(t, args):
    server = fleet.Server(t).up()
    results = {}
    slow = slow_clients(server, results)
    http(t, server)
    abandoned(t, server)
    roles(t, server)
    m = enrolment(t, server)
    sessions(t, server, m)
    foreign_results(t, server, m)
    clones(t, server, m)
    starting(t, server)
    disk_full(t, args)
    for thread in slow:
        thread.join(25)
    t.check("clients that send a byte a second are cut after 15 s",
            len(results) == len(slow) and all(13 <= s <= 20 for s in results.values()), results)
    healthy(t, server, "slow clients")
    code, out, err = server.control("check")
    t.check("the audit chain verifies", code == 0, out + err)
    t.equal("the server ends cleanly", server.stop(), 0)


if __name__ == "__main__":
    fleet.main(scenario, __doc__, short_s=90)
