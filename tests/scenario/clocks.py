#!/usr/bin/env python3
"""Wrong clocks, of machines and in certificates: what can be proved without a clock goes on, nothing else does."""
import os
import shutil
import time

import fleet

SPEED = ["--speed", "10"]
YEAR_S = 31_557_600


def offset_to(year):
    return int((year - 1970) * YEAR_S - time.time() + 86400)


# ---- machines ----


def machines(t, server):
    """Agents whose machine lives in 1970 or 2100, in a workgroup or a domain."""
    api = server.api
    agents = {}
    for name, year, more in [("OLD-WG", 1970, ["--workgroup"]), ("FUTURE-WG", 2100, ["--workgroup"]),
                             ("OLD-DOM", 1970, []), ("FUTURE-DOM", 2100, [])]:
        flags = ["--clock-offset", str(offset_to(year)), "--fault", "0x80072F8F:scan:time_resync", *more, *SPEED]
        agents[name] = fleet.Agent(t, server, name, more=flags).start()
    t.eventually("machines of 1970 and 2100 enrol and report their failure", lambda: (
        {f["machine"] for f in api.all("failures", "code=0x80072F8F")} == set(agents), [f["machine"] for f in api.all("failures")]), 30)
    skews = {n: api.machine(n)["skew_ms"] / 1000 / YEAR_S for n in agents}
    t.check("their skew is known", all((s < -50) == n.startswith("OLD") and (s > 70) == n.startswith("FUTURE") for n, s in skews.items()), skews)
    t.check("their failures are of today, by the server's clock",
            all(abs(f["last_seen"] / 1000 - time.time()) < 600 for f in api.all("failures")), api.all("failures"))
    # A workgroup machine lets Windows correct 15 h at most. What is impossible is set by itself; 2100 is possible.
    jobs = api.push("time_resync", machines=[n for n in agents if n != "FUTURE-WG"])["jobs"]
    jobs += api.push("time_resync", machines=["FUTURE-WG"], params={"allow_step": "true"})["jobs"]
    done = t.eventually("time_resync runs on each of them", fleet.jobs_ended(api, jobs), 40)
    if done:
        t.equal("it repaired them", {n: (r["result"], r["verdict"]) for n, r in done.items()}, {n: ("done", "fixed") for n in agents})
    t.eventually("their skew is gone", lambda: (
        all(abs(api.machine(n)["skew_ms"]) < 60_000 for n in agents), {n: api.machine(n)["skew_ms"] for n in agents}), 20)
    t.equal("and so are the failures", api.all("failures", "code=0x80072F8F"), [])
    for a in agents.values():
        t.equal(f"{a.name} ends cleanly", a.stop(), 0)

    # Not asked to step, a machine that is possibly right is left alone.
    a = fleet.Agent(t, server, "UNASKED", more=["--clock-offset", str(offset_to(2100)), "--workgroup", *SPEED]).start()
    t.eventually("a further machine of 2100 enrols", lambda: api.all("machines", "name=UNASKED"), 20)
    done = t.eventually("time_resync without allow_step ends", fleet.jobs_ended(api, api.push("time_resync", machines=["UNASKED"])["jobs"]), 30)
    if done:
        t.check("it failed in words and set no clock", done["UNASKED"]["result"] == "failed" and done["UNASKED"]["reason"], done)
        t.check("the skew is as it was", api.machine("UNASKED")["skew_ms"] > 50 * YEAR_S * 1000, api.machine("UNASKED")["skew_ms"])
    a.stop()


# ---- certificates ----


class Certificates:
    """Server certificates of any dates, all for the server's own key, signed by a CA."""

    def __init__(self, t, server):
        self.t = t
        self.server = server
        self.tls = os.path.join(server.dir, "tls")
        self.good = t.path("good.pem")
        shutil.copy(f"{self.tls}/server.pem", self.good)
        self.own = (f"{self.tls}/ca.pem", f"{self.tls}/ca.key")
        self.foreign = (t.path("foreign.pem"), t.path("foreign.key"))
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                     "-subj", "/CN=Foreign CA", "-keyout", self.foreign[1], "-out", self.foreign[0])
        self.openssl("req", "-new", "-key", f"{self.tls}/server.key", "-subj", "/CN=localhost", "-out", t.path("server.csr"))

    def openssl(self, *words):
        code, out, err = self.t.run(["openssl", *words])
        if code != 0:
            raise RuntimeError(f"openssl {words[0]}: {err}")

    def use(self, ca, start, end):
        """Puts a certificate with these dates (YYYYMMDDHHMMSSZ) before the server; None: the one of init."""
        t = self.t
        if ca is None:
            shutil.copy(self.good, f"{self.tls}/server.pem")
            return
        work = t.path("ca-work")
        shutil.rmtree(work, ignore_errors=True)
        os.mkdir(work)
        t.write("ca-work/index", "")
        t.write("ca-work/ca.conf", f"""[ca]
default_ca = one
[one]
database = {work}/index
new_certs_dir = {work}
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = server
[any]
commonName = supplied
[server]
basicConstraints = critical,CA:false
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost,IP:127.0.0.1
""")
        self.openssl("ca", "-batch", "-notext", "-config", f"{work}/ca.conf", "-cert", ca[0], "-keyfile", ca[1], "-in", t.path("server.csr"),
                     "-startdate", start, "-enddate", end, "-out", f"{self.tls}/server.pem")


