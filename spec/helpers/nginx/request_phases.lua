-- Makes a group and a replica, and tells what came of it.
local corosync_resty = require "corosync.resty"

local function tell(...)
  io.stderr:write(table.concat({ ... }, " ") .. "\n")
end

local OPTIONS = {
  group = { config_change = function() tell "joined" end },
  replica = {},
}

local function make()
  for _, made_by in ipairs { "group", "replica" } do
    local made, message, code = corosync_resty[made_by]("spec", OPTIONS[made_by],
      made_by == "group" and { per = "worker" } or nil)
    tell(ngx.get_phase(), made_by, tostring(made), tostring(code), tostring(message))
  end
end

return { make = make }
