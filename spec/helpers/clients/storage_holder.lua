-- Opens a storage, prints the outcome, and holds it until its input ends.
local storage = require "corosync.replica.storage"

local store, message, code = storage.open(arg[1], { replica = "shop", node = 1, cluster = "lab" })
print(store and "open" or code, message)
io.stdout:flush()
io.read()
if store then
  store:close()
end
