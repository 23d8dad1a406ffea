--- Histories: records of each member's sends and events, which `corosync.checker` checks.
--
-- A history is a text file for one group in one process, with one event per line. It is written without a buffer, and a
-- send is written before it is tried: the file is complete when the process is killed.
-- @module corosync.history

local errors = require "corosync.errors"
local checker = require "corosync.checker"
local recorder = require "corosync.history.recorder"

local history = {}

--- Records all groups of this process that are activated after this call, except those that are already connected (by
-- `address` or `members`, for example). When a file cannot be written, this is reported once, like an error without an
-- error handler, and the group continues without it.
-- @function history.record
-- @tparam string folder an existing folder for the files
-- @usage
-- assert(history.record "/tmp/histories") -- in each process, before it activates its groups
-- -- and after all of them have ended, in any process:
-- local paths = {}
-- for name in io.popen("ls /tmp/histories"):lines() do
--   paths[#paths + 1] = "/tmp/histories/" .. name
-- end
-- local report = assert(history.check(paths))
-- @treturn boolean true
-- @error nil, message, code: "exist" when this process is already recording; "not_supported" without Lua's library io
history.record = recorder.start

--- Records all groups of this process in one file, which `cpgrun draw` draws. At 16 MiB the file is renamed to
-- FILE.1, and a new one begins. As for `record`, groups must be activated after this call, and a process
-- records only once. A process that is restarted may append to the same file.
-- @function history.trace
-- @tparam string file
-- @treturn boolean true
-- @error nil, message, code: "exist" when this process is already recording; "unwritable" for the file; "not_supported"
--   without Lua's library io
history.trace = recorder.trace

--- Writes a line of the script's own into a group's history, if it is recorded: "quiet" (the member has received all
-- its messages), "settled" (once, before any member leaves: all members have the same view), "raise word" (an error
-- follows whose message contains that word of letters, digits and "_"), or "usage descriptors kilobytes".
-- @function history.note
-- @tparam corosync.group.Group group
-- @tparam string line
-- @raise for any other line, and when `group` is not a group
history.note = recorder.note

--- Begins an operation on an object that members share, and writes it into the group's history, if that is recorded.
-- The rule `linearizable` checks all operations (docs/testing.md). Call this before anything is sent.
--
-- Values are strings, numbers, booleans or nil. If `call` is a string, spaces separate the values, and "-" is nil.
-- @function history.operation
-- @tparam corosync.group.Group group
-- @tparam table fields `object`, a name; `key`, the part of it that is used, for objects whose keys are independent;
--   `call`, a text such as "add 1", or a table such as { "add", 1 }; `read`, whether the operation changes nothing
-- @usage
-- local operation = history.operation(group, { object = "stock", key = "apples", call = { "add", 1 } })
-- add(1, function(sum, index, code)
--   if sum then operation:ok(sum, index) else operation:unknown(code) end
-- end)
-- @raise for wrong fields, and when `group` is not a group
-- @treturn Operation to be ended by one of its methods; an operation that has not ended counts as unknown
history.operation = recorder.operation

--- Notes a value that no member of the group may ever note again, in the group's history, if that is recorded: a token,
-- or the number of a task that must run only once. The rule `unique` checks these notes. In scripts for cpgrun this is
-- `check.unique(kind, value)`.
-- @function history.unique
-- @tparam corosync.group.Group group
-- @tparam string kind values of different kinds are not compared
-- @tparam string|number|boolean value
-- @usage
-- app:every("report", 60, function(tick)
--   history.unique(group, "report", tick)
--   send_report()
-- end)
-- @raise for wrong arguments
history.unique = recorder.unique

--- Notes that this member holds something from now on, in the group's history, if that is recorded. The rule
-- `exclusive` checks these notes: no two members hold a name at the same time, and tokens grow from one holder to the
-- next. The times are those of the machine's monotonic clock. A holder that was killed counts as the holder only until
-- its last note, so note the name again, with the same token, while it is used. In scripts for cpgrun this is
-- `check.holds(name, token)`.
-- @function history.holds
-- @tparam corosync.group.Group group
-- @tparam string name
-- @tparam integer token 0 to 2^53
-- @usage
-- app:leader("cron", {
--   elected = function(token) history.holds(group, "cron", token) end,
--   deposed = function() history.released(group, "cron") end,
-- })
-- @raise for wrong arguments
history.holds = recorder.holds

--- Notes that this member no longer holds something. Call it before another can get it. In scripts for cpgrun this is
-- `check.released(name)`.
-- @function history.released
-- @tparam corosync.group.Group group
-- @tparam string name
-- @raise for wrong arguments
history.released = recorder.released

--- An operation that has begun.
-- @type Operation

--- Ends the operation: it has taken effect.
-- @function Operation:ok
-- @param result a string, a number, a boolean or nil
-- @tparam[opt] integer index its place in the group's log; for a read, that of the last change that it saw. Either all
--   operations on an object have an index, or none.
-- @raise for a wrong argument, and when the operation has ended

--- Ends the operation: it has not taken effect, and never will.
-- @function Operation:failed
-- @tparam string code why
-- @raise for a wrong argument, and when the operation has ended

--- Ends the operation: it may have taken effect, or may take effect later.
-- @function Operation:unknown
-- @tparam string code why
-- @raise for a wrong argument, and when the operation has ended

--- @section end

--- The same as `corosync.checker.parse`.
-- @function history.parse
-- @tparam string text
-- @tparam string name for messages
-- @treturn table the history: `name`, and `events`
-- @error nil, message, code: "invalid", with the number of the invalid line
history.parse = checker.parse

--- The same as `corosync.checker.check`.
-- @tparam table[] histories
-- @raise when the array is empty
-- @treturn corosync.checker.report
function history.judge(histories)
  if type(histories) ~= "table" or #histories == 0 then
    errors.raise("bad argument #1 to 'judge' (histories: a table with one or more expected)")
  end
  return checker.check(histories)
end

--- The same as `corosync.checker.check_files`.
-- @function history.check
-- @tparam string[] paths
-- @treturn corosync.checker.report
-- @error nil, message, code: "unreadable" for a file; "invalid" for a line; "not_exist" when there are no files;
--   "not_supported" without Lua's library io
history.check = checker.check_files

return history
