-- An ordinary user, for specs that run as root; and a copy of the build that this user can read, wherever the
-- checkout is.
local uv = require "luv"

local ordinary = {}

local UID = 65534

-- The specs run in a namespace: an ordinary user is root there, and no other user exists.
local function can_become()
  for line in io.lines "/proc/self/uid_map" do
    local first, _, count = line:match "(%d+)%s+(%d+)%s+(%d+)"
    if uv.getuid() == 0 and tonumber(first) <= UID and UID < tonumber(first) + tonumber(count) then
      return true
    end
  end
  return false
end

-- The words to put before a command: none when this program already runs as an ordinary user.
ordinary.prefix = can_become()
  and { "setpriv", ("--reuid=%d"):format(UID), ("--regid=%d"):format(UID), "--clear-groups" } or {}

ordinary.uid = #ordinary.prefix > 0 and UID or uv.getuid()

-- Calls a function with the path of a copy of the build tree, which is gone afterwards.
function ordinary.with_tree(action)
  local tree = assert(uv.fs_mkdtemp "/tmp/lua-corosync-XXXXXX")
  local copied = os.execute(("cp -rL build/%s/bin build/%s/share '%s' && chmod -R a+rX '%s'"):format(
    os.getenv "LUA_VERSION", os.getenv "LUA_VERSION", tree, tree))
  local ok, message = pcall(action, tree)
  os.execute(("rm -rf '%s'"):format(tree))
  assert(copied, "the build tree could not be copied")
  if not ok then
    error(message, 0)
  end
end

return ordinary
