-- The second part of the page's JavaScript: draws the visible part of the run on the canvas. At a small scale it draws
-- the rate of messages, at a large one each message.
return [==[

// ---- drawing ----

function fitted(text, space) {
  if (pen.measureText(text).width <= space) return text;
  while (text && pen.measureText(text + "…").width > space) text = text.slice(0, -1);
  return text && text + "…";
}

function drawBand(band) {
  const y = yOf(band.lane);
  if (y === null) return;
  const from = Math.max(xOf(band.from), LEFT), to = Math.min(Math.max(xOf(band.to), xOf(band.from) + 2), width);
  if (to < LEFT || from > width) return;
  const size = to - from, text = size - 10;
  pen.font = "11px system-ui, 'DejaVu Sans', sans-serif";
  if (band.kind === "config") {
    const tint = tintOf(band);
    pen.fillStyle = `hsl(${tint}, 62%, 90%)`;
    pen.fillRect(from, y - 11, size, 22);
    pen.fillStyle = `hsl(${tint}, 45%, 55%)`;
    if (xOf(band.from) >= LEFT) pen.fillRect(from, y - 11, 1.5, 22);
    if (text > 12) {
      pen.fillStyle = `hsl(${tint}, 55%, 26%)`;
      pen.fillText(fitted(`${nodesOf(band.members)}  ·  ring ${band.ring || "?"}`, text), from + 6, y + 24);
    }
  } else if (band.kind === "no quorum") {
    pen.fillStyle = "#c62828";
    pen.fillRect(from, y - 15, size, 3.5);
    if (text > 12) pen.fillText(fitted("no quorum", text), from + 6, y - 28);
  } else {
    const row = rows[band.lane].locks.indexOf(band.name);
    const top = y + 30 + Math.min(row, 1) * 14;
    pen.fillStyle = "#f3c14b";
    pen.fillRect(from, top, size, 12);
    pen.fillStyle = "#5c4300";
    if (text > 8) pen.fillText(fitted(`${band.name}  #${band.token}`, text), from + 5, top + 9.5);
  }
}

function drawLanes() {
  lanes.forEach((lane, number) => {
    const y = yOf(number);
    if (y === null) return;
    pen.strokeStyle = "#9aa7b2";
    pen.lineWidth = 1;
    for (const life of lane.lives) {
      pen.beginPath();
      pen.moveTo(Math.max(xOf(life.first), LEFT), y);
      pen.lineTo(Math.max(Math.min(xOf(life.last), width), LEFT), y);
      pen.stroke();
    }
  });
}

function drawNames() {
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, LEFT - 6, height - OVERVIEW);
  lanes.forEach((lane, number) => {
    const row = rows[number], y = yOf(number);
    if (!row) return;
    if (number === 0 || !rows[number - 1] || lanes[number - 1].group !== lane.group) {
      pen.fillStyle = "#eef2f5";
      pen.fillRect(0, row.top - HEAD - view.top, width, HEAD - 6);
      pen.fillStyle = "#3e4c59";
      pen.font = "bold 12px system-ui, 'DejaVu Sans', sans-serif";
      pen.fillText("group " + texts[lane.group], 10, row.top - 11 - view.top);
    }
    const life = lane.lives.filter((each) => xOf(each.first) < width).pop() || lane.lives[0];
    pen.fillStyle = colorOf(lane.node);
    pen.font = "bold 13px system-ui, 'DejaVu Sans', sans-serif";
    pen.fillText("node " + lane.node, 10, y + 1);
    pen.fillStyle = "#61707d";
    pen.font = "11px system-ui, 'DejaVu Sans', sans-serif";
    pen.fillText(life.address, 10, y + 15);
  });
}

function arrow(fromX, fromY, toX, toY) {
  pen.beginPath();
  pen.moveTo(fromX, fromY);
  pen.lineTo(toX, toY);
  pen.stroke();
  if (view.near < 500) {
    const angle = Math.atan2(toY - fromY, toX - fromX);
    pen.beginPath();
    pen.moveTo(toX, toY);
    pen.lineTo(toX - 7 * Math.cos(angle - 0.35), toY - 7 * Math.sin(angle - 0.35));
    pen.lineTo(toX - 7 * Math.cos(angle + 0.35), toY - 7 * Math.sin(angle + 0.35));
    pen.fill();
  }
}

// On the side of the band that faces the other lane.
const edge = (y, other) => other > y ? y + 11 : other < y ? y - 11 : y;

function drawMessage(m, strength) {
  const send = sendOf[m], color = colorOf(nodeOf(m));
  pen.globalAlpha = strength;
  pen.strokeStyle = pen.fillStyle = color;
  for (const i of deliveriesOf[m]) {
    const y = yOf(events.lane[i]);
    if (y === null) continue;
    if (send !== none && yOf(events.lane[send]) !== null) {
      const from = yOf(events.lane[send]);
      arrow(xOf(send), edge(from, y), xOf(i), edge(y, from));
    }
    pen.beginPath();
    pen.arc(xOf(i), y, 2.6, 0, 7);
    pen.fill();
  }
  if (send !== none && yOf(events.lane[send]) !== null) {
    const y = yOf(events.lane[send]);
    pen.beginPath();
    pen.arc(xOf(send), y, 4.4, 0, 7);
    pen.fill();
    pen.fillStyle = "#fff";
    pen.beginPath();
    pen.arc(xOf(send), y, messages.refused[m] && texts[messages.refused[m]] ? 3 : 1.7, 0, 7);
    pen.fill();
    drawText(m, send, y, color);
  }
  pen.globalAlpha = 1;
}

function drawText(m, send, y, color) {
  const text = texts[messages.text[m]], space = spaceAfter(send);
  if (space < 34 || !text) return;
  pen.font = "11px 'DejaVu Sans Mono', monospace";
  pen.fillStyle = color;
  pen.fillText(fitted(text, Math.min(space - 4, 260)), xOf(send) - 3, y - 16);
}

// To the next send on the lane: there is room for the text of this one.
function spaceAfter(send) {
  for (let i = send + 1; i < count && xOf(i) - xOf(send) < 260; i++) {
    if (events.kind[i] === SEND && events.lane[i] === events.lane[send]) return xOf(i) - xOf(send);
  }
  return 260;
}

function drawNotice(i) {
  const y = yOf(events.lane[i]), kind = events.kind[i];
  if (y === null || kind < LOST) return;
  pen.fillStyle = kind === LOST || kind === ERROR ? "#c62828" : "#5c4300";
  pen.beginPath();
  pen.moveTo(xOf(i), y - 5);
  pen.lineTo(xOf(i) + 5, y);
  pen.lineTo(xOf(i), y + 5);
  pen.lineTo(xOf(i) - 5, y);
  pen.fill();
}

function drawNear(first, last) {
  const seen = new Set();
  for (let k = Math.max(first - 300, 0); k < Math.min(last + 300, count); k++) {
    const i = sorted(k);
    if (isMessage(i)) seen.add(events.ref[i]);
  }
  pen.lineWidth = 1.1;
  const plain = view.near < 700 ? 0.75 : 0.4;
  for (const m of seen) drawMessage(m, matched ? (matched[m] ? 1 : 0.08) : plain);
  for (let k = first; k < last; k++) if (!isMessage(sorted(k))) drawNotice(sorted(k));
}

// The rate of messages: bars above the band for deliveries, with the sends in front.
function drawFar(first, last) {
  const bin = 3, bins = Math.ceil((width - LEFT) / bin) + 1;
  const sends = lanes.map(() => new Uint32Array(bins)), all = lanes.map(() => new Uint32Array(bins));
  const hits = lanes.map(() => new Uint8Array(bins));
  let most = 1;
  for (let k = first; k < last; k++) {
    const i = sorted(k), b = Math.floor((xOf(i) - LEFT) / bin), lane = events.lane[i];
    if (b < 0 || b >= bins) continue;
    if (!isMessage(i)) { drawNotice(i); continue; }
    most = Math.max(most, ++all[lane][b]);
    if (events.kind[i] === SEND) sends[lane][b]++;
    if (matched && matched[events.ref[i]]) hits[lane][b] = 1;
  }
  lanes.forEach((lane, number) => {
    const y = yOf(number);
    if (y === null) return;
    const tall = rows[number].height / 2 - 20;
    const bars = (counts, color) => {
      pen.fillStyle = color;
      for (let b = 0; b < bins; b++) {
        const size = counts[b] ? Math.max(tall * counts[b] / most, 1) : 0;
        if (size) pen.fillRect(LEFT + b * bin, y - 12 - size, bin - 0.5, size);
      }
    };
    pen.globalAlpha = matched ? 0.3 : 1;
    bars(all[number], "#b9c6d2");
    bars(sends[number], colorOf(lane.node));
    pen.globalAlpha = 1;
    pen.fillStyle = "#d6006c";
    for (let b = 0; b < bins; b++) if (hits[number][b]) pen.fillRect(LEFT + b * bin, y - 11, 2, 22);
  });
}

function clock(milliseconds) {
  const moment = new Date(data.began * 1000 + milliseconds);
  return moment.toLocaleTimeString("en-GB") + "." + String(moment.getMilliseconds()).padStart(3, "0");
}

const seconds = (milliseconds) => (milliseconds / 1000).toFixed(3) + " s";

function drawAxis() {
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, width, TOP - 4);
  pen.font = "11px system-ui, 'DejaVu Sans', sans-serif";
  for (let x = LEFT; x < width - 60; x += 110) {
    const position = view.from + (x - LEFT) / view.scale;
    const k = placeOf(position);
    const time = view.time ? position : k < count ? events.time[sorted(k)] : null;
    if (time === null || position < low()) continue;
    pen.fillStyle = "#7b8794";
    pen.fillText("+" + seconds(time), x + 4, 14);
    pen.fillStyle = "#e4e9ed";
    pen.fillRect(x, 4, 1, height - OVERVIEW - 4);
  }
}

