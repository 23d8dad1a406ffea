local KEY = require "corosync.private"
local groups = require "spec.helpers.groups"
local loop = require "corosync.loop"
local loops = require "spec.helpers.loops"

local LIMIT = 4000000 -- so 1 MB of the group's own messages may wait
local BIG = ("x"):rep(200000)

describe("send_message in corosync.loop", function()
  after_each(groups.clean)

  local group, outcomes, handled

  -- Its handler sends a message for each one that it handles.
  before_each(function()
    outcomes, handled = {}, 0
    group = groups.new { reader = { limit = LIMIT }, message_received = function(_, message)
      handled = handled + 1
      if message == BIG then
        outcomes[#outcomes + 1] = select(3, group:send_message(BIG)) or "sent"
      end
    end }
    assert(loop.add(group))
  end)

  -- Calls an action in a timer, and runs the loop until it has returned.
  local function in_timer(action)
    local result
    loops.after(50, function()
      result = { pcall(action) }
      loop.stop()
    end)
    loops.run()
    assert.is_true(result[1], result[2])
  end

  local function send_big()
    local ok, message, code = group:send_message(BIG)
    loops.must(ok, tostring(message) .. " " .. tostring(code))
  end

  it("gets the room that its handlers make, although they send too", function()
    group.timeout = 20
    in_timer(function()
      for _ = 1, 20 do send_big() end
    end)
    assert.is_true(handled >= 15, handled)
    for _, outcome in ipairs(outcomes) do
      assert.is_true(outcome == "sent" or outcome == "backlog", outcome)
    end
  end)

  it("fails with backlog, of any size, inside a handler that a waiting send calls, and works afterwards", function()
    local small = {}
    group[KEY].handlers.message_received = function()
      small[#small + 1] = select(3, group:send_message "small") or "sent"
    end
    in_timer(function()
      for _ = 1, 6 do send_big() end
    end)
    assert.is_true(#small > 0)
    for _, outcome in ipairs(small) do
      assert.equal("backlog", outcome)
    end
    assert.is_true(group:send_message "small")
    assert(groups.eventually(function() return small[#small] == "sent" end))
    group[KEY].handlers.message_received = nil
  end)

  it("works after a send in whose wait an error was raised", function()
    local record = group[KEY]
    local hooks = record.hooks
    in_timer(function()
      record.hooks = setmetatable({ dispatch = function() error("no memory", 0) end }, { __index = hooks })
      local ok, problem
      repeat ok, problem = pcall(send_big) until not ok
      record.hooks = hooks
      loops.must(problem == "no memory", problem)
      assert(group:wait_for(function() return handled >= 1 end))
    end)
    assert.equal("sent", outcomes[1])
  end)
end)