PAST = ("19700101000000Z", "19710101000000Z")
FUTURE = ("20990101000000Z", "21000101000000Z")
NOW = ("20200101000000Z", "20490101000000Z")


def known(server, name):
    """Whether the server has such a machine; its own API is not trusted by anybody now, so from its database."""
    db = server.database()
    row = db.execute("SELECT n FROM machines WHERE name = ?", (name,)).fetchone()
    db.close()
    return row is not None


def failed(server, name):
    db = server.database()
    row = db.execute("SELECT COUNT(*) FROM failures f JOIN machines m ON m.n = f.machine WHERE m.name = ?", (name,)).fetchone()
    db.close()
    return row[0] > 0


def unchecked(server):
    """An admin who knows what he does: the API without a look at the certificate."""
    import ssl
    client = fleet.Client(server.port, server.ca)
    client.context = ssl._create_unverified_context()
    client.token = server.api.token
    return client


def with_pin(t, server, what, name):
    """An agent that holds the order key's pin gets the signed time, from it the TLS pins, and works."""
    a = fleet.Agent(t, server, name, more=["--clock-offset", "-18000", "--fault", "0x80072F8F:scan:time_resync", *SPEED]).start()
    t.eventually(f"{what}: an agent with --order-key enrols and reports", lambda: (failed(server, name), a.log()[-400:]), 20)
    api = unchecked(server)
    if known(server, name):
        done = t.eventually(f"{what}: it runs time_resync", fleet.jobs_ended(api, api.push("time_resync", machines=[name])["jobs"]), 30)
        t.check(f"{what}: and is repaired", done and (done[name]["result"], done[name]["verdict"]) == ("done", "fixed"), done)
    t.equal(f"{what}: the agent ends cleanly", a.stop(), 0)


def refused(t, server, what, name, order_key, words, more=()):
    """Nothing is enrolled, and the agent says why."""
    begun = server.log().count("machine.enrolled")
    a = fleet.Agent(t, server, name, order_key=order_key, more=[*SPEED, *more]).start()
    t.eventually(f"{what}: refused in words", lambda: (any(w in a.log() for w in words), a.log()[-400:]), 15)
    # It must be refused again and again, not at first only.
    t.eventually(f"{what}: it tries again", lambda: (a.log().count("agent.trouble") >= 2, a.log()[-400:]), 20)
    t.check(f"{what}: nothing was enrolled", not known(server, name) and server.log().count("machine.enrolled") == begun)
    a.stop()


def certificates(t, server):
    certs = Certificates(t, server)
    cases = [("expired", certs.own, PAST), ("not yet valid", certs.own, FUTURE)]
    for what, ca, dates in cases:
        server.stop()
        certs.use(ca, *dates)
        server.start()
        tag = what.split()[0].upper()
        with_pin(t, server, f"certificate {what}", f"PIN-{tag}")
        refused(t, server, f"certificate {what}, no pin", f"NOPIN-{tag}", False, ["order key"])
        refused(t, server, f"certificate {what}, another server's pin", f"WRONGPIN-{tag}", "sha256//" + "A" * 43 + "=", ["not pinned", "signed by"])
    for what, dates in [("of an unknown CA", NOW), ("of an unknown CA and expired", PAST)]:
        server.stop()
        certs.use(certs.foreign, *dates)
        server.start()
        refused(t, server, f"certificate {what}", "FOREIGN" + ("-OLD" if dates is PAST else ""), True, ["not trusted"])
    server.stop()
    certs.use(None, None, None)
    server.start()
    a = fleet.Agent(t, server, "FOREIGN", more=SPEED).start()
    t.eventually("with the right certificate back the same machine enrols", lambda: known(server, "FOREIGN"), 20)
    a.stop()


def scenario(t, args):
    server = fleet.Server(t).up()
    machines(t, server)
    certificates(t, server)
    code, out, err = server.control("check")
    t.check("the audit chain verifies", code == 0, out + err)
    t.equal("the server ends cleanly", server.stop(), 0)


if __name__ == "__main__":
    fleet.main(scenario, __doc__, short_s=150)
