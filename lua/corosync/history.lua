--- Histories: what each member of a group has sent, delivered and been told, written down as it happens; and a judge
-- that says whether that can be true.
--
-- Judged is what extended virtual synchrony (Moser, Amir, Melliar-Smith, Agarwal, 1994) and this library promise. A
-- violation is named by its letter:
--
-- - a: what is delivered was sent, once, with the same bytes
-- - b: a sender's messages come in its order, without a gap within a configuration
-- - c: any two members deliver in the same order, and with the same members on the same ring, what both deliver
-- - d: a member's own messages are delivered to it while it stays one
-- - e: members are those before, less who left, and who joined, for a reason that there is; each change is one; rings
--   are numbered upwards; on one ring all are told the same changes, in the same order, and have the same members
-- - f: members that go together from one configuration and ring to the next have delivered the same between them
-- - g: a send that was answered with true is delivered to the sender, unless its membership ended otherwise than by its
--   leaving
-- - h: a send that was refused is delivered to nobody
-- - i: nothing is delivered before the join, or after the leave, and nothing of those who are no members
-- - k: when all is whole again, all who are to be members are, and have the same view, on the same ring
-- - l: every error that a handler has announced with `note` is reported, and then no other; nothing is left over at the
--   end
--
-- A history is a text file, one for each group of each process, one event a line. It is written without a buffer, a
-- send before it is tried: what a process that is killed has done, its file has.
--
-- Messages are told apart by a digest of at most 192 of their bytes and their length: who wants every byte compared
-- does it in the handler. For rule f, a message longer than Corosync's longest, which libcpg sends in pieces, need not
-- have come to all: it is counted under `exempted`.
-- @module corosync.history
local caller = require "corosync.caller"
local judge = require "corosync.history.judge"
local reader = require "corosync.history.reader"
local recorder = require "corosync.history.recorder"

local history = {}

--- From now on, records all groups of this process that are activated later, but for those that are connected already
-- (by `address` or `members`, say). A file that cannot be written is told of once, as an error without a handler would
-- be, and its group goes on without.
-- @function history.record
-- @tparam string folder where the files are made; it must be there
-- @treturn boolean true
-- @error nil, message, code: "exist", when this process records already; "not_supported" without Lua's library io
history.record = recorder.start

--- Writes a line of the script's own into a group's history, if that is recorded: "quiet" (all that was sent should
-- have come back), "settled" (once, before any member leaves: all should have one view), "raise word" (an error follows
-- whose message has that word, of letters, digits and "_"), or "usage descriptors kilobytes".
-- @function history.note
-- @tparam Group group
-- @tparam string line
-- @raise for any other line, and for what is no group
history.note = recorder.note

--- Reads a history.
-- @function history.parse
-- @tparam string text
-- @tparam string name for messages
-- @treturn table its events
-- @error nil, message, code: "invalid", and the line that is none
history.parse = reader.parse

--- Judges histories that belong together.
-- @tparam table histories an array of what `parse` has answered
-- @raise when there are none
-- @treturn table report: `ok`; `violations`, an array of tables with `rule`, `text`, `history` and `line`; `exempted`,
-- a table with how often each fault of Corosync's that is known was met, by its name; `figures`, a table with the
-- numbers of `histories`, `lives`, `configurations`, `messages` and `deliveries`
function history.judge(histories)
  if type(histories) ~= "table" or #histories == 0 then
    caller.raise("bad argument #1 to 'judge' (histories: a table with one or more expected)")
  end
  return judge.judge(histories)
end

-- A folder can be opened, and not be read.
local function read(path)
  if not io then
    return nil, ("cannot read %s: this Lua has no library io"):format(path), "not_supported"
  end
  local file, message = io.open(path)
  if not file then
    return nil, message, "unreadable"
  end
  local text
  text, message = file:read "*a"
  file:close()
  if not text then
    return nil, path .. ": " .. message, "unreadable"
  end
  return text
end

--- Reads and judges files: those of all processes that were members.
-- @tparam table paths an array
-- @usage
-- assert(history.record "/tmp/histories") -- in each process, before it activates its groups
-- -- and when all have ended, in any one:
-- local paths = {}
-- for name in io.popen("ls /tmp/histories"):lines() do
--   paths[#paths + 1] = "/tmp/histories/" .. name
-- end
-- for _, violation in ipairs(assert(history.check(paths)).violations) do
--   print(violation.rule, violation.history, violation.line, violation.text)
-- end
-- @treturn table report, as of `judge`
-- @error nil, message, code: "unreadable", a file; "invalid", a line that is no event; "not_exist", there are no files;
-- "not_supported" without Lua's library io
function history.check(paths)
  if #paths == 0 then
    return nil, "there is no history to judge", "not_exist"
  end
  local histories = {}
  for i, path in ipairs(paths) do
    local text, message, code = read(path)
    if text then
      histories[i], message, code = reader.parse(text, path)
    end
    if not histories[i] then
      return nil, message, code
    end
  end
  return judge.judge(histories)
end

return history
