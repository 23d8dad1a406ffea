-- Messages in a row as one string, which nginx's workers share.
local core = require "corosync.core"
local handles = require "spec.helpers.handles"

local cpg = core.cpg

after_each(handles.close_all)

-- All events that handle:receive_run returns until so many messages have come: each a list.
local function receive_runs(handle, bytes, count)
  local events, messages = {}, 0
  while messages < count do
    local event = { handle:receive_run(bytes) }
    if event[1] then
      events[#events + 1] = event
      messages = messages + (event[1] == "messages" and event[3] or 0)
    else
      assert.is_nil(event[3])
      handle:wait(1)
    end
  end
  return events
end

local function unpack_all(run)
  local messages, offset, _ = {}, 0, nil
  while offset < #run do
    _, _, messages[#messages + 1], offset = cpg.unpack(run, offset)
  end
  return messages
end

-- A member that has received its join.
local function joined()
  local handle = handles.open()
  assert(handles.join(handle, handles.group_name()))
  repeat
    handle:wait(1)
  until handle:receive_run(100) == "config"
  return handle
end

describe("messages in a row", function()
  it("come as one string with their senders, up to the next event of another kind", function()
    local handle = joined()
    local sent = { "one", "", "\0binary\0", ("x"):rep(300) }
    for _, message in ipairs(sent) do assert(handle:send(message)) end
    assert(handle:leave())
    local got, own = {}, handle:address()
    for _, event in ipairs(receive_runs(handle, 65536, #sent)) do
      if event[1] == "messages" then
        local node, pid = cpg.unpack(event[2], 0)
        assert.same({ own.node, own.pid }, { node, pid })
        for _, message in ipairs(unpack_all(event[2])) do got[#got + 1] = message end
      end
    end
    assert.same(sent, got)
    assert.same({ #sent, #table.concat(sent) }, { handle:counters().received, handle:counters().received_bytes })
    repeat until handle:receive_run(65536) == "config" or not handle:wait(1)
  end)

  it("fit into so many bytes, unless one is longer", function()
    local handle = joined()
    for i = 1, 10 do assert(handle:send(("%02d"):format(i):rep(50))) end
    assert(handle:send(("x"):rep(5000)))
    local longest = 0
    for _, event in ipairs(receive_runs(handle, 400, 11)) do
      if event[1] == "messages" then
        assert.is_true(event[3] == 1 or #event[2] <= 400)
        longest = math.max(longest, #unpack_all(event[2])[1])
      end
    end
    assert.equal(5000, longest)
  end)

  it("are skipped and unpacked without reading behind the string", function()
    local handle = joined()
    for i = 1, 5 do assert(handle:send(tostring(i))) end
    local run
    for _, event in ipairs(receive_runs(handle, 1000, 5)) do run = event[1] == "messages" and event[2] or run end
    local last = run:sub(cpg.skip(run, 0, #unpack_all(run) - 1) + 1)
    assert.same({ "5" }, unpack_all(last))
    assert.equal(#last, cpg.skip(last, 0, 1))
    for cut = 0, #last - 1 do
      assert.error_matches(function() cpg.unpack(last:sub(1, cut), 0) end, "bad argument")
    end
    for _, offset in ipairs { 1, #last, #last + 1, -1 } do
      assert.error_matches(function() cpg.unpack(last, offset) end, "bad argument")
    end
    assert.error_matches(function() cpg.skip(last, 0, 2) end, "bad argument")
    for _, bytes in ipairs { -1, 0 } do
      assert.error_matches(function() handle:receive_run(bytes) end, "no run of events is possible")
    end
  end)
end)
