-- Messages in a row, as one string that a handle's `receive(bytes)` returns.
local core = require "corosync.binding"

local run = { next = core.cpg.unpack }

-- Without the first messages.
function run.cut(bytes, count)
  return bytes:sub(core.cpg.skip(bytes, 0, count) + 1)
end

-- One of them, with its sender, as bytes.
function run.at(bytes, place)
  local from = core.cpg.skip(bytes, 0, place - 1)
  return bytes:sub(from + 1, core.cpg.skip(bytes, from, 1))
end

return run
