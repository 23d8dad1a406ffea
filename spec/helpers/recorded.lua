-- The history that a script writes with its group, in a folder of its own from `begin` to `clean`.
local assert = require "luassert"
local follower = require "cpgrun.check.history_follower"
local groups = require "spec.helpers.groups"
local history = require "corosync.history"
local uv = require "luv"

local recorded = {}

local folder

function recorded.begin()
  folder = assert(uv.fs_mkdtemp "/tmp/history-XXXXXX")
end

function recorded.clean()
  groups.clean()
  for _, path in ipairs(follower.files_in(folder)) do
    os.remove(path)
  end
  assert(uv.fs_rmdir(folder))
end

-- Runs code with the locals `history` and `group`, a group that records.
function recorded.run(code)
  local program = groups.spawn { groups.interpreter, "-e", ([[
    local corosync, history = require "corosync", require "corosync.history"
    assert(history.record %q)
    local group = corosync.group("recorded", {})
    assert(group:activate())
    %s]]):format(folder, code) }
  assert.equal(0, (assert(program:wait(60))), table.concat(program.errors, "\n"))
end

-- The paths of the histories, one for each group.
function recorded.files()
  return follower.files_in(folder)
end

-- The lines of the history, one by one.
function recorded.lines()
  return io.lines((follower.files_in(folder))[1])
end

-- The checker's report.
function recorded.check()
  return assert(history.check(follower.files_in(folder)))
end

return recorded
