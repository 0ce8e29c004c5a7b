"""The overview page in a real browser (Debian's chromium, driven over the DevTools pipe): log in, see failing machines by
code, choose one, watch it change without a reload, lose the server and be told so; a screenshot of each is kept."""
import base64
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fleet  # noqa: E402


class Browser:
    """Chromium with one page. Commands and answers are JSON texts ended by NUL on descriptors 3 and 4."""

    def __init__(self, t):
        to_browser, self.out = os.pipe()
        self.inp, from_browser = os.pipe()
        os.set_inheritable(to_browser, True)
        os.set_inheritable(from_browser, True)

        def arrange():
            fleet.die_with_parent()
            a, b = os.dup(to_browser), os.dup(from_browser)
            os.dup2(a, 3)
            os.dup2(b, 4)

        self.process = subprocess.Popen(
            ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--ignore-certificate-errors", "--remote-debugging-pipe", "--window-size=1280,900",
             f"--user-data-dir={t.path('profile')}", "about:blank"],
            preexec_fn=arrange, pass_fds=(to_browser, from_browser, 3, 4), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        t.processes.append(self.process)
        os.close(to_browser)
        os.close(from_browser)
        self.rest, self.last, self.errors = b"", 0, []
        pages = self.call("Target.getTargets")["targetInfos"]
        target = next(p["targetId"] for p in pages if p["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")
        self.call("Runtime.enable")
        self.call("Log.enable")

    session = None

    def call(self, method, **params):
        self.last += 1
        message = {"id": self.last, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.last:
                if "error" in answer:
                    raise RuntimeError(answer["error"]["message"])
                return answer["result"]
            if answer.get("method") == "Runtime.exceptionThrown":
                self.errors.append(answer["params"]["exceptionDetails"].get("text", "exception"))
            if answer.get("method") == "Log.entryAdded" and "Content Security Policy" in answer["params"]["entry"]["text"]:
                self.errors.append(answer["params"]["entry"]["text"])

    def read(self):
        while b"\0" not in self.rest:
            chunk = os.read(self.inp, 1 << 16)
            if not chunk:
                raise RuntimeError("the browser ended")
            self.rest += chunk
        text, self.rest = self.rest.split(b"\0", 1)
        return json.loads(text)

    def run(self, script):
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        return result["result"].get("value")

    def open(self, url):
        self.call("Page.navigate", url=url)

    def screenshot(self, path):
        data = self.call("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as f:
            f.write(base64.b64decode(data))


def sign_in(browser, user, password):
    browser.run(
        "document.getElementById('user').value = %s; document.getElementById('password').value = %s;"
        "document.querySelector('#login button').click()" % (json.dumps(user), json.dumps(password)))


SICK = "[...document.querySelectorAll('#codes tr')].find(r => r.innerText.includes('0x80070002') && r.cells[1].innerText === '4')"
WORLD = [{"name": "well", "count": 3, "os": "Windows 11 Pro"},
         {"name": "sick", "count": 4, "os": "Windows 10 Pro",
          "fault": {"phase": "scan", "code": "0x80070002", "heals": ["cache_reset"]}}]


def scenario(t, args):
    pictures = os.path.join(fleet.ROOT, "build", "test-logs")
    os.makedirs(pictures, exist_ok=True)
    server = fleet.Server(t)
    server.up()
    browser = Browser(t)
    browser.open(server.url + "/")

    def sees(what, script, limit_s=15):
        t.eventually(what, lambda: browser.run(script), limit_s)

    sees("the page asks for a login", "document.getElementById('login').offsetParent !== null")
    sign_in(browser, fleet.ADMIN, "not the password")
    sees("a wrong password is said to be wrong", "document.getElementById('login-error').textContent.length > 5")
    sign_in(browser, fleet.ADMIN, fleet.PASSWORD)
    sees("with no machine enrolled the page says so",
         "document.getElementById('codes').textContent.includes('No machine has enrolled yet')")
    sees("the login form is gone then", "document.getElementById('login').offsetParent === null")
    fleet.swarm(t, server, world=WORLD, more=["--seed", "5", "--speed", "10"])
    sees("failing machines appear by code, without a reload", f"Boolean({SICK})", 60)
    sees("machines that need attention are listed with a reason",
         "[...document.querySelectorAll('#machines tr')].some(r => r.innerText.includes('sick-') && r.cells[3].innerText.length > 5)")
    browser.screenshot(os.path.join(pictures, "page-failing.png"))
    browser.run("document.querySelector('#codes button').click()")
    sees("choosing a code shows its machines",
         "document.getElementById('machines-title').textContent.includes('0x80070002') && document.querySelectorAll('#machines tr').length === 4")
    server.api.push("cache_reset", "code=0x80070002")
    sees("fixed machines leave the page by themselves",
         "!document.getElementById('codes').textContent.includes('0x80070002')", 120)
    browser.screenshot(os.path.join(pictures, "page-fixed.png"))
    server.stop()
    sees("without the server it says since when there is no data, and looks so",
         "document.getElementById('as-of').className === 'stale' && document.getElementById('as-of').textContent.includes('No data since')", 30)
    browser.screenshot(os.path.join(pictures, "page-stale.png"))
    t.check("no script error and no breach of the content policy", not browser.errors, "; ".join(browser.errors))


if __name__ == "__main__":
    fleet.main(scenario, __doc__, short_s=240)
