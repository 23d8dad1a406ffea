-- The HTML around the data. It loads nothing, so that the page works as one file without a network.
local panel = require "cpgrun.drawing.panel"
local picture = require "cpgrun.drawing.picture"
local view = require "cpgrun.drawing.view"

local page = {}

page.before = [==[
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline';
 script-src 'unsafe-inline'">
<title>cpgrun trace</title>
<style>
  * { box-sizing: border-box; }
  html, body { margin: 0; height: 100%; }
  body { display: flex; flex-direction: column; background: #fff; color: #1f2933;
    font: 13px/1.45 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
  header { display: flex; flex-wrap: wrap; gap: 6px 14px; align-items: center; padding: 7px 12px;
    border-bottom: 1px solid #d9e0e6; background: #f7f9fb; }
  header h1 { font-size: 14px; margin: 0; }
  header .summary { color: #61707d; }
  header .tools { display: flex; gap: 6px; align-items: center; margin-left: auto; }
  button, input, select { font: inherit; color: inherit; border: 1px solid #c3ccd4; border-radius: 5px;
    background: #fff; padding: 2px 8px; }
  button:hover { background: #eef3f7; }
  button.on { background: #1f4e79; border-color: #1f4e79; color: #fff; }
  .pair { display: flex; }
  .pair button { border-radius: 0; margin-left: -1px; }
  .pair button:first-child { border-radius: 5px 0 0 5px; }
  .pair button:last-child { border-radius: 0 5px 5px 0; }
  input[type=search] { width: 15em; }
  #found { min-width: 6.5em; color: #61707d; }
  main { flex: 1; display: flex; min-height: 0; }
  #stage { flex: 1; position: relative; min-width: 0; }
  canvas { position: absolute; inset: 0; width: 100%; height: 100%; cursor: crosshair; }
  aside { width: 300px; border-left: 1px solid #d9e0e6; padding: 10px 14px; overflow: auto; }
  aside h2 { font-size: 13px; margin: 0 0 6px; }
  aside pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f4f6f8; border-radius: 5px;
    padding: 6px 8px; margin: 6px 0; font: 12px/1.4 "DejaVu Sans Mono", monospace; max-height: 12em; overflow: auto; }
  aside table { border-collapse: collapse; width: 100%; }
  aside td { padding: 2px 8px 2px 0; vertical-align: top; }
  aside td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
  aside a { color: #1f5c99; cursor: pointer; }
  aside .hint { color: #61707d; }
  aside .mark { border-left: 3px solid #c62828; padding-left: 8px; margin: 0 0 8px; overflow-wrap: anywhere; }
  #tip { position: absolute; pointer-events: none; display: none; max-width: 420px; background: #1f2933; color: #fff;
    border-radius: 5px; padding: 5px 9px; font-size: 12px; white-space: pre-wrap; overflow-wrap: anywhere; z-index: 2;
    box-shadow: 0 2px 8px rgba(0, 0, 0, .25); }
</style>
</head>
<body>
<header>
  <h1>cpgrun trace</h1><span class="summary" id="summary"></span>
  <span class="tools">
    <select id="group" title="Group to show"></select>
    <input type="search" id="search" placeholder="text or member (2:731)"
      title="Enter: next match, Shift+Enter: previous match">
    <span id="found"></span>
    <span class="pair"><button id="by_order" title="Each step has its own column">order</button><button id="by_time"
      title="To scale, by the nodes' own clocks">time</button></span>
    <span class="pair"><button id="out" title="Zoom out (-)">−</button><button id="in" title="Zoom in (+)">+</button
      ><button id="all" title="Show everything (0)">all</button></span>
  </span>
</header>
<main>
  <div id="stage"><canvas id="picture"></canvas><div id="tip"></div></div>
  <aside id="details"></aside>
</main>
<script type="application/json" id="data">]==]

page.after = "</script>\n<script>\n" .. view .. picture .. panel .. "</script>\n</body>\n</html>\n"

return page
