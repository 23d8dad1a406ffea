-- Whether a group's light thread still exists. `ngx.exit` in a handler ends it without running any more of its code.
-- But nginx then also ends the timer's other light threads. One of them only waits on a semaphore, so the semaphore's
-- count tells whether both exist.
local semaphore = require "ngx.semaphore"
local waiting = require "corosync.resty.waiting"

local liveness = {}

local function wait_for_end(own)
  repeat
    local has_ended = own:wait(waiting.DAY)
  until has_ended
end

-- From the light thread itself.
function liveness.begin(record)
  record.liveness = semaphore.new()
  ngx.thread.spawn(wait_for_end, record.liveness)
end

-- From the light thread itself, whose timer would not end otherwise.
function liveness.finish(record)
  record.liveness:post()
  record.liveness = nil
end

function liveness.is_alive(record)
  return record.liveness ~= nil and record.liveness:count() < 0
end

-- Whether nginx has ended it.
function liveness.was_ended(record)
  return record.liveness ~= nil and record.liveness:count() >= 0
end

return liveness
