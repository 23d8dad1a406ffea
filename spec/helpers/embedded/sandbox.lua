-- Uses groups, services and handles in a sandbox, raises errors in handlers, passes wrong arguments, and prints the
-- results.
for _, name in ipairs { "debug", "io", "os", "package" } do
  assert(_G[name] == nil, name)
end

local corosync = require "corosync"
local history = require "corosync.history"
local service = require "corosync.service"
for _, name in ipairs { "cfg", "cluster", "cmap", "cpg", "group", "quorum", "votequorum" } do
  require("corosync." .. name)
end

-- The error of a wrong argument has no place in a sandbox.
local function refused(f, ...)
  local ok, problem = pcall(f, ...)
  assert(not ok)
  print(problem)
end

refused(corosync.group, "", {})
refused(corosync.group, "sandbox", { mesage_received = print })
refused(service.cmap, 1)

local got, errors = {}, {}
local group = corosync.group("sandbox", {
  config_change = function() end,
  message_received = function(_, message)
    got[#got + 1] = message
    if message == "raise" then
      error "raised by a handler"
    elseif message == "table" then
      error {}
    end
  end,
  error = function(problem) errors[#errors + 1] = problem end,
})
assert(group:activate())
for _, message in ipairs { "raise", "table", "last" } do
  assert(group:send_message(message))
end
assert(group:wait_for(function() return got[3] end))
print(table.concat(got, " "))
for _, problem in ipairs(errors) do
  print(problem:match "^[^\n]*")
end
refused(group.send_message, group, print)
assert(group:cmap_get "totem.version" == 2)
print(group:view() ~= nil, group:is_quorate())
assert(group:deactivate())
assert(group:wait_for(function() return not group:is_active() end))

-- Without an error handler, errors go to stderr, both from the C and from the Lua code.
local silent = corosync.group("silent", {
  message_received = function(_, message)
    got[#got + 1] = message
    error("not handled: " .. message)
  end,
  view_change = function() error "no view" end,
})
assert(silent:activate())
assert(silent:send_message "silent")
assert(silent:wait_for(function() return got[4] end))
assert(silent:wait_for(function() return silent:view() end))

local function change(map)
  local changed
  assert(map:track("sandbox.", function()
    changed = true
    error "in a tracker"
  end))
  assert(map:set("sandbox.key", 1, "u8"))
  assert(map:delete "sandbox.key")
  repeat
    assert(map:wait(60))
    assert(map:dispatch())
  until changed
  map:close()
end
change(assert(corosync.cmap.open()))
change(assert(service.cmap("icmap", { error = function() error "the error handler raised" end })))

local co = coroutine.wrap(function()
  local handle = assert(corosync.cpg.open {})
  assert(handle:join "coroutine")
  repeat
    local event = handle:receive()
    if not event then coroutine.yield(handle:wait(60)) end
  until event == "config"
  handle:close()
end)
while co() do end -- luacheck: ignore 542

print(select(2, history.record "/tmp"))
print(select(2, history.check { "/tmp/x" }))
