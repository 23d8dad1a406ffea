---@meta corosync.replica.calls
-- Written by `make types` from the doc comments.

--- Calls of functions on other members of a replica, made by a replica's `calls`. A call has a place in the order of
--- the group's messages. It does not depend on the replica's state, so it works as soon as a member has joined.
---
---    local rpc = app:calls { sum = function(a, b) return a + b end }
---    for member, ok, value in rpc:all("sum", 1, 2) do print(member, ok, value) end
---@class corosync.replica.calls
local module = {}

---@class corosync.replica.calls.Calls
local Calls = {}

--- Calls a function on all members that the group has at the call's place in the order, including this one.
---@param name string
---@param ...? any arguments: strings, numbers, booleans, and tables of these. A last one `{ timeout = seconds }` sets how long to wait for replies, instead of the replica's `timeout`
---@return fun():(corosync.cpg.address,boolean,any,string|nil)|nil # an iterator over all members, each exactly once. It returns the member, whether the call succeeded, its result or a message, and a code: "raised" (the function raised an error), "not_exist" (that member has no such function), "too_big" (its result is), "gone" (the member left before it replied), "timeout", "not_connected" (the connection to Corosync on this node was lost), "closed"
---@return string|nil # why it failed
---@return string|nil # an iterator over no members, message, code, if the call did not reach the group: "timeout" (this member has not joined), "too_big" (the arguments are), "not_connected", "closed", "dispatching" (where nothing can wait)
function Calls:all(name, ...) end

--- Calls a function on one member.
---@param member corosync.cpg.address
---@param name string
---@param ...? any as for `all`
---@return any # the result, or true if the function returned nothing
---@return string|nil # why it failed
---@return string|nil # as for `all`. "gone" also means that the address is not a member; "dispatching" where nothing can wait
function Calls:one(member, name, ...) end

--- Calls a function on all members, and returns the first successful result.
---@param name string
---@param ...? any as for `all`
---@return any # the result, or true if the function returned nothing
---@return string|nil # why it failed
---@return string|nil # those of one member, if the call succeeded on none
function Calls:any(name, ...) end

return module
