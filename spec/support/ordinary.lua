-- An ordinary user, for specs that run as root; and a copy of the build that this user can read, wherever the
-- checkout is.
local uv = require "luv"

local ordinary = { argv = { "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups" } }

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
