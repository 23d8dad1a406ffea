-- The application of node_groups.conf: the events of its groups go to stderr, a line each: pid, group, kind, details.
local corosync_resty = require "corosync.resty"

local app = { groups = {}, count = 0 }

function app.tell(...)
  io.stderr:write(table.concat({ ngx.worker.pid(), ... }, " ") .. "\n")
end

local function describe(message)
  return #message > 100 and ("%d %s"):format(#message, ngx.md5(message)) or (message:gsub("%c", "."))
end

local function make(name)
  local group, message, code = corosync_resty.group(name, {
    config_change = function(members, left, joined)
      ngx.sleep(0.02) -- later events must wait
      app.tell(name, "config", #members, #left, #joined)
    end,
    message_received = function(_, message)
      app.count = app.count + 1
      if message == "raise" then error "as asked" end
      if message == "reply" then
        local sent, _, problem = app.groups[name]:send_message("reply of " .. ngx.worker.pid())
        return app.tell(name, "replied", tostring(sent or problem))
      end
      if message ~= "count" then app.tell(name, "message", describe(message)) end
    end,
    disconnected = function(reason) app.tell(name, "disconnected", reason) end,
  }, { directory = os.getenv "SPEC_DIRECTORY" })
  app.groups[name] = group
  return group and true, message, code
end

local function fill()
  local dict, i = ngx.shared.corosync, 0
  for _, size in ipairs { 100000, 1000, 10, 0 } do
    repeat i = i + 1 until not dict:safe_set("x" .. i, ("x"):rep(size))
  end
end

if os.getenv "SPEC_FILL" then
  fill()
  app.tell("made", tostring(select(2, make "spec")))
else
  assert(make "spec")
  assert(make "other")
end
for name in (os.getenv "SPEC_GROUPS" or ""):gmatch "%a+" do
  assert(make(name))
end

function app.run()
  ngx.req.read_body()
  local result = assert(loadstring("local app = ... " .. ngx.req.get_body_data()))(app)
  ngx.say(tostring(result))
end

return app
