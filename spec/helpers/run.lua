-- Starts a cluster of one node, runs busted in it, and ends with a plain line: 'N passed, N failed'.
local lab = require "corosync.lab"

local function words(text)
  local list = {}
  for word in text:gmatch "%S+" do
    list[#list + 1] = word
  end
  return list
end

local command = words(os.getenv "LUA")
command[#command + 1] = os.getenv "BUSTED"
-- Lazy setups: none runs for specs that tags exclude.
for _, word in ipairs { "--output=spec.helpers.output", "--shuffle-files", "--lazy" } do
  command[#command + 1] = word
end
for _, path in ipairs(arg) do
  command[#command + 1] = path
end

local passed, failed = 0, 0
local noise = {}
local function print_log(_, _, line) io.stdout:write(line, "\n") end
-- On a busy machine the daemon may get no CPU for seconds. With this token timeout it keeps its ring meanwhile.
local cluster = assert(lab.start { nodes = 1, token = 10000, output = os.getenv "DAEMON_LOG" and print_log or nil })
local busted = assert(cluster:run(1, command, {
  output = function(line, stream)
    local p, f = line:match "^(%d+) passed, (%d+) failed$"
    if p then
      passed, failed = tonumber(p), tonumber(f)
    elseif stream == "err" then
      noise[#noise + 1] = line -- errors that specs make on purpose, mostly
    else
      io.stdout:write(line, "\n")
      io.stdout:flush()
    end
  end,
}))
local code, signal = assert(busted:wait(1800))
assert(cluster:stop())
if passed + failed == 0 and code == 0 then
  failed = 1
  noise[#noise + 1] = "no spec matches"
elseif passed + failed == 0 or (code ~= 0 and failed == 0) then
  failed = failed + 1
  noise[#noise + 1] = ("busted did not come to its end: exit code %d, signal %d"):format(code, signal)
end
if failed > 0 then
  io.stderr:write(table.concat(noise, "\n"), "\n")
end
print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0 and 0 or 1, true)
