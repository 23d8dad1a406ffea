local handles = require "spec.helpers.handles"

local open, dispatch_until = handles.open, handles.dispatch_until
local member = handles.member
local fails = handles.fails
after_each(handles.close_all)

describe("handle:join", function()
  it("is followed by config_change, then ring_change", function()
    local handle, record = member()
    dispatch_until(handle, function() return #record.rings > 0 end)
    local config = record.configs[1]
    assert.equal(1, #config.members)
    assert.equal(0, #config.left)
    assert.equal(handle:address(), config.joined[1])
    assert.equal("join", config.joined[1].reason)
    assert.same({ handle:address().node }, record.rings[1].nodes)
    assert.equal(handle:address().node, record.rings[1].ring.node)
    assert.is_number(record.rings[1].ring.seq)
  end)

  it("fails for an empty name and for one of 129 bytes", function()
    local handle = open()
    fails("invalid_param", handle:join(""))
    fails("name_too_long", handle:join(("x"):rep(129)))
    assert.is_true(handles.join(handle, ("x"):rep(128)))
  end)

  it("accepts names with any bytes", function()
    local name = "with\0nul and \255"
    local handle = member(name)
    local found
    for each, members in assert(handle:groups()) do
      if each == name then
        found = members
      end
    end
    assert.equal(handle:address(), found[1])
    assert.equal(1, #handle:members(name))
    assert.equal(0, #handle:members("with"))
  end)

  it("fails a second time", function()
    local handle = member()
    assert.matches("already joined", fails("exist", handle:join("another")))
  end)

  it("fails for a second handle of the process in the same group", function()
    member("twice")
    assert.matches("^cannot join group 'twice': another handle of this Lua state is in that group: ",
      fails("exist", open():join("twice")))
  end)

  it("fails beside an open handle that has left the group", function()
    local handle = member("left, not closed")
    assert.is_true(handle:leave())
    assert.matches("another handle of this Lua state has left that group and is still open: close it first",
      fails("exist", open():join("left, not closed")), 1, true)
  end)

  it("fails for a process of the same pid in another PID namespace, with the reason", function()
    local join = [[
      local handle = assert(require("corosync.cpg").open {})
      local _, message, code
      repeat _, message, code = handle:join "same pid" until code ~= "try_again"
      print(message) ]]
    local path = os.tmpname()
    finally(function() os.remove(path) end)
    local file = assert(io.open(path, "w"))
    assert(file:write(join, [[io.stdout:flush() if arg[1] then os.execute(arg[1]) end handle:close()]]))
    file:close()
    local interpreter = os.getenv("LUA"):match "%S+$"
    -- The first program of a PID namespace has the pid 1.
    local inner = ("unshare --pid --fork %s %s"):format(interpreter, path)
    local pipe = io.popen(("unshare --pid --fork %s %s '%s'"):format(interpreter, path, inner))
    assert.equal("nil", pipe:read "*l")
    assert.matches("a process with the same pid in another PID namespace", pipe:read "*l", 1, true)
    pipe:close()
  end)

  it("fails after leave instead of spinning in libcpg", function()
    local handle, record = member()
    assert.is_true(handle:leave())
    dispatch_until(handle, function() return #record.configs > 1 end)
    assert.equal("leave", record.configs[2].left[1].reason)
    assert.equal(handle:address(), record.configs[2].left[1])
    fails("left", handle:join("another"))
    assert.matches("the handle has left its group", fails("not_joined", handle:leave()))
  end)
end)
