"use strict";

// The overview page: what the API says, as text, asked for again every two seconds. Nothing an agent sent is ever parsed as HTML.

const REFRESH_MS = 2000;
const STALE_MS = 10000;
const SHOWN = 100;

// Each state's word for people and its tone.
const STATES = {
  healthy: ["healthy", "good"],
  failing: ["failing", "bad"],
  repairing: ["in repair", "busy"],
  waiting: ["waiting", "busy"],
  needs_hands: ["needs hands", "bad"],
  silent: ["silent", "quiet"],
  never_scanned: ["never scanned", "quiet"],
  unserviced: ["out of support", "quiet"],
  pending: ["to be approved", "quiet"],
  held: ["held", "quiet"],
  left: ["left", "quiet"],
  retired: ["retired", "quiet"],
};

const ATTENTION = ["failing", "needs_hands", "repairing", "waiting"];

const at = (id) => document.getElementById(id);
let token = sessionStorage.getItem("token");
let chosenCode = "";
let lastGood = 0;
let timer = 0;

function element(name, text, className) {
  const e = document.createElement(name);
  if (text !== undefined) e.textContent = text;
  if (className) e.className = className;
  return e;
}

function ago(ms) {
  if (!ms) return "never";
  const s = Math.max(0, Math.round((Date.now() - ms) / 1000));
  if (s < 90) return `${s} s ago`;
  if (s < 5400) return `${Math.round(s / 60)} min ago`;
  if (s < 129600) return `${Math.round(s / 3600)} h ago`;
  return `${Math.round(s / 86400)} d ago`;
}

async function api(path, options = {}) {
  const answer = await fetch(path, {
    ...options,
    headers: { "Content-Type": "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) },
  });
  if (answer.status === 401 && token) {
    forget();
    throw new Error("logged out");
  }
  const body = answer.status === 204 ? {} : await answer.json();
  if (!answer.ok) throw new Error(body.detail || `the server answered ${answer.status}`);
  return body;
}

function forget() {
  token = null;
  sessionStorage.removeItem("token");
  show();
}

function tile(label, value, tone) {
  const li = element("li");
  li.append(element("b", value.toLocaleString("en"), tone), element("span", label));
  return li;
}

function showTiles(o) {
  const tiles = [tile("machines", o.machines.total), tile("connected now", o.machines.connected)];
  for (const [state, [word, tone]] of Object.entries(STATES))
    if (o.machines.by_state[state] || state === "failing" || state === "healthy")
      tiles.push(tile(word, o.machines.by_state[state], o.machines.by_state[state] ? tone : ""));
  tiles.push(tile("verified fixed, 24 h", o.fixed_24h, o.fixed_24h ? "good" : ""));
  at("tiles").replaceChildren(...tiles);
}

function codeRow(c) {
  const row = element("tr");
  const code = element("td");
  const button = element("button", c.code, "link code");
  button.type = "button";
  button.title = `Show the machines with ${c.code}`;
  button.addEventListener("click", () => {
    chosenCode = chosenCode === c.code ? "" : c.code;
    refresh();
  });
  code.append(button, element("div", c.symbol.split("|")[0], "symbol"));
  row.append(code, element("td", c.machines.toLocaleString("en"), "number"), element("td", c.text),
    element("td", c.cause.replaceAll("_", " ")), element("td", ago(c.last_seen)));
  return row;
}

function machineRow(m) {
  const [word, tone] = STATES[m.state] || [m.state, ""];
  const row = element("tr");
  const name = element("td", m.name);
  if (m.simulated) name.append(element("div", "simulated Windows", "symbol"));
  row.append(name, element("td", word, tone), element("td", m.last_error || "–", "code"), element("td", m.why),
    element("td", [m.os, m.build].filter(Boolean).join(" ")), element("td", ago(m.last_seen)));
  return row;
}

function emptyRow(columns, text) {
  const row = element("tr");
  const cell = element("td", text, "empty");
  cell.colSpan = columns;
  row.append(cell);
  return row;
}

function fill(id, rows, columns, none) {
  at(id).replaceChildren(...(rows.length ? rows : [emptyRow(columns, none)]));
}

async function machinesShown() {
  if (chosenCode) return api(`/api/v1/machines?limit=${SHOWN}&filter=${encodeURIComponent(`code=${chosenCode}`)}`);
  const pages = await Promise.all(
    ATTENTION.map((state) => api(`/api/v1/machines?limit=${SHOWN}&filter=${encodeURIComponent(`state=${state}`)}`)));
  return { items: pages.flatMap((p) => p.items).slice(0, SHOWN), total: pages.reduce((n, p) => n + p.total, 0) };
}

async function refresh() {
  clearTimeout(timer);
  if (!token) return;
  try {
    const overview = await api("/api/v1/overview");
    const machines = await machinesShown();
    lastGood = Date.now();
    showTiles(overview);
    fill("codes", overview.codes.map(codeRow), 5, overview.machines.total ? "No machine reports an open failure." : "No machine has enrolled yet.");
    fill("machines", machines.items.map(machineRow), 6, "None.");
    at("machines-title").textContent = chosenCode ? `Machines with ${chosenCode}` : "Machines that need attention";
    at("more").textContent = machines.total > machines.items.length ? `${machines.items.length} of ${machines.total} shown` : "";
    at("as-of").textContent = `Data as of ${new Date(overview.as_of).toLocaleTimeString("en-GB")}`;
    at("as-of").className = "";
    document.body.className = "";
  } catch (e) {
    if (Date.now() - lastGood > STALE_MS || !lastGood) {
      at("as-of").textContent = `No data since ${lastGood ? new Date(lastGood).toLocaleTimeString("en-GB") : "the page was opened"}: ${e.message}`;
      at("as-of").className = "stale";
      document.body.className = "stale";
    }
  }
  timer = setTimeout(refresh, REFRESH_MS);
}

function show() {
  at("login").hidden = Boolean(token);
  at("overview").hidden = !token;
  at("logout").hidden = !token;
  at("as-of").textContent = "";
  if (token) refresh();
  else at("user").focus();
}

at("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  at("login-error").textContent = "";
  try {
    const answer = await api("/api/v1/login", {
      method: "POST",
      body: JSON.stringify({ user: at("user").value, password: at("password").value }),
    });
    token = answer.token;
    sessionStorage.setItem("token", token);
    at("password").value = "";
    show();
  } catch (e) {
    at("login-error").textContent = e.message;
  }
});

at("logout").addEventListener("click", async () => {
  await api("/api/v1/logout", { method: "POST" }).catch(() => {});
  forget();
});

show();
