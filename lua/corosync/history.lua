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
-- error handler, and the group works on without it.
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

--- Writes a line of the script's own into a group's history, if it is recorded: "quiet" (the member has received all
-- its messages), "settled" (once, before any member leaves: all members have the same view), "raise word" (an error
-- follows whose message contains that word of letters, digits and "_"), or "usage descriptors kilobytes".
-- @function history.note
-- @tparam corosync.group.Group group
-- @tparam string line
-- @raise for any other line, and when `group` is not a group
history.note = recorder.note

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
