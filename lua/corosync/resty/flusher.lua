-- While a handler of a group that packs waits, nothing else sends the messages that requests pack: a light thread
-- beside the group's does. It ends with that one, in the same timer.
local semaphore = require "ngx.semaphore"
local waiting = require "corosync.resty.waiting"

local EVERY = 0.002 -- seconds

local flusher = {}

-- Events stay in Corosync, except those for which a long message waits.
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
