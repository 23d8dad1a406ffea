-- While a handler of a group that packs waits, the group's light thread cannot send what requests have packed. So a
-- second light thread of the same timer sends it, and ends with the first.
local semaphore = require "ngx.semaphore"
local waiting = require "corosync.resty.waiting"

local EVERY = 0.002 -- seconds

local flusher = {}

-- Events stay in Corosync, unless a long message cannot be sent on without them.
local function flush(handle)
  local _, _, code = handle:flush()
  if code == "try_again" then
    handle:fetch()
  end
end

local function run(record, own)
  while record.flusher == own do
    own:wait(waiting.DAY)
    ngx.sleep(EVERY)
    while record.flusher == own and record.stepping and record.handle do
      flush(record.handle)
      ngx.sleep(EVERY)
    end
  end
end

-- From the group's light thread.
function flusher.begin(record)
  record.flusher = record.hooks.packs(record) and semaphore.new() or nil
  if record.flusher then
    ngx.thread.spawn(run, record, record.flusher)
  end
end

-- Before an event is handled.
function flusher.expect(record)
  if record.flusher and record.flusher:count() < 0 then
    record.flusher:post()
  end
end

function flusher.finish(record)
  local own = record.flusher
  record.flusher = nil
  if own then
    own:post()
  end
end

return flusher
