local handles = require "spec.helpers.handles"
local process = require "spec_process"

local open = handles.open
local group_name = handles.group_name

after_each(handles.close_all)

describe("handle:wait", function()
  it("returns after its time, and at once when an event is there", function()
    handles.wait_until_no_groups()
    local handle = open()
    assert.is_false(handle:wait(0))
    assert.is_false(handle:wait(0.01))
    assert(handles.join(handle, group_name()))
    assert.is_true(handle:wait(60))
    assert.is_true(handle:wait())
    assert.error_matches(function() handle:wait(-1) end, "seconds")
  end)

  it("is not interrupted by signals", function()
    local now = require("corosync.core").now
    handles.wait_until_no_groups()
    local handle = open()
    process.alarm_every(0.02)
    local from = now()
    assert.is_false(handle:wait(0.3))
    process.alarm_every(0)
    assert.is_true(now() - from >= 0.3)
  end)

  it("is interrupted by Ctrl-C in the lua program", function()
    -- There is no way to see that a process has entered wait. os.execute would ignore the signal.
    local script = [[
      local handle = assert(require("corosync.cpg").open {})
      local killer = io.popen "sleep 0.3; kill -INT $PPID"
      handle:wait()
    ]]
    local pipe = io.popen(("timeout 60 %s -e '%s' 2>&1"):format(os.getenv("LUA"):match "%S+$", script))
    assert.matches("interrupted!", pipe:read "*a")
    pipe:close()
  end)
end)
