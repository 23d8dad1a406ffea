--- Histories: what each member of a group sends and is notified of, recorded as it happens. `corosync.checker` checks
-- them.
--
-- A history is a text file, one for each group of each process, one event a line. It is written without a buffer, a
-- send before it is tried: what a process that is killed has done, its file has.
-- @module corosync.history

local caller = require "corosync.caller"
local checker = require "corosync.checker"
local recorder = require "corosync.history.recorder"

local history = {}

--- From now on, records all groups of this process that are activated later, except those that are connected already
-- (by `address` or `members`, say). A file that cannot be written is reported once, as an error without a handler would
-- be, and its group goes on without.
-- @function history.record
-- @tparam string folder where the files are made; it must exist
-- @usage
-- assert(history.record "/tmp/histories") -- in each process, before it activates its groups
-- -- and when all have ended, in any one:
-- local paths = {}
-- for name in io.popen("ls /tmp/histories"):lines() do
--   paths[#paths + 1] = "/tmp/histories/" .. name
-- end
-- local report = assert(history.check(paths))
-- @treturn boolean true
-- @error nil, message, code: "exist", when this process records already; "not_supported" without Lua's library io
history.record = recorder.start

--- Writes a line of the script's own into a group's history, if that is recorded: "quiet" (all that was sent should
-- have come back), "settled" (once, before any member leaves: all should have one view), "raise word" (an error follows
-- whose message has that word, of letters, digits and "_"), or "usage descriptors kilobytes".
-- @function history.note
-- @tparam corosync.group.Group group
-- @tparam string line
-- @raise for any other line, and for what is no group
history.note = recorder.note

--- The same as `corosync.checker.parse`.
-- @function history.parse
-- @tparam string text
-- @tparam string name for messages
-- @treturn table the history: `name`, and `events`
-- @error nil, message, code: "invalid", with the line that is no event
history.parse = checker.parse

--- The same as `corosync.checker.check`.
-- @tparam table[] histories
-- @raise when there are none
-- @treturn corosync.checker.report
function history.judge(histories)
  if type(histories) ~= "table" or #histories == 0 then
    caller.raise("bad argument #1 to 'judge' (histories: a table with one or more expected)")
  end
  return checker.check(histories)
end

--- The same as `corosync.checker.check_files`.
-- @function history.check
-- @tparam string[] paths
-- @treturn corosync.checker.report
-- @error nil, message, code: "unreadable", a file; "invalid", a line that is no event; "not_exist", there are no files;
-- "not_supported" without Lua's library io
history.check = checker.check_files

return history
