-- A service address: an IP address on the leader's node. As root: cpgrun examples/service_address.lua 10.0.0.50/24 eth0
--   cpgrun --lab 3 examples/service_address.lua                then type:  kill_host(1)   partition({1},{2,3})
-- Each time a barrier confirms within 1 s that the member leads, its kernel gets the address for 2 s, and removes it up
-- to 1 s later, even if the script was killed. The next leader waits 5 s. If a paused machine can do harm, fence it.
local app, uv = assert(require "corosync.replica" "service_address"), require "luv"
local address, interface = arg[1] or os.getenv "COROSYNC_LAB" and "10.9.0.50/24", arg[2] or "eth0"
local bare = assert(address, "usage: cpgrun examples/service_address.lua address/bits interface"):match "^[^/]+"
local is_here, since -- `since`: when this member was elected

local function set(yes)
  local change = yes and ("replace %s valid_lft 2 preferred_lft 2"):format(address) or "flush to " .. bare
  local status = os.execute(("ip addr %s dev %s"):format(change, interface))
  if status ~= true and status ~= 0 then os.exit(1) end -- the next one takes over
  if yes ~= is_here then print(address .. (yes and " is here" or " is not here")) end
  if yes and not is_here then os.execute(("arping -q -U -c 2 -I %s %s 2>&- &"):format(interface, bare)) end
  is_here = yes
end

local function elected(token) since = uv.hrtime() check.holds("address", token) end
local function deposed() since = nil set(false) check.released "address" end
app:leader("address", { elected = elected, deposed = deposed })
function stopping() app:close() end

uv.new_timer():start(0, 500, function()
  local asked = uv.hrtime()
  if is_here == nil then set(false) end -- an earlier process may have left the address behind
  app:barrier(function(ok)
    if ok and since and asked - since > 5e9 and uv.hrtime() - asked < 1e9 then set(true) end
  end)
end)
