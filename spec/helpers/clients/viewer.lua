-- A member of a group as a program of its own, which prints its views.
--
--   lua spec/helpers/clients/viewer.lua NAME [SETTLE]
--
--   address 1:20              its own, first of all
--   view ring=1:8 nodes=1,2 quorate=true members=1:20,2:21 left= joined=2:21 merged=1:20/2:21
--   left                      it has left, and can join again
--   disconnected              it ends then
--
-- Input: `join`, `leave`.
local corosync = require "corosync"
local uv = require "luv"

io.stdout:setvbuf "line"

local function list(values)
  local texts = {}
  for i, value in ipairs(values) do
    texts[i] = tostring(value)
  end
  table.sort(texts)
  return table.concat(texts, ",")
end

local group
group = corosync.group(arg[1], {
  settle = tonumber(arg[2] or 0),
  config_change = function(_, left)
    for _, address in ipairs(left) do
      if address == group:address() then print "left" end
    end
  end,
  view_change = function(view)
    print(("view ring=%d:%s nodes=%s quorate=%s members=%s left=%s joined=%s merged=%s"):format(view.ring.node,
      view.ring.seq, list(view.nodes), tostring(view.quorate), list(view.members), list(view.left), list(view.joined),
      view.merged and list(view.merged[1]) .. "/" .. list(view.merged[2]) or ""))
  end,
  disconnected = function()
    print "disconnected"
    corosync.loop.stop()
  end,
})

local commands = {}

function commands.join() assert(corosync.loop.add(group)) end

function commands.leave() assert(group:deactivate()) end

local input, rest = uv.new_pipe(false), ""
input:open(0)
input:read_start(function(_, data)
  rest = rest .. (data or "")
  rest = rest:gsub("([^\n]*)\n", function(line)
    commands[line]()
    return ""
  end)
end)

print("address " .. tostring(assert(group:address())))
corosync.loop.run()
