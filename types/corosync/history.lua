---@meta corosync.history
-- Written by `make types` from the doc comments.

--- Histories: what each member of a group sends and is notified of, recorded as it happens. `corosync.checker` checks
--- them.
---
--- A history is a text file, one for each group of each process, one event a line. It is written without a buffer, a
--- send before it is tried: what a process that is killed has done, its file has.
---@class corosync.history
local module = {}

--- From now on, records all groups of this process that are activated later, except those that are connected already
--- (by `address` or `members`, say). A file that cannot be written is reported once, as an error without a handler would
--- be, and its group goes on without.
---@param folder string where the files are made; it must exist
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "exist", when this process records already; "not_supported" without Lua's library io
function module.record(folder) end

--- Writes a line of the script's own into a group's history, if that is recorded: "quiet" (all that was sent should
--- have come back), "settled" (once, before any member leaves: all should have one view), "raise word" (an error follows
--- whose message has that word, of letters, digits and "_"), or "usage descriptors kilobytes".
---@param group corosync.group.Group
---@param line string
function module.note(group, line) end

--- The same as `corosync.checker.parse`.
---@param text string
---@param name string for messages
---@return table|nil # the history: `name`, and `events`
---@return string|nil # why it failed
---@return string|nil # "invalid", with the line that is no event
function module.parse(text, name) end

--- The same as `corosync.checker.check`.
---@param histories table[]
---@return corosync.checker.report
function module.judge(histories) end

--- The same as `corosync.checker.check_files`.
---@param paths string[]
---@return corosync.checker.report|nil
---@return string|nil # why it failed
---@return string|nil # "unreadable", a file; "invalid", a line that is no event; "not_exist", there are no files; "not_supported" without Lua's library io
function module.check(paths) end

return module
