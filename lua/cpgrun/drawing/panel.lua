-- The last part of the page's JavaScript: the panel with details and search, the keys and the mouse, and the view in
-- the page's address.
return [==[

// ---- details ----

function element(parent, name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  parent.appendChild(made);
  return made;
}

function link(parent, text, i) {
  element(parent, "a", text).onclick = () => { choose(i); reveal(i); };
}

const addressAt = (i) => (lifeOf(i) || { address: "?" }).address;

function describeMessage(panel, m) {
  const send = sendOf[m], refused = texts[messages.refused[m]];
  element(panel, "h2", `Message of ${texts[messages.sender[m]]}, ${sizeOf(m)} bytes`);
  if (texts[messages.text[m]]) element(panel, "pre", texts[messages.text[m]]);
  const table = element(panel, "table");
  const row = (what, i) => {
    const line = element(table, "tr");
    link(element(line, "td"), what, i);
    element(line, "td", "+" + seconds(events.time[i]), "number");
    const delay = send === none || i === send ? "" : (events.time[i] - events.time[send]) + " ms";
    element(line, "td", delay, "number");
  };
  if (send !== none) row("sent" + (refused ? `, but failed: ${refused}` : ""), send);
  for (const i of deliveriesOf[m]) row("delivered to " + addressAt(i), i);
  if (send === none) element(panel, "p", "No trace has its send.", "hint");
  if (!deliveriesOf[m].length) element(panel, "p", "No trace has a delivery of it.", "hint");
  element(panel, "p", `digest ${texts[messages.digest[m]]}`, "hint");
}

function describe() {
  const panel = $("details"), i = view.chosen;
  panel.textContent = "";
  if (i !== none && isMessage(i)) describeMessage(panel, events.ref[i]);
  else if (i !== none) {
    element(panel, "h2", `${addressAt(i)} at ${clock(events.time[i])}`);
    element(panel, "pre", texts[events.ref[i]]);
  }
  if (i === none && marks.length) {
    element(panel, "h2", "Violated rules");
    for (const mark of marks) {
      const place = element(panel, "p", undefined, "mark");
      if (mark.event === undefined) place.textContent = mark.text; else link(place, mark.text, mark.event);
    }
  }
  if (i === none) {
    element(panel, "h2", "How to read this page");
    for (const line of ["Each line is a node. A ring is a send, a dot is a delivery, and an arrow leads from one "
        + "to the other.",
      "The colored band is a configuration: its nodes and ring are written below it. Nodes with the same "
        + "color are in the same one.",
      "Red above the band: no quorum. Yellow below: a lock and its token.",
      "A diamond is another event: brown for quorum, locks and replicas, red for a lost connection or an error.",
      "Wheel: zoom. Drag: move. Shift+wheel: scroll up and down. Click: details. Keys: ← → + − 0, Esc.",
      "Zoomed out, bars show the number of messages: sends in color, deliveries in gray."])
      element(panel, "p", line, "hint");
  }
}

function choose(i) {
  view.chosen = i;
  describe();
  redraw();
}

function reveal(i) {
  const x = xOf(i);
  if (events.lane[i] !== undefined && !rows[events.lane[i]]) { $("group").value = view.group = ""; layOut(); }
  if (view.near > NEAR) {
    view.scale = (width - LEFT) / (view.time ? 200 : 60);
    view.from = at(i) - (width - LEFT) / view.scale / 2;
  } else if (x < LEFT + 20 || x > width - 40) view.from = at(i) - (width - LEFT) / view.scale / 2;
  const row = rows[events.lane[i]];
  if (row.top < view.top || row.top + row.height > view.top + height - OVERVIEW) view.top = row.top - TOP - HEAD;
  layOut();
  keep();
}

function eventNear(x, y) {
  let best = none, distance = 12;
  if (view.near > NEAR) return best;
  const last = placeOf(view.from + (x + 13 - LEFT) / view.scale);
  for (let k = placeOf(view.from + (x - 13 - LEFT) / view.scale); k < last; k++) {
    const i = sorted(k), place = yOf(events.lane[i]);
    if (place === null) continue;
    const away = Math.hypot(xOf(i) - x, (place - y) / 1.4);
    if (away < distance) { best = i; distance = away; }
  }
  return best;
}

function bandAt(x, y) {
  return bands.find((band) => {
    const middle = yOf(band.lane);
    if (middle === null || x < xOf(band.from) || x > xOf(band.to)) return false;
    const row = band.kind === "lock" ? 36 + 14 * Math.min(rows[band.lane].locks.indexOf(band.name), 1) : 0;
    return band.kind === "config" ? Math.abs(y - middle) < 28
      : band.kind === "lock" ? Math.abs(y - middle - row) < 7 : Math.abs(y - middle + 14) < 4;
  });
}

function tipFor(x, y) {
  const i = eventNear(x, y);
  if (i !== none && isMessage(i)) {
    const m = events.ref[i], refused = texts[messages.refused[m]];
    return `${events.kind[i] === SEND ? "sent by" : `delivered to ${addressAt(i)}, from`} `
      + `${texts[messages.sender[m]]}${refused ? ` (failed: ${refused})` : ""}, ${clock(events.time[i])}\n`
      + texts[messages.text[m]];
  } else if (i !== none) return `${addressAt(i)}, ${clock(events.time[i])}\n${texts[events.ref[i]]}`;
  const band = bandAt(x, y);
  if (!band) return null;
  const times = `${clock(events.time[band.from])} to ${clock(events.time[band.to])}`;
  return band.kind === "config" ? `members ${band.members}\nring ${band.ring || "unknown"}\n${times}`
    : band.kind === "lock" ? `holds ${band.name}, token ${band.token}\n${times}` : `no quorum\n${times}`;
}

// ---- search ----

function search(text) {
  view.search = text;
  view.match = none;
  matched = null;
  matches = [];
  if (text) {
    const wanted = text.toLowerCase();
    matched = new Uint8Array(messages.sender.length);
    const found = texts.map((each) => each.toLowerCase().includes(wanted));
    const exact = /^\d+:\d+$/.test(text) ? texts.indexOf(text) : none;
    for (let m = 0; m < matched.length; m++) {
      matched[m] = exact !== none ? messages.sender[m] === exact : found[messages.text[m]];
    }
    for (let i = 0; i < count; i++) {
      const is = isMessage(i) ? matched[events.ref[i]] && (events.kind[i] === SEND || sendOf[events.ref[i]] === none
        && deliveriesOf[events.ref[i]][0] === i) : exact === none && found[events.ref[i]];
      if (is) matches.push(i);
    }
  }
  tellFound();
  redraw();
}

function tellFound() {
  const position = matches.indexOf(view.match);
  $("found").textContent = !view.search ? "" : !matches.length ? "not found"
    : `${position < 0 ? "" : position + 1 + " of "}${matches.length}`;
}

function next(step) {
  if (!matches.length) return;
  const position = matches.indexOf(view.match);
  const start = matches.findIndex((i) => at(i) >= view.from);
  view.match = matches[position < 0 ? Math.max(start, 0) : (position + step + matches.length) % matches.length];
  tellFound();
  choose(view.match);
  reveal(view.match);
}

// ---- the view in the address, to pass it on ----

function remember() {
  clearTimeout(remember.timer);
  remember.timer = setTimeout(() => {
    const to = view.from + (width - LEFT - 20) / view.scale;
    const parts = [`from=${view.from.toFixed(1)}`, `to=${to.toFixed(1)}`];
    if (view.time) parts.push("by=time");
    if (view.group) parts.push("group=" + encodeURIComponent(view.group));
    if (view.search) parts.push("search=" + encodeURIComponent(view.search));
    if (view.chosen !== none) parts.push("event=" + view.chosen);
    history.replaceState(null, "", "#" + parts.join("&"));
  }, 300);
}

function recall() {
  const given = new URLSearchParams(location.hash.slice(1));
  setAxis(given.get("by") === "time");
  view.group = $("group").value = given.get("group") || "";
  layOut();
  if (given.has("from")) show(Number(given.get("from")), Number(given.get("to"))); else showAll();
  if (given.get("search")) { $("search").value = given.get("search"); search(given.get("search")); }
  const event = Number(given.get("event"));
  if (given.has("event") && event < count) view.chosen = event;
  describe();
}

// ---- controls ----

function setAxis(isTime) {
  view.time = isTime;
  $("by_time").className = isTime ? "on" : "";
  $("by_order").className = isTime ? "" : "on";
}

// The same events stay in view.
function switchAxis(isTime) {
  if (view.time === isTime) return;
  const first = sorted(Math.min(placeOf(view.from), count - 1));
  const last = sorted(Math.min(placeOf(view.from + (width - LEFT) / view.scale), count - 1));
  setAxis(isTime);
  show(at(first), Math.max(at(last), at(first)));
}

function resize() {
  const box = $("stage").getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
  const seen = width ? (width - LEFT - 20) / view.scale : null;
  width = box.width;
  height = box.height;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  layOut();
  if (seen) show(view.from, view.from + seen);
}

let drag = null;
function jumpTo(x) {
  const position = low() + (x - LEFT) / (width - LEFT - 20) * (high() - low());
  view.from = position - (width - LEFT) / view.scale / 2;
  keep();
}

canvas.onpointerdown = (event) => {
  canvas.setPointerCapture(event.pointerId);
  drag = { x: event.offsetX, y: event.offsetY, from: view.from, top: view.top, moved: false,
    isOverview: event.offsetY > height - OVERVIEW };
  if (drag.isOverview) jumpTo(event.offsetX);
};
canvas.onpointermove = (event) => {
  if (drag && drag.isOverview) return jumpTo(event.offsetX);
  if (drag) {
    drag.moved = drag.moved || Math.abs(event.offsetX - drag.x) + Math.abs(event.offsetY - drag.y) > 3;
    view.from = drag.from - (event.offsetX - drag.x) / view.scale;
    view.top = drag.top - (event.offsetY - drag.y);
    layOut();
    tip.style.display = "none";
    return keep();
  }
  const text = event.offsetX > LEFT - 6 && event.offsetY < height - OVERVIEW && tipFor(event.offsetX, event.offsetY);
  tip.style.display = text ? "block" : "none";
  if (text) {
    tip.textContent = text;
    tip.style.left = Math.min(event.offsetX + 14, width - 260) + "px";
    tip.style.top = Math.min(event.offsetY + 16, height - 70) + "px";
  }
};
canvas.onpointerup = (event) => {
  if (drag && !drag.moved && !drag.isOverview) choose(eventNear(event.offsetX, event.offsetY));
  drag = null;
};
canvas.onpointerleave = () => { tip.style.display = "none"; };
canvas.onwheel = (event) => {
  event.preventDefault();
  if (event.shiftKey) { view.top += event.deltaY || event.deltaX; layOut(); return redraw(); }
  if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) { view.from += event.deltaX / view.scale; return keep(); }
  zoom(Math.exp(-event.deltaY * 0.002), event.offsetX);
};
document.onkeydown = (event) => {
  if (event.target.tagName === "INPUT" || event.target.tagName === "SELECT") return;
  const middle = LEFT + (width - LEFT) / 2, step = (width - LEFT) / view.scale / 5;
  const keys = {
    "+": () => zoom(1.5, middle), "=": () => zoom(1.5, middle), "-": () => zoom(1 / 1.5, middle), "0": showAll,
    ArrowLeft: () => { view.from -= step; keep(); }, ArrowRight: () => { view.from += step; keep(); },
    Escape: () => choose(none), n: () => next(1), p: () => next(-1),
  };
  if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
};
$("search").oninput = (event) => search(event.target.value);
$("search").onkeydown = (event) => { if (event.key === "Enter") next(event.shiftKey ? -1 : 1); };
$("group").onchange = (event) => { view.group = event.target.value; layOut(); redraw(); };
$("by_order").onclick = () => switchAxis(false);
$("by_time").onclick = () => switchAxis(true);
$("in").onclick = () => zoom(1.8, LEFT + (width - LEFT) / 2);
$("out").onclick = () => zoom(1 / 1.8, LEFT + (width - LEFT) / 2);
$("all").onclick = showAll;
window.onresize = resize;

const names = [...new Set(lanes.map((lane) => texts[lane.group]))];
element($("group"), "option", "all groups").value = "";
for (const name of names) element($("group"), "option", name).value = name;
$("group").hidden = names.length < 2;
$("summary").textContent = `${new Date(data.began * 1000).toLocaleString("en-GB")} · ${messages.sender.length} messages`
  + ` · ${count} events · ${seconds(byTime.length ? events.time[byTime[count - 1]] : 0)}`;
resize();
recall();
]==]
