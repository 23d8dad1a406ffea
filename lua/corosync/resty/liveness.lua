-- Whether a group's light thread still exists. `ngx.exit` in a handler ends it without running any more of its code.
-- But nginx then also ends the timer's other light threads. One of them only waits on a semaphore, so the semaphore's
-- count tells whether both exist.
local semaphore = require "ngx.semaphore"
local waiting = require "corosync.resty.waiting"

local life = {}

local function wait_for_end(own)
  repeat
    local has_ended = own:wait(waiting.DAY)
  until has_ended
end

-- From the light thread itself.
function life.begin(record)
  record.life = semaphore.new()
  ngx.thread.spawn(wait_for_end, record.life)
end

-- From the light thread itself, whose timer would not end otherwise.
function life.finish(record)
  record.life:post()
  record.life = nil
end

function life.is_alive(record)
  return record.life ~= nil and record.life:count() < 0
end

-- Whether nginx has ended it.
function life.was_ended(record)
  return record.life ~= nil and record.life:count() >= 0
end

return life
