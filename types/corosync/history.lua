---@meta corosync.history
-- Written by `make types` from the doc comments.

--- Histories: records of each member's sends and events, which `corosync.checker` checks.
---
--- A history is a text file for one group in one process, with one event per line. It is written without a buffer, and a
--- send is written before it is tried: the file is complete when the process is killed.
---@class corosync.history
local module = {}

--- Records all groups of this process that are activated after this call, except those that are already connected (by
--- `address` or `members`, for example). When a file cannot be written, this is reported once, like an error without an
--- error handler, and the group continues without it.
---@param folder string an existing folder for the files
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "exist" when this process is already recording; "not_supported" without Lua's library io
function module.record(folder) end

--- Records all groups of this process in one file, which `cpgrun draw` draws. At 16 MiB the file is renamed to
--- FILE.1, and a new one begins. As for `record`, groups must be activated after this call, and a process
--- records only once. A process that is restarted may append to the same file.
---@param file string
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "exist" when this process is already recording; "unwritable" for the file; "not_supported" without Lua's library io
function module.trace(file) end

--- Writes a line of the script's own into a group's history, if it is recorded: "quiet" (the member has received all
--- its messages), "settled" (once, before any member leaves: all members have the same view), "raise word" (an error
--- follows whose message contains that word of letters, digits and "_"), or "usage descriptors kilobytes".
---@param group corosync.group.Group
---@param line string
function module.note(group, line) end

--- Begins an operation on an object that members share, and writes it into the group's history, if that is recorded.
--- The rule `linearizable` checks all operations (docs/testing.md). Call this before anything is sent.
---
--- Values are strings, numbers, booleans or nil. If `call` is a string, spaces separate the values, and "-" is nil.
---@param group corosync.group.Group
---@param fields table `object`, a name; `key`, the part of it that is used, for objects whose keys are independent; `call`, a text such as "add 1", or a table such as { "add", 1 }; `read`, whether the operation changes nothing
---@return corosync.history.Operation # to be ended by one of its methods; an operation that has not ended counts as unknown
function module.operation(group, fields) end

--- Notes a value that no member of the group may ever note again, in the group's history, if that is recorded: a token,
--- or the number of a task that must run only once. The rule `unique` checks these notes. In scripts for cpgrun this is
--- `check.unique(kind, value)`.
---@param group corosync.group.Group
---@param kind string values of different kinds are not compared
---@param value string|number|boolean
function module.unique(group, kind, value) end

--- Notes that this member holds something from now on, in the group's history, if that is recorded. The rule
--- `exclusive` checks these notes: no two members hold a name at the same time, and tokens grow from one holder to the
--- next. The times are those of the machine's monotonic clock. A holder that was killed counts as the holder only until
--- its last note, so note the name again, with the same token, while it is used. In scripts for cpgrun this is
--- `check.holds(name, token)`.
---@param group corosync.group.Group
---@param name string
---@param token integer 0 to 2^53
function module.holds(group, name, token) end

--- Notes that this member no longer holds something. Call it before another can get it. In scripts for cpgrun this is
--- `check.released(name)`.
---@param group corosync.group.Group
---@param name string
function module.released(group, name) end

---@class corosync.history.Operation
local Operation = {}

--- Ends the operation: it has taken effect.
---@param result any a string, a number, a boolean or nil
---@param index? integer its place in the group's log; for a read, that of the last change that it saw. Either all operations on an object have an index, or none.
function Operation:ok(result, index) end

--- Ends the operation: it has not taken effect, and never will.
---@param code string why
function Operation:failed(code) end

--- Ends the operation: it may have taken effect, or may take effect later.
---@param code string why
function Operation:unknown(code) end

--- The same as `corosync.checker.parse`.
---@param text string
---@param name string for messages
---@return table|nil # the history: `name`, and `events`
---@return string|nil # why it failed
---@return string|nil # "invalid", with the number of the invalid line
function module.parse(text, name) end

--- The same as `corosync.checker.check`.
---@param histories table[]
---@return corosync.checker.report
function module.judge(histories) end

--- The same as `corosync.checker.check_files`.
---@param paths string[]
---@return corosync.checker.report|nil
---@return string|nil # why it failed
---@return string|nil # "unreadable" for a file; "invalid" for a line; "not_exist" when there are no files; "not_supported" without Lua's library io
function module.check(paths) end

return module
