-- A live view of the cluster: nodes and links, quorum and ring, the groups and their members, traffic, programs.
--
--   cpgrun examples/status.lua              in a terminal: a picture, until Ctrl-C
--   cpgrun examples/status.lua | tee file   elsewhere: a line for each change
--   cpgrun --lab 3 examples/status.lua      then type:  partition({1,2},{3})   and later:  heal()
--
-- This file decides when to update. status/model.lua collects the data; status/lines.lua and status/screen.lua are two
-- ways to show it.
local model = require "status.model"
local uv = require "luv"

local in_terminal = uv.guess_handle(1) == "tty" and os.getenv "TERM" ~= "dumb"
local display = require(in_terminal and "status.screen" or "status.lines")

local clock, is_due = uv.new_timer(), false
local view -- the last one from view_change

-- Each second, and shortly after a change, because changes come in groups.
local function update_soon()
  if is_due then
    return
  end
  is_due = true
  clock:start(20, 1000, function()
    is_due = false
    display.show(model.collect(view))
  end)
end

config_change, quorum_change = update_soon, update_soon

function view_change(new)
  view = new
  update_soon()
end

-- There is no data until Corosync is back; then view_change is called.
function disconnected()
  clock:stop()
  is_due = false
  display.restore()
end

-- A process receives no changes of groups that it is not in. But Corosync counts the messages between its nodes about a
-- join, a leave, and the members of all groups when nodes meet.
for _, kind in ipairs { 0, 1, 2 } do
  assert(cmap:track(("runtime.services.cpg.%d.rx"):format(kind), update_soon))
end
assert(cmap:track("runtime.members.", update_soon))
assert(cmap:track("nodelist.", update_soon))

stopping = display.restore

if in_terminal then
  uv.new_signal():start("sigwinch", update_soon)
  uv.new_signal():start("sigcont", update_soon)
  uv.new_signal():start("sigtstp", function()
    display.restore()
    uv.kill(uv.os_getpid(), "sigstop")
  end)
end
