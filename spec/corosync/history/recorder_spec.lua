-- Groups record their events as they happen.
local corosync = require "corosync"
local groups = require "spec.helpers.groups"
local history = require "corosync.history"
local uv = require "luv"
local follower = require "cpgrun.check.history_follower"

describe("a recorded history", function()
  local folder

  before_each(function() folder = assert(uv.fs_mkdtemp "/tmp/history-XXXXXX") end)

  local function files() return follower.files_in(folder) end

  after_each(function()
    groups.clean()
    for _, path in ipairs(files()) do
      os.remove(path)
    end
    assert(uv.fs_rmdir(folder))
  end)

  local function run(script)
    local program = groups.spawn { groups.interpreter, "-e", script }
    assert.equal(0, (assert(program:wait(60))), table.concat(program.errors, "\n"))
    return program
  end

  local function lines_of(path)
    local lines = {}
    for line in io.lines(path) do
      lines[#lines + 1] = line
    end
    return lines
  end

  it("is written while groups run, and passes the checker", function()
    local script = ([[
      local corosync, history = require "corosync", require "corosync.history"
      assert(history.record %q)
      local count = 0
      local group = corosync.group("recorded", {
        config_change = function() end,
        message_received = function(_, message)
          count = count + 1
          if message == "error" then
            history.note(group, "raise e1")
            error "raised e1"
          end
        end,
        error = function() end,
      })
      _G.group = group
      assert(group:activate())
      for _, message in ipairs { "", "one", "one", "error", { "two", "three" } } do
        assert(group:send_message(message))
      end
      assert(group:wait_for(function() return count == 5 end))
      history.note(group, "quiet")
      history.note(group, "settled")
      assert(group:deactivate())
      assert(group:wait_for(function() return tostring(group):find "idle" end))
      local second = corosync.group("recorded", { message_received = function() count = count + 1 end })
      assert(second:activate() and second:send_message "again")
      assert(second:wait_for(function() return count == 6 end))
      pcall(second.send_message, "no group", "message")]]):format(folder)
    run(script)
    local report = assert(history.check(files()))
    assert.same({}, report.violations)
    assert.same({ 2, 6, 6 }, { report.figures.lives, report.figures.messages, report.figures.deliveries })
    assert.equal(1, #files())
    assert.is_nil(corosync.history)
  end)


  it("includes groups activated later, each once", function()
    local program = run(([[
      local corosync, history = require "corosync", require "corosync.history"
      local early = corosync.group("early", {})
      assert(early:activate() and early:send_message "one")
      assert(history.record %q)
      print(history.record "/tmp/other")
      assert(early:send_message "two")
      history.note(early, "quiet")
      local late = corosync.group("late", {})
      assert(late:activate() and late:send_message "three")
      assert(not pcall(late.send_message, late, { "four", 4 }))
      local holed = { "four", "five", "six", "seven" }
      holed[2] = nil
      print(select(2, pcall(late.send_message, late, holed)):match "%%[2%%] is a nil")
      assert(not pcall(late.send_message, late, { four = "five" }))
      assert(not pcall(late.send_message, late, false))]]):format(folder))
    assert.same({ ("nil\tthis process already records in %s\texist"):format(folder), "[2] is a nil" }, program.lines)
    assert.equal(1, #files())
    local lines = lines_of(files()[1])
    assert.matches("^time %d+%.%d%d%d$", lines[1])
    assert.same({ "group late", "activate" }, { lines[2], (lines[3]:find "^time" and lines[4] or lines[3]) })
    assert.equal(1, select(2, table.concat(lines, "\n"):gsub("send ", "")))
    assert.equal("answer 1 true", lines[#lines])
  end)

  it("rejects lines that it did not write", function()
    local group = groups.new {}
    for _, line in ipairs { "nonsense", "raise", "raise an error", "message 1:10 1:0a", "quiet\nsettled", "usage 1" } do
      local ok, message = pcall(history.note, group, line)
      assert.is_false(ok)
      assert.matches("bad argument #2 to 'note' %(line: .* expected, got '" .. line:sub(1, 4), message)
    end
    assert.matches("expected, got nil", (select(2, pcall(history.note, group))))
    for _, other in ipairs { "group", {}, 1 } do
      assert.has_error(function() history.note(other, "quiet") end,
        "bad argument #1 to 'note' (group expected, got " .. type(other) .. ")")
    end
    assert.is_nil(history.note(group, "quiet"))
  end)

  it("closes the files of groups that left and appends after a rejoin", function()
    run(([[
      local corosync, history, uv = require "corosync", require "corosync.history", require "luv"
      assert(history.record %q)
      local function descriptors()
        local count = 0
        for _ in uv.fs_scandir_next, assert(uv.fs_scandir "/proc/self/fd") do count = count + 1 end
        return count
      end
      local function visit(name)
        local group = corosync.group(name, {})
        assert(group:activate() and group:send_message "" and group:deactivate())
        assert(group:wait_for(function() return not group:is_active() and tostring(group):find "idle" end))
      end
      visit "first"
      local before = descriptors()
      for i = 1, 10 do visit("group " .. i) end
      visit "first"
      assert(descriptors() == before, descriptors() .. " descriptors, and " .. before .. " before")]]):format(folder))
    assert.equal(11, #files())
    local report = assert(history.check(files()))
    assert.same({}, report.violations)
    assert.equal(12, report.figures.lives)
  end)

  it("is not changed by another object of the same name", function()
    run(([[
      local corosync, history = require "corosync", require "corosync.history"
      assert(history.record %q)
      local group = corosync.group("one", {})
      assert(group:activate() and group:send_message "")
      assert(select(3, corosync.group("one", {}):activate()) == "exist")
      assert(group:wait_for(function() return true end))]]):format(folder))
    assert.not_matches("deactivate", table.concat(lines_of(files()[1]), "\n"))
  end)

  it("that cannot be written is reported once, and the group continues", function()
    local program = run [[
      local corosync, history = require "corosync", require "corosync.history"
      assert(history.record "/nonexistent")
      local came = {}
      local group = corosync.group("kept", { message_received = function(_, message) came[#came + 1] = message end })
      assert(group:activate() and group:send_message "one" and group:send_message "two")
      assert(group:wait_for(function() return #came == 2 end))
      print(table.concat(came, " "))]]
    assert.same({ "one two" }, program.lines)
    assert.equal(1, #program.errors)
    assert.matches("^corosync: cannot record group 'kept' any more: /nonexistent/.*No such file", program.errors[1])
  end)

  it("stays in its folder when the working folder changes", function()
    run(([[
      local corosync, history, uv = require "corosync", require "corosync.history", require "luv"
      uv.chdir %q
      assert(history.record ".")
      uv.chdir "/"
      assert(corosync.group("moved", {}):activate())]]):format(folder))
    assert.equal(1, #files())
  end)

  it("in a trace stays there, too, when the trace is full", function()
    run(([[
      local history, trace, uv = require "corosync.history", require "corosync.history.trace", require "luv"
      uv.chdir %q
      assert(history.trace "trace")
      uv.chdir "/"
      for _ = 1, 17 do assert(trace.write("a", ("x"):rep(2 ^ 20))) end]]):format(folder))
    assert(os.remove(folder .. "/trace") and os.remove(folder .. "/trace.1"))
  end)

  it("needs a path", function()
    for _, name in ipairs { "record", "trace" } do
      assert.error_matches(function() history[name]() end, ("bad argument #1 to '%s' %%(string expected"):format(name))
    end
  end)
end)
