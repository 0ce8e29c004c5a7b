#!/usr/bin/env python3
"""An old copy of the database comes back: agents send what it lacks, nothing runs twice, no id is used again."""
import glob
import os
import shutil

import fleet


def copy_files(t, server):
    """The files of a stopped server."""
    copy = t.path(server.name + ".copy")
    server.stop()
    os.mkdir(copy)
    for p in glob.glob(server.dir + "/fleetmend.db*"):
        shutil.copy(p, copy)
    server.start()
    return copy


def put_back_files(t, server, copy):
    server.kill()
    for p in glob.glob(server.dir + "/fleetmend.db*"):
        os.remove(p)
    for p in glob.glob(copy + "/*"):
        shutil.copy(p, server.dir)


def backup(t, server):
    copy = t.path(server.name + ".backup")
    code, out, err = server.control("backup", "--to", copy)
    t.check("a running server backs up", code == 0 and os.path.getsize(copy) > 0, out + err)
    code, out, err = server.control("backup", "--to", copy)
    t.check("and does not write over a backup", code != 0 and err, (code, out, err))
    return copy


def restore(t, server, copy):
    code, out, err = server.control("restore", "--from", copy)
    t.check("a running server is not restored over", code != 0 and err, (code, out, err))
    server.stop()
    rubbish = t.write(server.name + ".rubbish", "no database")
    code, out, err = server.control("restore", "--from", rubbish)
    t.check("nor is a file restored that is no copy", code != 0 and err, (code, out, err))
    code, out, err = server.control("restore", "--from", copy)
    t.check("a stopped one is restored", code == 0, out + err)


def variant(t, what, copy, put_back):
    server = fleet.Server(t, what).up()
    agents = [fleet.Agent(t, server, f"{what.upper()}-{i}", more=["--fault", "0x80070002:scan:cache_reset", "--speed", "20"]).start()
              for i in range(3)]
    names = sorted(a.name for a in agents)
    t.eventually(f"{what}: machines report", lambda: {f["machine"] for f in server.api.all("failures")} == set(names), 20)
    early = server.api.push("update_scan", machines=names)["jobs"]
    t.eventually(f"{what}: a first job ends on each", fleet.jobs_ended(server.api, early), 20)
    for a in agents:
        a.stop()
    waiting = server.api.push("update_scan", machines=names)["jobs"]  # queued in the copy, run after it
    kept = copy(t, server)

    for a in agents:
        a.start()
    t.eventually(f"{what}: after the copy the waiting jobs run", fleet.jobs_ended(server.api, waiting), 30)
    late = server.api.push("cache_reset", machines=names)["jobs"]  # unknown to the copy
    t.eventually(f"{what}: and newer ones", fleet.jobs_ended(server.api, late), 30)
    before = {a.name: len(a.spool()) for a in agents}
    t.eventually(f"{what}: more events come", lambda: all(len(a.spool()) > before[a.name] for a in agents), 30)
    t.eventually(f"{what}: and are stored", lambda: (not fleet.unsent(server, agents), fleet.unsent(server, agents)), 20)
    results = {j["job"]: server.api.job(j["job"])["result"] for j in early + waiting}
    put_back(t, server, kept)

    server.start()
    t.equal(f"{what}: the old copy knows nothing of the newer jobs",
            [server.api.ask("GET", f"/api/v1/jobs/{j['job']}").status for j in late], [404] * 3)
    t.eventually(f"{what}: agents send again every event the copy lacks",
                 lambda: (not fleet.unsent(server, agents), fleet.unsent(server, agents)), 40)
    db = server.database()
    twice = db.execute("SELECT machine, stream, seq, COUNT(*) FROM events GROUP BY 1, 2, 3 HAVING COUNT(*) > 1").fetchall()
    db.close()
    t.equal(f"{what}: and none is stored twice", twice, [])
    t.eventually(f"{what}: the jobs that were waiting in it end", fleet.jobs_ended(server.api, waiting), 40)
    t.equal(f"{what}: with the results they had", {j: server.api.job(j)["result"] for j in results}, results)
    after = server.api.push("update_scan", machines=names)["jobs"]
    t.eventually(f"{what}: new jobs run", fleet.jobs_ended(server.api, after), 30)
    ids = [j["job"] for j in early + waiting + late + after]
    t.equal(f"{what}: no id was used twice", len(set(ids)), len(ids))
    t.equal(f"{what}: each job ran once, none twice", {j: n for a in agents for j, n in a.starts().items()}, {j: 1 for j in ids})
    for a in agents:
        t.equal(f"{a.name} ends cleanly", a.stop(), 0)
    code, out, err = server.control("check")
    t.check(f"{what}: the audit chain verifies", code == 0, out + err)
    server.stop()


def scenario(t, args):
    variant(t, "files", copy_files, put_back_files)
    variant(t, "backup", backup, restore)


if __name__ == "__main__":
    fleet.main(scenario, __doc__, short_s=150)
