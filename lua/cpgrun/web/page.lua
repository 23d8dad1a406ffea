-- The page of `cpgrun status --web`. It loads only the status, so it works without a network.
local script = require "cpgrun.web.script"
local uv = require "luv"

local page = {}

local HTML = [==[
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>cpgrun status</title>
<style nonce="NONCE">
  :root { color-scheme: light dark; --back: #f4f6f8; --card: #fff; --text: #1f2933; --dim: #61707d; --line: #d9e0e6;
    --good: #1b7f4b; --bad: #c62828; --warn: #a86400; --first: #1f5c99; --second: #b05b12; }
  @media (prefers-color-scheme: dark) {
    :root { --back: #14191e; --card: #1d242b; --text: #e3e8ec; --dim: #93a1ad; --line: #323c45; --good: #5ac48b;
      --bad: #ff7b72; --warn: #e3a63b; --first: #6cb0f0; --second: #f0a15e; }
  }
  * { box-sizing: border-box; }
  body { margin: 0; background: var(--back); color: var(--text);
    font: 14px/1.45 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
  header { display: flex; flex-wrap: wrap; gap: 4px 18px; align-items: baseline; padding: 10px 16px;
    border-bottom: 1px solid var(--line); background: var(--card); }
  h1 { font-size: 17px; margin: 0; }
  h2 { font-size: 15px; margin: 0; overflow-wrap: anywhere; }
  h3 { font-size: 13px; margin: 14px 0 4px; overflow-wrap: anywhere; }
  #when { margin-left: auto; }
  main { columns: 430px; column-gap: 14px; padding: 14px 16px; }
  section { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px;
    margin-bottom: 14px; break-inside: avoid; }
  .title { display: flex; gap: 4px 10px; flex-wrap: wrap; align-items: baseline; }
  .title .badge { margin-left: auto; }
  .badge { border: 1px solid currentColor; border-radius: 10px; padding: 0 9px; font-size: 12px; white-space: nowrap; }
  .dim { color: var(--dim); }
  .good { color: var(--good); }
  .bad { color: var(--bad); }
  .warn { color: var(--warn); }
  table { border-collapse: collapse; width: 100%; }
  td, th { padding: 2px 10px 2px 0; text-align: left; vertical-align: top; font-weight: normal;
    overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
  th { color: var(--dim); white-space: nowrap; overflow-wrap: normal; }
  .facts th { width: 1%; }
  .list td, .list th { white-space: nowrap; }
  .list td:first-child { white-space: normal; min-width: 6em; }
  td:last-child, th:last-child { padding-right: 0; }
  .list { border-top: 1px solid var(--line); margin-top: 4px; }
  svg { display: block; width: 100%; height: 40px; margin-top: 6px; border-bottom: 1px solid var(--line); }
  .caption { font-size: 12px; text-align: right; }
  polyline { fill: none; stroke-width: 1.5; vector-effect: non-scaling-stroke; }
  .first { stroke: var(--first); color: var(--first); }
  .second { stroke: var(--second); color: var(--second); }
</style>
</head>
<body>
<header><h1>cpgrun</h1><span id="summary"></span><span id="when" class="dim"></span></header>
<main id="hosts"><noscript>This page needs JavaScript.</noscript></main>
<script nonce="NONCE">
SCRIPT
</script>
</body>
</html>
]==]

local POLICY = "default-src 'none'; style-src 'nonce-%s'; script-src 'nonce-%s'; connect-src 'self'; base-uri 'none'; "
  .. "form-action 'none'; frame-ancestors 'none'"

-- Returns the page and its headers.
function page.make()
  local nonce = uv.random(16):gsub(".", function(c) return ("%02x"):format(c:byte()) end)
  local parts = { NONCE = nonce, SCRIPT = script }
  return HTML:gsub("%u%u%u%u%u%u?", parts), {
    ["Content-Type"] = "text/html; charset=utf-8",
    ["Content-Security-Policy"] = POLICY:format(nonce, nonce),
    ["Referrer-Policy"] = "no-referrer",
    ["X-Content-Type-Options"] = "nosniff",
  }
end

return page
