-- The first part of the page's JavaScript: connects the data, and computes where on the canvas each thing is.
return [==[
"use strict";
const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const { events, messages, lanes, bands, marks, texts } = data;
const SEND = 0, MESSAGE = 1, CONFIG = 2, RING = 3, LOST = 4, ERROR = 10;
const count = events.time.length;

// ---- the data, connected ----

const none = -1;
const sendOf = new Int32Array(messages.sender.length).fill(none);
const deliveriesOf = messages.sender.map(() => []);
for (let i = 0; i < count; i++) {
  if (events.kind[i] === SEND) sendOf[events.ref[i]] = i;
  if (events.kind[i] === MESSAGE) deliveriesOf[events.ref[i]].push(i);
}
const isMessage = (i) => events.kind[i] <= MESSAGE;
const lifeOf = (i) => lanes[events.lane[i]].lives.find((life) => life.first <= i && i <= life.last);
const nodeOf = (m) => parseInt(texts[messages.sender[m]], 10);
const sizeOf = (m) => parseInt(texts[messages.digest[m]], 10);
// Clocks may differ, so the order need not be that of the times.
const byTime = Array.from({ length: count }, (_, i) => i).sort((a, b) => events.time[a] - events.time[b] || a - b);
const bandsOf = lanes.map(() => []);
for (const band of bands) bandsOf[band.lane].push(band);

const COLORS = ["#1f77b4", "#d1622b", "#2a9d5c", "#8e5bb5", "#b8860b", "#c2417c", "#178f9c", "#6b6b6b"];
const colorOf = (node) => COLORS[(node - 1) % COLORS.length];
const tints = new Map(); // by members and ring
function tintOf(band) {
  const key = band.members + "@" + band.ring;
  if (!tints.has(key)) tints.set(key, (205 + tints.size * 137.5) % 360);
  return tints.get(key);
}
const nodesOf = (members) => members.split(",").map((each) => each.split(":")[0]).join(" ");

// ---- the view ----

const canvas = $("picture"), pen = canvas.getContext("2d"), tip = $("tip");
const LEFT = 86, TOP = 26, OVERVIEW = 46, HEAD = 24, NEAR = 3000;
const view = { time: false, from: 0, scale: 1, top: 0, group: "", search: "", match: none, chosen: none };
let width = 0, height = 0, rows = [], matched = null, matches = [];

const at = (i) => view.time ? events.time[i] : events.column[i];
const sorted = (k) => view.time ? byTime[k] : k;
const low = () => count ? at(sorted(0)) : 0;
const high = () => count ? at(sorted(count - 1)) : 1;
const xOf = (i) => LEFT + (at(i) - view.from) * view.scale;

// The first place in the order whose position is not below.
function placeOf(position) {
  let from = 0, to = count;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (at(sorted(middle)) < position) from = middle + 1; else to = middle;
  }
  return from;
}

function show(from, to) {
  const span = Math.max(to - from, view.time ? 0.5 : 4);
  view.scale = (width - LEFT - 20) / span;
  view.from = from;
  keep();
}

function showAll() {
  const span = Math.max(high() - low(), 1);
  show(low() - span * 0.01, high() + span * 0.01);
}

function zoom(factor, x) {
  const position = view.from + (x - LEFT) / view.scale;
  const least = (width - LEFT - 20) / (Math.max(high() - low(), 4) * 1.1);
  view.scale = Math.min(Math.max(view.scale * factor, least), view.time ? 2000 : 160);
  view.from = position - (x - LEFT) / view.scale;
  keep();
}

function keep() {
  const seen = (width - LEFT) / view.scale;
  view.from = Math.max(Math.min(view.from, high() - seen * 0.3), low() - seen * 0.3);
  redraw();
}

function layOut() {
  rows = [];
  let y = TOP, group = null;
  const shown = lanes.filter((lane) => view.group === "" || texts[lane.group] === view.group);
  const groups = new Set(shown.map((lane) => lane.group)).size;
  const room = (height - TOP - OVERVIEW - groups * HEAD) / Math.max(shown.length, 1);
  const each = Math.max(74, Math.min(room, 170));
  lanes.forEach((lane, number) => {
    rows[number] = null;
    if (!shown.includes(lane)) return;
    if (lane.group !== group) { group = lane.group; y += HEAD; }
    const names = [...new Set(bandsOf[number].filter((band) => band.kind === "lock").map((band) => band.name))];
    rows[number] = { y: y + each / 2 - 4, top: y, height: each, first: lane.group, locks: names };
    y += each;
  });
  view.bottom = y;
  view.top = Math.max(0, Math.min(view.top, y - (height - OVERVIEW)));
}

const yOf = (lane) => rows[lane] ? rows[lane].y - view.top : null;

let pending = false;
function redraw() {
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => { pending = false; draw(); });
}
]==]
