-- Opens a handle that packs, prints "open", and changes its option `pack` after two changes of the ring, when its
-- reader has taken the first. Until then it calls nothing that takes a lock of the reader's or of libcpg's: that would
-- order the threads.
local core = require "corosync.core"

local packing = assert(core.cpg.open { pack = true, reader = { after = 0 } })
local lists = 0
local quorum = assert(core.quorum.open { nodelist_change = function() lists = lists + 1 end })
io.stdout:write "open\n"
io.stdout:flush()
local deadline = core.now() + 500
while lists < 3 do -- the present list is the first
  assert(core.now() < deadline, "timed out")
  quorum:wait(1)
  assert(quorum:dispatch())
end
core.cpg.repack(packing, false)
