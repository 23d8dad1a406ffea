-- The global `check` of scripts: functions of `corosync.history` for `cpgrun check`, with the script's group as their
-- first argument.
local NAMES = { "holds", "operation", "released", "unique" }

return function(group)
  local check = {}
  for _, name in ipairs(NAMES) do
    check[name] = function(...)
      return require("corosync.history.recorder")[name](group, ...)
    end
  end
  return check
end
