---@meta corosync.checker
-- Written by `make types` from the doc comments.

--- Checks histories of the members of a group against the guarantees of extended virtual synchrony (Moser, Amir,
--- Melliar-Smith, Agarwal, 1994) and of this library. Each guarantee is a rule with a name; docs/testing.md lists them.
--- `corosync.history` records histories.
---
--- Messages are told apart by a digest of at most 192 of their bytes and their length: a handler must compare every byte
--- itself. Messages longer than Corosync's limit, which libcpg sends in pieces, need not reach all members: see
--- `exempted` in the report.
---@class corosync.checker
local module = {}

--- What `check` and `check_files` return.
---@class corosync.checker.report
---@field ok boolean nothing is violated or undecided
---@field violations corosync.checker.violation[] 100 at most
---@field undecided corosync.checker.violation[] what the rule `linearizable` could neither accept nor call a violation; 100 at most
---@field exempted table<string,integer> how often each known fault of Corosync was met, by its name
---@field figures table<string,integer> how many `histories`, `lives` (each from a join to its end), `configurations`, `messages`, `deliveries`, `operations` and `claims` (notes of what the rules `unique` and `exclusive` judge)

--- One violation of a rule.
---@class corosync.checker.violation
---@field rule string its name
---@field text string
---@field history string the history's name
---@field line integer the line in it; 0: all of it

--- Parses a history.
---@param text string
---@param name string for messages
---@return table|nil # the history: `name`, and `events`
---@return string|nil # why it failed
---@return string|nil # "invalid", with the number of the invalid line
function module.parse(text, name) end

--- Checks histories that belong together: those of all processes that were members.
---@param histories table[] as `parse` returns them
---@return corosync.checker.report
function module.check(histories) end

--- Reads and checks files: those of all processes that were members.
---@param paths string[]
---@return corosync.checker.report|nil
---@return string|nil # why it failed
---@return string|nil # "unreadable" for a file; "invalid" for a line; "not_exist" when there are no files; "not_supported" without Lua's library io
function module.check_files(paths) end

return module
