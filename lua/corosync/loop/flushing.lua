-- Sends the frames of objects that pack messages, before the loop waits.
local own = require "corosync.own_handles"
local uv = require "luv"

local flushing = {}

local packed = {} -- a list of the entries whose targets pack messages
local prepare -- luv's handle that flushes them before the loop waits
local running = false -- whether `run` is running

-- A flush may call functions that add or remove objects. Going backwards misses none of those that stay.
function flushing.run()
  running = true
  for i = #packed, 1, -1 do
    local entry = packed[i]
    if entry then
      pcall(entry.methods.flush, entry.target) -- raises without memory; the descriptor then causes another one
    end
  end
  running = false
end

-- Adds an object if it packs messages.
function flushing.add(entry)
  local methods = entry.methods
  if methods.flush and (entry.is_handle or methods.packs(entry.target)) then
    packed[#packed + 1] = entry
    prepare = prepare or own(uv.new_prepare())
    prepare:start(flushing.run)
    prepare:unref()
  end
end

function flushing.remove(entry)
  for i, each in ipairs(packed) do
    if each == entry then
      table.remove(packed, i)
      break
    end
  end
  if prepare and #packed == 0 then
    prepare:stop()
  end
end

function flushing.is_running()
  return running
end

return flushing
