-- Looks after the light threads of this worker's groups, once a second and when the worker exits. nginx drops a timer
-- that is due while as many run as lua_max_running_timers allows, but it repeats those of `ngx.timer.every`.
local EVERY = 1 -- second

local supervisor = {}

local supervised = {} -- by record: its functions
local has_started = false

-- The functions may add records and remove others.
local function look(is_exiting)
  local records = {}
  for record in pairs(supervised) do
    records[#records + 1] = record
  end
  for _, record in ipairs(records) do
    local functions = supervised[record]
    if functions then
      functions[is_exiting and "leave_at_exit" or "ensure"](record)
    end
  end
end

-- `functions`: `ensure(record)` makes sure that the light thread runs; `leave_at_exit(record)`. Returns true, or nil,
-- message.
function supervisor.add(record, functions)
  local message
  if not has_started then
    has_started, message = ngx.timer.every(EVERY, look)
  end
  supervised[record] = has_started and functions or nil
  return has_started, message
end

function supervisor.remove(record)
  supervised[record] = nil
end

return supervisor
