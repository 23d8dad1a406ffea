-- A live view of the cluster: nodes and links, quorum and ring, the groups and their members, traffic, programs.
--
--   cpgrun examples/status.lua              in a terminal: a picture, until Ctrl-C
--   cpgrun examples/status.lua | tee file   elsewhere: a line for each change
--   cpgrun --lab 3 examples/status.lua      then type:  partition({1,2},{3})   and later:  heal()
--
-- This file says when to look. What is known is collected in status/model.lua; status/lines.lua and status/screen.lua
-- are two ways to show it.
local model = require "status.model"
local uv = require "luv"

local in_terminal = uv.guess_handle(1) == "tty" and os.getenv "TERM" ~= "dumb"
local display = require(in_terminal and "status.screen" or "status.lines")

local clock, is_due = uv.new_timer(), false
local view -- the last that view_change was told

-- Each second, and at once after a change: but changes come in flocks.
local function look_soon()
  if is_due then
    return
  end
  is_due = true
  clock:start(20, 1000, function()
    is_due = false
    display.show(model.collect(view))
  end)
end

config_change, quorum_change = look_soon, look_soon

function view_change(new)
  view = new
  look_soon()
end

-- There is nothing to look at until Corosync is back; then there is a view to be told.
function disconnected()
  clock:stop()
  is_due = false
  display.restore()
end

-- The members of a group that one is not in change without a word. But Corosync counts the messages by which its nodes
-- tell each other: of a join, of a leave, and of all that they have when they meet.
for _, kind in ipairs { 0, 1, 2 } do
  assert(cmap:track(("runtime.services.cpg.%d.rx"):format(kind), look_soon))
end
assert(cmap:track("runtime.members.", look_soon))
assert(cmap:track("nodelist.", look_soon))

stopping = display.restore

if in_terminal then
  uv.new_signal():start("sigwinch", look_soon)
  uv.new_signal():start("sigcont", look_soon)
  uv.new_signal():start("sigtstp", function()
    display.restore()
    uv.kill(uv.os_getpid(), "sigstop")
  end)
end
