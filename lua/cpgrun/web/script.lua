-- The page's JavaScript. Names of groups, keys and locks may have any bytes: they are shown as text, never as HTML.
return [==[
"use strict";
const PERIOD = 1000, PATIENCE = 5000; // milliseconds
const SPAN = 60; // seconds in a chart
const histories = new Map(); // by host: samples of its counters, with its uptime
let last = "";

function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children.filter(each => each !== null && each !== undefined)); // strings become text nodes
  return made;
}

// ---- words ----

function count(number, noun) { return `${number} ${noun}${number === 1 ? "" : "s"}`; }

function size(bytes) {
  return bytes < 1e3 ? `${Math.round(bytes)} B` : bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB`
    : `${(bytes / 1e6).toFixed(1)} MB`;
}

function duration(seconds) {
  for (const [length, unit] of [[86400, "d"], [3600, "h"], [60, "min"]])
    if (seconds >= length) return `${Math.floor(seconds / length)} ${unit}`;
  return `${Math.floor(seconds)} s`;
}

function rate(number) { return number >= 100 ? String(Math.round(number)) : String(Math.round(10 * number) / 10); }

// dkjson writes an empty list as an object.
function list(value) { return Array.isArray(value) ? value : []; }

function address(member) { return member ? `${member.node}:${member.pid}` : "none"; }

function addresses(members) {
  const all = list(members);
  const shown = all.slice(0, 20).map(address).join(", ");
  return all.length > 20 ? `${shown} and ${all.length - 20} more` : shown || "none";
}

// ---- parts ----

function facts(rows) {
  return element("table", "facts", ...rows.filter(Boolean).map(([name, ...value]) =>
    element("tr", "", element("th", "", name), element("td", "", ...value))));
}

function table(head, rows) {
  return rows.length === 0 ? null : element("table", "list",
    element("tr", "", ...head.map(name => element("th", "", name))),
    ...rows.map(row => element("tr", "", ...row.map(cell => element("td", "", cell)))));
}

function badge(text, className) { return element("span", `badge ${className}`, text); }

function quorumOf(quorum) {
  if (!quorum || !quorum.known) return element("span", "warn", "unknown");
  if (quorum.quorate === undefined) return element("span", "warn", "no provider");
  return quorum.quorate ? element("span", "good", "yes") : element("span", "bad", "no");
}

function ringOf(view) {
  if (!view || !view.ring) return "none";
  const seq = Number(view.ring.seq).toString(16); // as corosync-quorumtool shows it
  return `${view.ring.node}.${seq}, nodes ${list(view.nodes).join(", ")}`;
}

// ---- rates ----

function note(host) {
  const key = `${host.pid}/${host.started}`;
  const history = histories.get(key) || [];
  histories.set(key, history);
  if (history.length === 0 || history[history.length - 1].time < host.uptime) {
    history.push({ time: host.uptime, sent: host.group.sent, received: host.group.received });
    while (history[0].time < host.uptime - SPAN) history.shift();
  }
  return history;
}

// Pairs of a time and a rate.
function ratesOf(history, field) {
  return history.slice(1).map((sample, i) =>
    [sample.time, Math.max(0, (sample[field] - history[i][field]) / (sample.time - history[i].time))]);
}

function chart(lines, now) {
  const NS = "http://www.w3.org/2000/svg", top = Math.max(...lines.flatMap(line => line.rates.map(each => each[1])));
  if (!(top > 0)) return null;
  const svg = document.createElementNS(NS, "svg");
  svg.setAttribute("viewBox", `0 0 ${SPAN} 1`);
  svg.setAttribute("preserveAspectRatio", "none");
  for (const { rates, className } of lines) {
    const polyline = document.createElementNS(NS, "polyline");
    polyline.setAttribute("class", className);
    polyline.setAttribute("points", rates.map(([time, value]) =>
      `${SPAN - now + time},${0.97 - 0.94 * value / top}`).join(" "));
    svg.append(polyline);
  }
  return element("div", "", svg, element("div", "caption dim", `the last minute, up to ${rate(top)}/s`));
}

// ---- hosts ----

function groupOf(host, history) {
  const group = host.group, received = ratesOf(history, "received"), sent = ratesOf(history, "sent");
  const now = rates => rates.length ? rate(rates[rates.length - 1][1]) : "…";
  return [
    facts([
      ["group", group.name],
      ["address", address(group.address)],
      ["members", `${list(group.members).length}: ${addresses(group.members)}`],
      ["ring", ringOf(group.view)],
      ["quorum", quorumOf(host.quorum)],
      ["messages", element("span", "first", `${now(received)} received/s`), ", ",
        element("span", "second", `${now(sent)} sent/s`), element("span", "dim",
          ` (${size(group.received_bytes)}, ${size(group.sent_bytes)} in all)`)],
      ["waiting", element("span", group.lag >= 1 ? "bad" : "",
        `${count(group.waiting, "event")}, ${size(group.waiting_bytes)}, for ${group.lag.toFixed(1)} s`)],
      ["events", `${count(group.config_changes, "configuration change")}, ${count(group.reconnects, "reconnect")}`],
      ["errors", element("span", host.handler_errors > 0 ? "bad" : "", `${host.handler_errors} in handlers`)],
      ["memory", `${size(host.memory.rss)}, of which Lua ${size(host.memory.lua)}`],
    ]),
    chart([{ rates: received, className: "first" }, { rates: sent, className: "second" }], host.uptime),
  ];
}

function holder(lock) {
  if (lock.held) return element("span", "good", `${lock.holder} (here)`);
  return (lock.holder || "nobody") + (lock.wanted ? " (waiting here)" : "");
}

function lockRows(locks) {
  return list(locks).map(lock => [lock.name, holder(lock), lock.token === undefined ? "" : String(lock.token),
    String(lock.waiting)]);
}

function replicaOf(replica) {
  const serves = replica.serving;
  const every = task => typeof task.every === "number" ? `${task.every} s` : `day at ${task.every}`;
  return [
    element("h3", "", `replica ${replica.name} `, element("span", serves ? "good" : "bad", replica.state)),
    facts([
      replica.why ? ["why", replica.why] : null,
      ["command", replica.index === undefined ? "none" : String(replica.index)],
      ["confirmed by", addresses(replica.full)],
      list(replica.learners).length > 0 ? ["learning", addresses(replica.learners)] : null,
      ["waiting", count(replica.waiting, "command")],
    ]),
    table(["leader of", "holder", "token", "waiting"], lockRows(replica.elections)),
    table(["lock", "holder", "token", "waiting"], lockRows(replica.locks)),
    table(["map", "keys"], list(replica.maps).map(map => [map.name, String(map.keys)])),
    table(["task", "every", "last tick"], list(replica.tasks).map(task =>
      [task.name, every(task), task.last === undefined ? "none" : String(task.last)])),
  ];
}

function hostOf(host) {
  if (host.error)
    return element("section", "", element("div", "title", element("h2", "", host.name),
      element("span", "dim", `pid ${host.pid}`), badge("no reply", "bad")), element("p", "bad", host.error));
  return element("section", "",
    element("div", "title", element("h2", "", host.name),
      element("span", "dim", `pid ${host.pid}, up ${duration(host.uptime)}`),
      badge(host.ready ? "ready" : host.group.state === "joined" ? "not ready" : host.group.state,
        host.ready ? "good" : "bad")),
    ...groupOf(host, note(host)), ...list(host.replicas).flatMap(replicaOf));
}

// ---- the page ----

function show(status) {
  const hosts = list(status.hosts).filter(Boolean), unready = hosts.filter(host => !host.ready).length;
  document.getElementById("summary").replaceChildren(`${status.node}: ${count(hosts.length, "script")} `,
    unready > 0 ? element("span", "bad", `${unready} not ready`) : "");
  document.getElementById("hosts").replaceChildren(...hosts.map(hostOf),
    hosts.length === 0 ? element("p", "dim", "No script is running here.") : "");
}

function tell(text, className) {
  const when = document.getElementById("when");
  when.textContent = text;
  when.className = className;
}

async function update() {
  try {
    const response = await fetch("status.json", { signal: AbortSignal.timeout(PATIENCE) });
    const text = await response.text();
    const status = response.ok ? JSON.parse(text) : null;
    if (status && text !== last) {
      last = text;
      show(status);
      tell(`updated ${new Date(1000 * status.time).toLocaleTimeString()}`, "dim");
    } else if (!response.ok) {
      tell(text, "bad");
    }
  } catch (problem) {
    tell("cpgrun status --web does not reply", "bad");
  }
  setTimeout(update, PERIOD);
}
update();
]==]
