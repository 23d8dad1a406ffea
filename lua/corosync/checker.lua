--- Checks histories of the members of a group against the guarantees of extended virtual synchrony (Moser, Amir,
-- Melliar-Smith, Agarwal, 1994) and of this library. Each guarantee is a rule with a name; docs/testing.md lists them.
-- `corosync.history` records histories.
--
-- Messages are told apart by a digest of at most 192 of their bytes and their length: a handler must compare every byte
-- itself. Messages longer than Corosync's limit, which libcpg sends in pieces, need not reach all members: see
-- `exempted` in the report.
-- @module corosync.checker

--- What `check` and `check_files` return.
-- @table report
-- @tfield boolean ok nothing is violated or undecided
-- @tfield violation[] violations 100 at most
-- @tfield violation[] undecided what the rule `linearizable` could neither accept nor call a violation; 100 at most
-- @tfield table<string,integer> exempted how often each known fault of Corosync was met, by its name
-- @tfield table<string,integer> figures how many `histories`, `lives` (each from a join to its end), `configurations`,
-- `messages`, `deliveries`, `operations` and `claims` (notes of what the rules `unique` and `exclusive` judge)

--- One violation of a rule.
-- @table violation
-- @tfield string rule its name
-- @tfield string text
-- @tfield string history the history's name
-- @tfield integer line the line in it; 0: all of it

local errors = require "corosync.errors"
local parser = require "corosync.checker.parser"
local reports = require "corosync.checker.report"
local rules = require "corosync.checker.rules"
local traces = require "corosync.checker.trace"

local checker = {}

--- Parses a history.
-- @function parse
-- @tparam string text
-- @tparam string name for messages
-- @treturn table the history: `name`, and `events`
-- @error nil, message, code: "invalid", with the number of the invalid line
checker.parse = parser.parse

-- A function that calls the hooks of that name.
local function notifier(report)
  local by_hook = setmetatable({}, { __index = function(all, hook)
    local with_hook = {}
    for _, rule in ipairs(rules) do
      with_hook[#with_hook + 1] = rule[hook] and rule or nil
    end
    all[hook] = with_hook
    return with_hook
  end })
  return function(hook, ...)
    for _, rule in ipairs(by_hook[hook]) do
      rule[hook](report, ...)
    end
  end
end

local function figures_of(trace)
  local figures = { histories = #trace.members, lives = #trace.sessions, configurations = 0, messages = 0,
    deliveries = 0, operations = 0, claims = 0 }
  for _, session in ipairs(trace.sessions) do
    figures.configurations = figures.configurations + #session.configurations
    for _, configuration in ipairs(session.configurations) do
      figures.deliveries = figures.deliveries + #configuration.deliveries
    end
  end
  for _, member in ipairs(trace.members) do
    figures.messages = figures.messages + member.certain
    figures.operations = figures.operations + #member.operations
    figures.claims = figures.claims + member.claims
  end
  return figures
end

--- Checks histories that belong together: those of all processes that were members.
-- @tparam table[] histories as `parse` returns them
-- @raise when there are none
-- @treturn report
function checker.check(histories)
  if type(histories) ~= "table" or #histories == 0 then
    errors.raise("bad argument #1 to 'check' (histories: a table with one or more expected)")
  end
  local report = reports.new()
  local trace = traces.of(histories, notifier(report))
  for _, rule in ipairs(rules) do
    if rule.check then
      rule.check(trace, report)
    end
  end
  return { ok = #report.violations == 0 and #report.undecided == 0, violations = report.violations,
    undecided = report.undecided, exempted = report.exempted, figures = figures_of(trace) }
end

-- A folder can be opened, but not read.
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

--- Reads and checks files: those of all processes that were members.
-- @tparam string[] paths
-- @usage
-- local report = assert(require("corosync.checker").check_files(paths))
-- for _, violation in ipairs(report.violations) do
--   print(("%s: %s (%s:%d)"):format(violation.rule, violation.text, violation.history, violation.line))
-- end
-- @treturn report
-- @error nil, message, code: "unreadable" for a file; "invalid" for a line; "not_exist" when there are no files;
-- "not_supported" without Lua's library io
function checker.check_files(paths)
  if #paths == 0 then
    return nil, "no history to check: the list of files is empty", "not_exist"
  end
  local histories = {}
  for i, path in ipairs(paths) do
    local text, message, code = read(path)
    if text then
      histories[i], message, code = parser.parse(text, path)
    end
    if not histories[i] then
      return nil, message, code
    end
  end
  return checker.check(histories)
end

return checker
