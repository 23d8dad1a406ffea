-- Messages in a row, as one string that `handle:receive_run` returns.
local core = require "corosync.binding"

local run = { next = core.cpg.unpack }

-- Returns the string without its first messages.
function run.cut(bytes, count)
  return bytes:sub(core.cpg.skip(bytes, 0, count) + 1)
end

-- Returns one message with its sender, as a string of the same format.
function run.at(bytes, place)
  local from = core.cpg.skip(bytes, 0, place - 1)
  return bytes:sub(from + 1, core.cpg.skip(bytes, from, 1))
end

return run
