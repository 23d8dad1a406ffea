local cpg = require "corosync.cpg"
local handles = require "spec.helpers.handles"
local process = require "spec_process"

local open, dispatch_until = handles.open, handles.dispatch_until
local member = handles.member
local fails = handles.fails
after_each(handles.close_all)

describe("cpg.open", function()
  it("raises for unknown fields, naming them and what was probably meant", function()
    for field, meant in pairs { mesage_received = "message_received", pak = "pack", Pack = "pack", packs = "pack",
      configchange = "config_change", widnow = "window", mesage_recceived = "message_received" } do
      assert.error_matches(function() cpg.open { [field] = print } end,
        ("unknown field '%s': did you mean '%s'%%?"):format(field, meant))
    end
    assert.error_matches(function() cpg.open { sending = print } end, "unknown field 'sending'%)")
    assert.error_matches(function() cpg.open { print } end, "unknown field 'number'%)")
  end)

  it("raises for fields of the wrong type, naming them", function()
    assert.error_matches(function() cpg.open { config_change = 1 } end, "'config_change'")
    assert.error_matches(function() cpg.open { split = "yes" } end, "'split'")
    assert.error_matches(function() cpg.open() end, "table expected")
  end)

  it("fails with a hint when Corosync is not running", function()
    local script = [[local _, message, code = require("corosync.cpg").open {} print(message) print(code)]]
    local pipe = io.popen(("unshare -n %s -e '%s'"):format(os.getenv("LUA"):match "%S+$", script))
    local message, code = pipe:read("*l"), pipe:read("*l")
    pipe:close()
    assert.matches("cannot reach Corosync's cpg service: Corosync is not running: start it", message, 1, true)
    assert.equal("not_connected", code)
  end)

  it("returns independent handles", function()
    local one, other = open(), open()
    assert.is_true(one:close())
    assert.is_true(one:close())
    assert.is_number(other:fd())
    assert.matches("^corosync.cpg %(closed%)", tostring(one))
    assert.matches("^corosync.cpg %(open%)", tostring(other))
  end)

  it("protects the metatable of handles", function()
    assert.equal("locked", getmetatable(open()))
  end)
end)

describe("a closed cpg handle", function()
  it("fails with closed in every method that needs the connection", function()
    local handle = open()
    handle:close()
    for _, method in ipairs { "join", "send" } do
      fails("closed", handle[method](handle, "x"))
    end
    for _, method in ipairs { "leave", "dispatch", "receive", "fetch", "wait", "fd", "address", "members", "groups",
      "max_message_size", "flow_control" } do
      fails("closed", handle[method](handle))
    end
  end)

  it("results from leaving the scope of a <close> variable", function()
    if _VERSION < "Lua 5.4" then
      return
    end
    local chunk = assert(load "local open = ... local handle <close> = open() return handle")
    assert.matches("closed", tostring(chunk(open)))
  end)

  it("results from garbage collection", function()
    local name = handles.group_name()
    local observer, record = member(name)
    assert.is_not_nil(observer)
    do
      local other = assert(cpg.open {})
      fails("exist", other:join(name)) -- one process is in a group once
    end
    observer:close()
    handles.made[#handles.made] = nil
    observer = nil -- luacheck: ignore 311
    collectgarbage()
    collectgarbage()
    assert(handles.join(open(), name))
    assert.equal(1, #record.configs)
  end)
end)

describe("a cpg handle in a forked child", function()
  it("fails in every method; the parent's connection still works after the child ends", function()
    local handle, record = member()
    local status = process.fork(function()
      local codes = {}
      for _, method in ipairs { "leave", "dispatch", "receive", "fetch", "wait", "fd", "address", "members", "groups",
        "max_message_size", "flow_control", "counters", "close" } do
        codes[#codes + 1] = select(3, handle[method](handle))
      end
      codes[#codes + 1] = select(3, handle:send("x"))
      codes[#codes + 1] = select(3, handle:join("x"))
      for _, code in ipairs(codes) do
        if code ~= "wrong_process" then
          return false
        end
      end
      handle, handles.made = nil, nil
      collectgarbage()
      return #codes == 15
    end)
    assert.equal(0, status)
    assert(handle:send("still here"))
    dispatch_until(handle, function() return #record.messages == 1 end)
  end)
end)
