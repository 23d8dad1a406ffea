-- A member that packs among members that do not, and among frames that no member sends.
local groups = require "spec.helpers.groups"
local handles = require "spec.helpers.handles"
local packing = require "spec.helpers.packing"
local program = require "spec.helpers.program"

local frame, header, inject, integer, piece =
  packing.frame, packing.header, packing.inject, packing.integer, packing.piece

local HUGE = ("\255"):rep(8) -- 2^64 - 1
local DAMAGED = "sent a damaged frame, which was dropped: check the program that sends it$"
local NEWER = "sends frames of a newer format: update lua%-corosync on this node$"
local FOREIGN = "sends messages that are not packed: use the option 'pack' in all members of a group, or in none$"
local TOO_LONG = "sends a message longer than this member's limit: set the same 'pack.limit' in all members of a group$"

after_each(packing.clean)

-- A member, its record, and so many programs that send any bytes.
local function among(count, more)
  local name = handles.group_name()
  local handle, record = packing.member(name, more)
  local others = {}
  for i = 1, count do
    others[i] = packing.observer(name)
  end
  handles.dispatch_until(handle, function() return #record.configs == 1 + count end)
  return handle, record, others, name
end

local marks = 0

-- What others have sent before is handled once a mark has come from each of them.
local function let_all_arrive(handle, record, others)
  local missing = {}
  for _, other in ipairs(others) do
    marks = marks + 1
    missing["mark " .. marks] = true
    inject(other, frame("mark " .. marks))
  end
  handles.dispatch_until(handle, function()
    for _, message in ipairs(record.messages) do
      missing[message[2]] = nil
    end
    return not next(missing)
  end)
end

-- The texts of all messages but the marks.
local function texts(record)
  local list = {}
  for _, text in ipairs(packing.texts(record)) do
    list[#list + 1] = not text:match "^mark %d+$" and text or nil
  end
  return list
end

describe("a cpg handle that packs", function()
  for what, bytes in pairs {
    ["a text"] = { "hello", FOREIGN }, ["an empty message"] = { "", FOREIGN }, ["one byte"] = { "\147", FOREIGN },
    ["a part of the magic"] = { "\147LC", FOREIGN }, ["another magic"] = { "\147LCQ\1\0\0\0", FOREIGN },
    ["the magic alone"] = { "\147LCP", DAMAGED }, ["a truncated header"] = { header():sub(1, 7), DAMAGED },
    ["a part of a length"] = { header() .. "\1\0\0", DAMAGED },
    ["a length beyond the frame"] = { header() .. integer(4, 4) .. "abc", DAMAGED },
    ["the longest length"] = { header() .. "\255\255\255\255", DAMAGED },
    ["a good message before a bad length"] = { frame("good") .. integer(2, 4) .. "b", DAMAGED },
    ["a message with bytes after it"] = { frame("good") .. "\0\0\0", DAMAGED },
    ["version 0"] = { header(0), NEWER }, ["version 2"] = { header(2) .. integer(1, 4) .. "x", NEWER },
    ["an unknown flag"] = { header(1, 2), NEWER }, ["all flags"] = { header(1, 255), NEWER },
    ["reserved bytes"] = { header(1, 0, 256), NEWER },
    ["a piece without a header"] = { header(1, 1), DAMAGED },
    ["a truncated piece header"] = { piece(10, 0, 1, ""):sub(1, 27), DAMAGED },
    ["a piece without bytes"] = { piece(10, 0, 1, ""), DAMAGED },
    ["a piece of a message of 0 bytes"] = { piece(0, 0, 1, "x"), DAMAGED },
    ["a piece beyond its message"] = { piece(10, 8, 1, "xyz"), DAMAGED },
    ["a piece with an offset beyond its message"] = { piece(10, 11, 1, "x"), DAMAGED },
    ["a piece with an offset at the end of its message"] = { piece(10, 10, 1, "x"), DAMAGED },
    ["a piece with the greatest offset"] = { piece(10, HUGE, 1, "xy"), DAMAGED },
    ["a piece with the greatest offset of the greatest message"] = { piece(HUGE, HUGE, 1, "xy"), DAMAGED },
    ["a piece of the greatest message"] = { piece(HUGE, 0, 1, "x"), TOO_LONG },
    ["a piece of a message one byte above the limit"] = { piece(64 * 1024 * 1024 + 1, 0, 1, "x"), TOO_LONG },
  } do
    it("reports " .. what .. " once, and delivers later messages of the same member", function()
      local handle, record, others = among(1)
      inject(others[1], bytes[1])
      inject(others[1], bytes[1])
      inject(others[1], frame "good later")
      let_all_arrive(handle, record, others)
      assert.same({ "good later" }, texts(record))
      assert.equal(1, #record.errors)
      assert.matches("^member " .. others[1].address .. " of group '.*' " .. bytes[2], record.errors[1])
      assert(handle:send "mine")
      handles.dispatch_until(handle, function() return #texts(record) == 2 end)
    end)
  end

  it("delivers no message of a frame that is damaged at its end", function()
    local handle, record, others = among(1)
    inject(others[1], frame("one", "two") .. "\9\0\0\0")
    let_all_arrive(handle, record, others)
    assert.same({}, texts(record))
    assert.equal(1, #record.errors)
  end)

  it("ignores pieces that do not continue a message, and delivers those that do", function()
    local handle, record, others = among(2)
    local one, two = others[1], others[2]
    inject(one, piece(10, 4, 1, "456789")) -- of a message never begun
    inject(one, piece(10, 0, 2, "abcd"))
    inject(one, piece(10, 8, 2, "ij")) -- out of order: drops it
    inject(one, piece(10, 4, 2, "efgh"))
    inject(one, piece(6, 0, 3, "one"))
    inject(two, piece(6, 0, 3, "two"))
    inject(one, piece(6, 3, 3, "ONE"))
    inject(one, piece(6, 3, 3, "ONE")) -- again
    inject(two, piece(6, 3, 3, "TWO"))
    inject(one, piece(6, 0, 4, "abc"))
    inject(one, piece(6, 3, 5, "def")) -- another number
    inject(one, piece(6, 0, 6, "abc"))
    inject(one, piece(7, 3, 6, "def")) -- another length
    inject(one, piece(6, 0, 7, "abc"))
    inject(one, piece(6, 0, 7, "begun "):sub(1, -1)) -- begins again, and is complete
    inject(one, piece(3, 0, 8, "all"))
    inject(one, frame "between")
    inject(one, piece(8, 0, 9, "half"))
    inject(one, frame "in the middle") -- no sender does so
    inject(one, piece(8, 4, 9, "HALF"))
    let_all_arrive(handle, record, others)
    assert.same({ "oneONE", "twoTWO", "begun ", "all", "between", "in the middle", "halfHALF" }, texts(record))
    assert.same({}, record.errors)
  end)

  it("needs memory for what was sent, not for what was announced, by many senders", function()
    local handle, record, others = among(8, { pack = { limit = 2 ^ 31 - 1 } })
    local function resident()
      for text in io.lines "/proc/self/status" do
        local kilobytes = text:match "^VmRSS:%s+(%d+)"
        if kilobytes then return tonumber(kilobytes) * 1024 end
      end
    end
    local before = resident()
    for i, other in ipairs(others) do
      inject(other, piece(200000000, 0, i, "x"), 1000)
    end
    let_all_arrive(handle, record, others)
    assert.is_true(resident() - before < 100000000)
    assert.same({}, record.errors)
  end)

  it("refuses a long message while others have announced as many bytes as its limit, and sends it after they left",
    function()
      local handle, record, others = among(3)
      local long = ("y"):rep(2000000)
      for _, other in ipairs(others) do
        inject(other, piece(30000000, 0, 1, "x")) -- two of them have room
      end
      let_all_arrive(handle, record, others)
      -- The first piece comes back, and there is no room.
      local big = ("z"):rep(10000000)
      assert(handle:send(big))
      local message
      handles.dispatch_until(handle, function()
        message = handles.fails("try_again", handle:flush())
        return message:match "reach the limit"
      end)
      assert.matches("the long messages that members are sending now reach the limit %(pack.limit%)", message)
      handles.fails("try_again", handle:send(long))
      handles.fails("try_again", handle:leave())
      others[1]:kill "sigkill"
      handles.dispatch_until(handle, function() return #record.configs == 5 end)
      handles.dispatch_until(handle, function() return #texts(record) == 1 end)
      assert.is_true(record.messages[#record.messages][2] == big)
      packing.send(handle, long)
      packing.send(handle, "later")
      handles.dispatch_until(handle, function() return #texts(record) == 3 end)
      assert.is_true(texts(record)[2] == long)
      assert.equal("later", texts(record)[3])
      assert.same({}, record.errors)
    end)

  it("drops what a member has begun when it leaves, and all when a member joins", function()
    local handle, record, others, name = among(2)
    inject(others[1], piece(6, 0, 1, "one"))
    inject(others[2], piece(6, 0, 1, "two"))
    let_all_arrive(handle, record, others)
    others[1]:kill "sigkill"
    handles.dispatch_until(handle, function() return #record.configs == 4 end)
    inject(others[2], piece(6, 3, 1, "TWO"))
    let_all_arrive(handle, record, { others[2] })
    assert.same({ "twoTWO" }, texts(record))
    inject(others[2], piece(6, 0, 2, "two"))
    local third = packing.observer(name)
    handles.dispatch_until(handle, function() return #record.configs == 5 end)
    inject(others[2], piece(6, 3, 2, "TWO"))
    inject(others[2], frame "after")
    let_all_arrive(handle, record, { others[2], third })
    assert.same({ "twoTWO", "after" }, texts(record))
    assert.same({}, record.errors)
  end)

  it("sends a long message whole although members join and leave meanwhile", function()
    local name = handles.group_name()
    local handle, record = packing.member(name)
    local long = ("0123456789"):rep(1000000)
    local done = packing.fork(function()
      for _ = 1, 10 do
        local joiner = handles.open { pack = true }
        assert(handles.join(joiner, name))
        local event
        repeat event = handles.receive(joiner) until event == "config"
        assert(joiner:close())
      end
      return true
    end)
    for _ = 1, 5 do
      packing.send(handle, long)
      packing.send(handle, "short")
    end
    local list = packing.arrived(handle, record, 10)
    done()
    for i = 1, 10, 2 do
      assert.is_true(list[i] == long)
      assert.equal("short", list[i + 1])
    end
    assert.equal(10, #record.messages)
  end)

  it("reports each member once", function()
    local handle, record, others = among(3)
    for _ = 1, 3 do
      for i, other in ipairs(others) do
        inject(other, i == 1 and "raw" or i == 2 and header(7) or "\147LCP")
      end
    end
    let_all_arrive(handle, record, others)
    assert.equal(3, #record.errors)
    for i, other in ipairs(others) do
      local why = ({ FOREIGN, NEWER, DAMAGED })[i]
      assert.matches("^member " .. other.address .. " of group '.*' " .. why, record.errors[i])
    end
  end)

  it("reports a process again that has left and come back", function()
    local handle, record, others, name = among(1)
    packing.fork(function()
      for _ = 1, 2 do
        local other, sent = handles.member(name)
        for _ = 1, 2 do
          handles.send(other, "raw")
        end
        packing.arrived(other, sent, 2)
        assert(other:leave())
        handles.dispatch_until(other, function() return sent.configs[#sent.configs].left[1] == other:address() end)
        assert(other:close())
      end
      return true
    end)()
    let_all_arrive(handle, record, others)
    assert.equal(2, #record.errors)
    assert.equal(record.errors[1], record.errors[2])
  end)

  it("returns the report from receive, in the order of messages", function()
    local handle, record, others = among(1)
    inject(others[1], frame "before")
    inject(others[1], "raw")
    inject(others[1], frame "after")
    local events = {}
    for i = 1, 3 do
      events[i] = { handles.receive(handle) }
    end
    assert.same({ "message", "before" }, { events[1][1], events[1][3] })
    assert.equal("error", events[2][1])
    assert.matches("^member " .. others[1].address .. " of group '.*' " .. FOREIGN, events[2][2])
    assert.is_nil(events[2][3])
    assert.same({ "message", "after" }, { events[3][1], events[3][3] })
    assert.same({}, record.errors)
  end)

  it("reports to standard error without the handler error", function()
    local name = handles.group_name()
    local it = program.start(groups.interpreter, "-e", ([[
      local cpg = require "corosync.cpg"
      io.stdout:setvbuf "line"
      local done
      local handle = assert(cpg.open { pack = true,
        config_change = function(members) print("members " .. #members) end,
        message_received = function(_, message) done = message == "done" end })
      while not handle:join "%s" do handle:wait(0.01) end
      while not done do
        assert(handle:wait(60))
        assert(handle:dispatch())
      end]]):format(name))
    program.line(it, "^members 1$")
    local other = packing.observer(name)
    inject(other, "raw")
    inject(other, "raw")
    inject(other, frame "done")
    assert.equal(0, (it:wait(60)), table.concat(it.errors, "\n"))
    assert.equal(1, #it.errors)
    assert.matches("^corosync: member " .. other.address .. " of group '" .. name .. "' " .. FOREIGN, it.errors[1])
  end)

  it("gives an error that its handler raises to the next events", function()
    local handle, record, others = among(1, { error = function() error "again" end })
    inject(others[1], "raw")
    let_all_arrive(handle, record, others)
    assert(handle:send "mine")
    handles.dispatch_until(handle, function() return #texts(record) == 1 end)
  end)

  it("survives random frames", function()
    local handle, record, others, name = among(1)
    local it = program.start(groups.interpreter, "-e", ([[
      local cpg = require "corosync.cpg"
      local seed = os.time()
      io.stderr:write("seed ", seed, "\n")
      math.randomseed(seed)
      local left
      local handle = assert(cpg.open { config_change = function(_, list) left = #list > 0 end })
      while not handle:join "%s" do handle:wait(0.01) end
      local function bytes(most)
        local list = {}
        for i = 1, math.random(0, most) do
          list[i] = string.char(math.random(3) == 1 and math.random(0, 255) or math.random(0, 9))
        end
        return table.concat(list)
      end
      for i = 1, 3000 do
        local head = "\147LCP" .. string.char(math.random(20) == 1 and 2 or 1, math.random(3) == 1 and 1 or 0) .. "\0\0"
        local zeros = ("\0"):rep(7)
        local body = head:byte(6) == 1
          and string.char(math.random(9)) .. zeros .. string.char(math.random(0, 9)) .. zeros .. "\1\0\0\0" .. bytes(9)
          or string.char(math.random(0, 9)) .. "\0\0\0" .. bytes(20)
        while not handle:send(math.random(50) == 1 and bytes(40) or head .. body) do handle:fetch(0.01) end
      end
      while not handle:leave() do handle:wait(0.01) end
      repeat assert(handle:wait(60) and handle:dispatch()) until left]]):format(name))
    assert.equal(0, (it:wait(120)), table.concat(it.errors, "\n"))
    let_all_arrive(handle, record, others)
    assert.is_true(#record.errors <= 1)
  end)
end)

describe("a cpg handle that does not pack", function()
  it("receives the frames of one that does as messages", function()
    local name = handles.group_name()
    local handle, record = handles.member(name)
    local ended = packing.fork(function()
      local sender, sent = packing.member(name)
      assert(sender:send "packed")
      packing.arrived(sender, sent, 1)
      return #sent.errors == 0
    end)
    handles.dispatch_until(handle, function() return #record.messages == 1 end)
    ended()
    assert.equal(frame "packed", record.messages[1][2])
    assert.same({}, record.errors)
  end)
end)