// The whole trace, with the visible part marked.
const overview = { drawn: null };
function drawOverview() {
  const top = height - OVERVIEW, span = Math.max(high() - low(), 1), size = width - LEFT - 20;
  pen.fillStyle = "#f7f9fb";
  pen.fillRect(0, top, width, OVERVIEW);
  pen.fillStyle = "#61707d";
  pen.font = "11px system-ui, 'DejaVu Sans', sans-serif";
  pen.fillText("overview", 10, top + 28);
  const bins = Math.max(1, Math.floor(size / 2));
  if (!overview.drawn || overview.drawn.length !== bins || overview.time !== view.time) {
    overview.drawn = new Uint32Array(bins);
    overview.changes = new Uint8Array(bins);
    overview.time = view.time;
    for (let i = 0; i < count; i++) {
      const b = Math.min(bins - 1, Math.floor((at(i) - low()) / span * bins));
      overview.drawn[b]++;
      if (events.kind[i] === CONFIG || events.kind[i] === RING) overview.changes[b] = 1;
    }
  }
  const most = overview.drawn.reduce((a, b) => Math.max(a, b), 1);
  for (let b = 0; b < bins; b++) {
    const tall = overview.drawn[b] ? Math.max(2, 30 * Math.sqrt(overview.drawn[b] / most)) : 0;
    pen.fillStyle = overview.changes[b] ? "#d1622b" : "#9fb3c5";
    pen.fillRect(LEFT + b * 2, top + 40 - tall, 1.6, tall);
  }
  const from = LEFT + Math.max(0, (view.from - low()) / span) * size;
  const to = LEFT + Math.min(1, (view.from + (width - LEFT) / view.scale - low()) / span) * size;
  pen.fillStyle = "rgba(31, 78, 121, .12)";
  pen.fillRect(from, top + 4, Math.max(to - from, 3), OVERVIEW - 8);
  pen.strokeStyle = "#1f4e79";
  pen.lineWidth = 1;
  pen.strokeRect(from + 0.5, top + 4.5, Math.max(to - from, 3), OVERVIEW - 9);
}

function ringAround(i, color) {
  const y = i === none ? null : yOf(events.lane[i]);
  if (y === null) return;
  pen.strokeStyle = color;
  pen.lineWidth = 2;
  pen.beginPath();
  pen.arc(xOf(i), y, 8, 0, 7);
  pen.stroke();
}

function draw() {
  pen.clearRect(0, 0, width, height);
  drawAxis();
  pen.save();
  pen.beginPath();
  pen.rect(LEFT - 6, TOP - 4, width, height - TOP - OVERVIEW + 4);
  pen.clip();
  drawLanes();
  bands.forEach(drawBand);
  const first = placeOf(view.from), last = placeOf(view.from + (width - LEFT) / view.scale);
  view.near = last - first;
  if (view.near <= NEAR) drawNear(first, last); else drawFar(first, last);
  for (const mark of marks) ringAround(mark.event === undefined ? none : mark.event, "#c62828");
  if (view.chosen !== none && isMessage(view.chosen)) {
    pen.lineWidth = 2.4;
    drawMessage(events.ref[view.chosen], 1);
  }
  ringAround(view.chosen, "#1f2933");
  ringAround(view.match, "#d6006c");
  pen.restore();
  drawNames();
  drawOverview();
  remember();
}
]==]
