-- A backup of a folder, on one node at a time: each member waits for its turn and makes one. Then it goes on running,
-- because the others need a majority of the nodes to get the lock.
--
--   cpgrun examples/backup.lua /srv/shared /mnt/backups           on each node
--   cpgrun --lab 3 examples/backup.lua examples /tmp
--
-- When the lock is lost, tar is killed. A member that was paused cannot be told in time, and may go on beside the next
-- one for a moment. They never write to the same file, because its name has the lock's token. The newest backup has the
-- greatest token.
local app = assert(require "corosync.replica" "backup")
local uv = require "luv"

local usage = "usage: cpgrun examples/backup.lua FOLDER TARGET"
local folder, target = assert(arg[1], usage), assert(arg[2], usage)

local function backup()
  local tar
  local held = assert(app:lock "backup":acquire { lost = function(reason)
    print("lost the lock: " .. reason)
    return tar and tar:kill "sigkill"
  end })
  local file = ("%s/backup-%d.tar.gz"):format(target, held.token)
  local routine = coroutine.running()
  print("begins " .. file)
  tar = uv.spawn("tar", { args = { "-czf", file, folder } }, function(code, signal)
    print(("ends   %s: code %d, signal %d"):format(file, code, signal))
    held:release()
    assert(coroutine.resume(routine))
  end)
  coroutine.yield()
end

coroutine.wrap(backup)()
