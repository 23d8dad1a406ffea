---@meta corosync.replica.lock
-- Written by `make types` from the doc comments.

---@class corosync.replica.lock
---@field name string The lock's name.
---@field token integer The token of the last grant to this process; 0 if there was none.
local Lock = {}

---@class corosync.replica.lock.Lock.acquire.options
---@field timeout? number the most seconds to wait; 0 to get the lock only if it is free (default: forever)
---@field lost? fun(reason:string) called once when the lock is lost: "expired" (nothing was confirmed for too long), "taken" (others went on without this process), "closed", "disconnected" (Corosync on this node has ended), "rejoined" (this member must take the state of the others), "storage" (its storage has failed)

--- Waits until this process holds the lock: a coroutine yields, other code handles events until then. Waiters get it in
--- the order of their requests.
---
--- A holder that ends, leaves, or is cut off from a majority of the nodes loses the lock. `lost` is called before
--- another process can get it, unless the holder is paused or hangs: then only the token protects. A command of the
--- holder must be confirmed within 1.5 times Corosync's token and consensus timeouts. When another node fails, Corosync
--- goes on without it earlier than that.
---@param options? corosync.replica.lock.Lock.acquire.options
---@return corosync.replica.held|nil
---@return string|nil # why it failed
---@return string|nil # "timeout" (another process holds it), "not_ready" (there is no majority, or it did not confirm in time), "held" or "acquiring" (this process already holds it or waits for it), "closed", "dispatching" (where nothing can wait)
function Lock:acquire(options) end

--- Releases the lock, if this process holds it.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "not_holding"
function Lock:release() end

--- The holder of the lock, as far as this member knows: see a machine's `state`.
---@return corosync.cpg.address|nil # the holder, nil if nobody holds it
---@return integer|nil # its token
---@return integer|nil # the time of the grant: seconds since 1970 by the clock of the member whose command granted it
---@return corosync.cpg.address[]|nil # the waiters, in order
function Lock:holder() end
