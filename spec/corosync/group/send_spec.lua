local groups = require "spec.helpers.groups"

local refused, recorder, texts = groups.refused, groups.recorder, groups.texts

local LONGEST_MESSAGE = 1047552

local eventually, joined, new, reaches = groups.eventually, groups.joined, groups.new, groups.reaches

describe("group:send_message", function()
  after_each(groups.clean)

  it("waits for the join", function()
    local handlers, seen = recorder()
    local group = new(handlers)
    assert(group:activate())
    assert.equal(0, #seen.configs)
    assert.is_true(group:send_message "early")
    assert.equal(1, #seen.configs)
    assert(eventually(function() return #seen.messages == 1 end))
    assert.equal("early", seen.messages[1].text)
    assert.is_true(seen.messages[1].address == group:address())
  end)

  it("sends an array of strings as one message", function()
    local handlers, seen = recorder()
    local group = joined(handlers)
    assert(group:send_message { "one", "", "\0", "two" })
    assert(group:send_message {})
    assert(group:send_message "")
    assert(eventually(function() return #seen.messages == 3 end))
    assert.same({ "one\0two", "", "" }, texts(seen))
  end)

  it("accepts the guarantees agreed and fifo", function()
    local handlers, seen = recorder()
    local group = joined(handlers)
    assert.is_true(group:send_message("a", "agreed"))
    assert.is_true(group:send_message("f", "fifo"))
    assert(eventually(function() return #seen.messages == 2 end))
  end)

  it("raises for anything but strings", function()
    local group = joined()
    local function wrong(number, ...)
      local ok, message = pcall(function(...) group:send_message(...) end, ...)
      assert.is_false(ok)
      assert.matches(("send_spec%%.lua:%%d+: bad argument #%d to 'send_message'"):format(number), message)
    end
    for _, other in ipairs { true, { {} }, { "text", false }, print } do
      wrong(1, other)
    end
    wrong(1)
    wrong(2, "u", "unordered")
    wrong(2, "u", 1)
  end)

  it("fails while the group is inactive", function()
    local group = new()
    refused("not_joined", group:send_message "before")
    assert(group:activate())
    assert(reaches(group, "joined"))
    assert(group:deactivate())
    refused("not_joined", group:send_message "leaving")
    assert(reaches(group, "idle"))
    refused("not_joined", group:send_message "after")
  end)

  it("sends messages up to the maximum size that Corosync keeps whole", function()
    local handlers, seen = recorder()
    local group = joined(handlers)
    refused("too_big", group:send_message(("x"):rep(LONGEST_MESSAGE + 1)))
    refused("too_big", group:send_message { ("x"):rep(LONGEST_MESSAGE), "x" })
    assert.is_true(group:send_message(("x"):rep(LONGEST_MESSAGE)))
    assert(eventually(function() return #seen.messages == 1 end))
    assert.equal(LONGEST_MESSAGE, #seen.messages[1].text)
  end)

  it("sends up to 63 strings as one message", function()
    local handlers, seen = recorder()
    local group = joined(handlers)
    local strings = {}
    for i = 1, 64 do strings[i] = "x" end
    refused("too_many", group:send_message(strings))
    strings[64] = nil
    assert.is_true(group:send_message(strings))
    assert(eventually(function() return #seen.messages == 1 end))
    assert.equal(("x"):rep(63), seen.messages[1].text)
  end)

  it("works inside handlers", function()
    local group, outcomes, received = nil, {}, {}
    group = new {
      config_change = function() outcomes[#outcomes + 1] = group:send_message "from config_change" end,
      ring_change = function() outcomes[#outcomes + 1] = group:send_message "from ring_change" end,
      message_received = function(_, message)
        received[#received + 1] = message
        if #received < 5 then outcomes[#outcomes + 1] = group:send_message("after " .. #received) end
      end,
    }
    assert(group:activate())
    assert(eventually(function() return #received == 6 end))
    assert.same({ "from config_change", "from ring_change", "after 1", "after 2", "after 3", "after 4" }, received)
    assert.same({ true, true, true, true, true, true }, outcomes)
  end)

  it("sends more inside a handler than Corosync's queue holds", function()
    local group, received = nil, {}
    group = joined {
      message_received = function(_, message)
        received[#received + 1] = message
        if message == "go" then
          for i = 1, 3000 do assert(group:send_message(tostring(i))) end
        end
      end,
    }
    assert(group:send_message "go")
    assert(eventually(function() return #received == 3001 end))
    for i = 1, 3000 do assert.equal(tostring(i), received[i + 1]) end
  end)

  it("fails with backlog while too many sent messages are unhandled, and works again afterwards", function()
    local handled, sent, ok, why, code = 0, 0
    local group = joined { reader = { limit = 100000 }, message_received = function() handled = handled + 1 end }
    repeat
      ok, why, code = group:send_message(("x"):rep(1000))
      sent = ok and sent + 1 or sent
    until not ok
    assert.matches("wait to be handled have reached .*: handle events", refused("backlog", ok, why, code))
    assert.is_true(sent >= 20 and sent <= 25, sent)
    assert.equal(0, handled)
    assert(eventually(function() return handled == sent end))
    assert(group:send_message "again")
  end)

  it("does not wait for room when timeout is 0", function()
    local handled, sent = 0, 0
    local group = joined { message_received = function() handled = handled + 1 end }
    local message, ok, problem, code = ("x"):rep(LONGEST_MESSAGE), true, nil, nil
    group.timeout = 0
    while ok and sent < 1000 do
      ok, problem, code = group:send_message(message)
      sent = sent + (ok and 1 or 0)
    end
    refused("timeout", ok, problem, code)
    assert.equal(0, handled)
    assert(eventually(function() return handled == sent end))
    assert(group:send_message "x")
    assert(eventually(function() return handled == sent + 1 end))
  end)
end)

describe("a group with split = true", function()
  local long = ("x"):rep(3000000)

  after_each(groups.clean)

  local function takes_long_messages(handlers)
    local seen
    handlers.message_received = function(...) seen = select(select("#", ...), ...) end
    local group = groups.joined(handlers)
    local ok, message, code
    repeat -- again, while members of earlier specs go
      ok, message, code = group:send_message(long)
    until code ~= "interrupt"
    assert(ok, message)
    assert(groups.eventually(function() return seen ~= nil end))
    assert.is_true(seen == long)
  end

  it("sends messages longer than Corosync delivers as one", function()
    takes_long_messages { split = true }
    local class = { split = true }
    class.__index = class
    takes_long_messages(class)
  end)
end)
