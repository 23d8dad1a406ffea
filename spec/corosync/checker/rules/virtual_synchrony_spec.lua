local checking = require "spec.helpers.checker"
local histories = require "spec.helpers.histories"

local FIRST, SECOND = histories.FIRST, histories.SECOND
local changed, check, finds, passes = checking.changed, checking.check, checking.finds, checking.passes

-- The history of a member that does not leave: it goes on, with a third that joins.
local function go_on(text, own)
  text = changed(text, "quiet\nsettled\n", ("config %s 1:10,2:20,3:30 - 3:30=join\n"):format(own))
  return (text:gsub("config (%S+) 1:10 2:20=leave %-\n", ""))
end

describe("rule virtual_synchrony", function()
  describe("for a message cut by a ring change", function()
    -- The second sends three before the rings meet, and is delivered them after.
    local SENT = "send 5 9:20\nanswer 5 true\nsend 6 1:21\nanswer 6 true\nsend 7 1:22\nanswer 7 true\n"

    local function messages(list)
      return (list:gsub("%S+ ?", function(word) return "message 2:20 " .. word:gsub(" ", "") .. "\n" end))
    end

    -- The messages delivered to each on the new ring.
    local function pair(first, second)
      local change = "config 2:20 1:10,2:20 - 1:10=nodeup\n"
      local sender = changed(SECOND, change, SENT .. change)
      local last = "message 2:20 1:1d\n"
      return changed(FIRST, last, messages(first)), changed(sender, last, messages(second))
    end

    it("allows others to miss it and the messages that follow", function()
      for _, first in ipairs { "1:21 1:22 1:1d", "1:22 1:1d", "1:1d" } do
        assert.same({ ["message cut by a change of ring"] = 1 }, passes(pair(first, "9:20 1:21 1:22 1:1d")))
      end
      assert.same({}, passes(pair("9:20 1:21 1:22 1:1d", "9:20 1:21 1:22 1:1d")))
    end)

    it("is violated when later messages are missing", function()
      for _, list in ipairs { "9:20", "9:20 1:21", "1:21" } do
        local first, second = pair(list, "9:20 1:21 1:22")
        second = changed(second, "send 4 1:1d\nanswer 4 true\n", "")
        finds("virtual_synchrony", "but only 2:20 delivered message", first, second)
      end
    end)

    it("is violated by a missing message that was sent on the new ring", function()
      finds("virtual_synchrony", "2:20 delivered message 1:1d of 2:20 there, and 1:10 did not",
        pair("", "9:20 1:21 1:22 1:1d"))
    end)
  end)

  it("is violated by a message that only one of two members moving together delivered", function()
    local both = { FIRST, SECOND }
    for i, own in ipairs { "1:10", "2:20" } do
      both[i] = changed(both[i], "message 2:20 1:1d\n",
        ("message 2:20 1:1d\nconfig %s 1:10,2:20,3:30 - 3:30=join\n"):format(own))
      both[i] = both[i]:gsub("quiet\nsettled\n", "quiet\n"):gsub("config (%S+) 1:10 2:20=leave %-\n", "")
    end
    passes(both[1], both[2])
    finds("virtual_synchrony", "2:20 and 1:10 moved together from 1:10,2:20@1:12, but 2:20 delivered message 1:1d of "
      .. "2:20 there, and 1:10 did not %(1 and 0 messages%)",
      changed(both[1], "message 2:20 1:1d\n", ""), both[2])
  end)

  it("compares members only over consecutive rings, also with 64-bit numbers", function()
    local function member(own, deliveries, next_ring)
      return ("group g\nactivate\nconfig %s 1:10,2:20,3:30 - %s=join\nring 1:18446744073709551600\n"):format(own, own)
        .. ("%sconfig %s 1:10,2:20 3:30=nodedown -\nring 1:%s\n"):format(deliveries, own, next_ring)
    end
    local sent, came = "send 1 1:0a\nanswer 1 true\n", "message 1:10 1:0a\n"
    local third = "group g\nconfig 3:30 1:10,2:20,3:30 - 3:30=join\nring 1:18446744073709551600\nlost\n"
    local function both(next_ring)
      return member("1:10", sent .. came, next_ring), member("2:20", "", next_ring)
    end
    local first, second = both "18446744073709551604"
    finds("virtual_synchrony", "2:20 and 1:10 moved together", first, second, third)
    first, second = both "18446744073709551612"
    assert.same({ ["ring that nobody was told of"] = 4 }, passes(first, second, third))
  end)

  it("allows differences between members that do not move together", function()
    passes(changed(FIRST, "message 2:20 1:1b\n", ""), SECOND)
  end)

  it("allows others to miss a message sent on one ring and delivered on the next", function()
    local second = changed(SECOND, "answer 4 true\n", "answer 4 true\nmessage 2:20 1:1e\n")
    second = changed(second, "config 2:20 1:10,2:20 - 1:10=nodeup\n",
      "send 5 1:1e\nanswer 5 true\nconfig 2:20 1:10,2:20 - 1:10=nodeup\n")
    local both = { FIRST, second }
    passes(go_on(both[1], "1:10"), go_on(both[2], "2:20"))
  end)

  it("is violated when others miss a message sent and delivered on one ring", function()
    -- A killed member has delivered none of its own messages, and may have sent the last.
    local function survivor(own, deliveries)
      local text = ("group g\nconfig %s 1:10,2:20,3:30 - %s=join\nring 1:4\n"):format(own, own)
      return text .. deliveries:gsub("(%S+) ?", "message 3:30 %1\n")
        .. ("config %s 1:10,2:20 3:30=procdown -\n"):format(own)
    end
    local killed = "group g\nconfig 3:30 1:10,2:20,3:30 - 3:30=join\nring 1:4\n"
    for number = 1, 5 do
      killed = killed .. ("send %d 1:0%d\nanswer %d true\n"):format(number, number, number)
    end
    killed = killed .. "send 6 1:06\n"
    local all = "1:01 1:02 1:03 1:04 1:05"
    for _, deliveries in ipairs { all, all .. " 1:06" } do
      passes(survivor("1:10", deliveries), survivor("2:20", deliveries), killed)
    end
    finds("fifo", "2:20 delivered message 1:03 of 3:30 without 1:02 before it", survivor("1:10", all),
      survivor("2:20", "1:01 1:03 1:05"), killed)
    for _, deliveries in ipairs { "1:01 1:03 1:05", "1:03", "", "1:01 1:02 1:03 1:04" } do
      finds("virtual_synchrony", "2:20 and 1:10 moved together", survivor("1:10", all), survivor("2:20", deliveries),
        killed)
    end
  end)

  it("allows and counts that others miss a message that libcpg splits", function()
    local function member(own, lines)
      return ("group g\nconfig %s 1:10,2:20 - %s=join\nring 1:4\n%sconfig %s 1:10,2:20,3:30 - 3:30=join\n"):format(own,
        own, lines, own)
    end
    for length, wanted in pairs { [1047553] = { ["message in pieces"] = 1 }, [1047552] = false } do
      local digest_of = ("%d:0a"):format(length)
      local first = member("1:10", ("send 1 %s\nanswer 1 true\nmessage 1:10 %s\n"):format(digest_of, digest_of))
      local report = check(first, member("2:20", ""))
      assert.equal(wanted and true or false, report.ok)
      assert.same(wanted or {}, report.exempted)
    end
  end)

  it("allows the same for each of several identical messages", function()
    local both = { changed(FIRST, "message 2:20 1:1d\n", "message 2:20 1:1d\nmessage 2:20 1:1d\n"),
      changed(SECOND, "answer 4 true\n", "answer 4 true\nmessage 2:20 1:1d\n") }
    both[2] = changed(both[2], "config 2:20 1:10,2:20 - 1:10=nodeup\n",
      "send 5 1:1d\nanswer 5 true\nconfig 2:20 1:10,2:20 - 1:10=nodeup\n")
    passes(go_on(both[1], "1:10"), go_on(both[2], "2:20"))
  end)

  it("does not take one of several identical messages for a missing one when another was cut", function()
    local function member(own, sends)
      return ("group g\nconfig %s 1:10,2:20 - %s=join\nring 1:4\n%smessage 2:20 1:01\n"
        .. "config %s 1:10,2:20,3:30 - 3:30=join\n%smessage 2:20 1:0a\n%s"
        .. "config %s 1:10,2:20 3:30=nodedown -\nring 1:8\nmessage 2:20 1:0a\n"):format(own, own, sends[1], own,
        sends[2], sends[3], own)
    end
    passes(member("1:10", { "", "", "" }),
      member("2:20", { "send 1 1:01\nanswer 1 true\n", "send 2 1:0a\nanswer 2 true\n",
        "send 3 1:0a\nanswer 3 true\n" }))
  end)

  it("distinguishes identical ring changes by the messages delivered before them", function()
    local again = "config %s 1:10 2:20=leave -\n%sconfig %s 1:10,2:20,3:30 - 2:20=join\n"
    local first = go_on(FIRST, "1:10") .. "message 2:20 1:1e\n" .. again:format("1:10", "", "1:10")
      .. "send 5 1:0e\nanswer 5 true\nsend 6 1:0f\nanswer 6 true\nmessage 1:10 1:0e\nmessage 1:10 1:0f\n"
      .. again:format("1:10", "", "1:10")
    first = first:gsub("1:10 2:20=leave", "1:10,3:30 2:20=leave")
    local second = go_on(SECOND, "2:20") .. "send 5 1:1e\nanswer 5 true\nmessage 2:20 1:1e\n"
      .. "config 2:20 1:10,3:30 2:20=leave -\nconfig 2:20 1:10,2:20,3:30 - 2:20=join\nring 1:12\n"
      .. "message 1:10 1:0e\nmessage 1:10 1:0f\n"
      .. "config 2:20 1:10,3:30 2:20=leave -\nconfig 2:20 1:10,2:20,3:30 - 2:20=join\n"
    passes(first, second)
    finds("virtual_synchrony", "moved together from 1:10,2:20,3:30@1:12, .* %(1 and 2 messages%)", first,
      changed(second, "message 1:10 1:0f\n", ""))
  end)

  describe("for members that move together while a third member's node goes down", function()
    local BREAKS = "config %s 1:10,2:20 3:30=nodedown -\nring 1:8\n"
    local LEAVES = "config %s 1:10,2:20 3:30=leave -\n"
    local ALL = "1:3a 1:3b 1:0a 1:3c 1:3d" -- 1:0a is of 1:10, and the others of 3:30

    local function sends(digests)
      local number = 0
      return (digests:gsub("(%S+) ?", function(sent)
        number = number + 1
        return ("send %d %s\nanswer %d true\n"):format(number, sent, number)
      end))
    end

    local SENDS = { ["1:10"] = sends "1:0a", ["3:30"] = sends "1:3a 1:3b 1:3c 1:3d", ["4:40"] = sends "1:4a" }

    -- The history of a member of the three.
    local function member(own, deliveries, change)
      local text = ("group g\nconfig %s 1:10,2:20,3:30 - %s=join\nring 1:4\n"):format(own, own) .. (SENDS[own] or "")
      for delivered in deliveries:gmatch "%S+" do
        text = text .. ("message %s %s\n"):format(delivered == "1:0a" and "1:10" or "3:30", delivered)
      end
      return text .. change:gsub("%%s", own)
    end

    local THIRD = member("3:30", ALL, "lost\n")

    it("allows and counts that one misses the last messages of the third", function()
      assert.same({}, passes(member("1:10", ALL, BREAKS), member("2:20", ALL, BREAKS), THIRD))
      for _, lacking in ipairs { "1:3a 1:3b 1:0a 1:3c", "1:3a 1:3b 1:0a", "1:3a 1:0a", "1:0a" } do
        for _, order in ipairs { { ALL, lacking }, { lacking, ALL } } do
          assert.same({ ["last messages of a node that is gone"] = 1 },
            passes(member("1:10", order[1], BREAKS), member("2:20", order[2], BREAKS), THIRD))
        end
      end
    end)

    local JOINS = "config %s 1:10,1:11,2:20,3:30 - 1:11=join\n"

    it("allows it also before a process joins and when the other leaves before the node goes down", function()
      local breaks = JOINS .. "config %s 1:10,1:11,2:20 3:30=nodedown -\nring 1:8\n"
      local ends = JOINS .. "lost\n"
      for _, change in ipairs { breaks, ends } do
        assert.same({ ["last messages of a node that is gone"] = 1 },
          passes(member("1:10", ALL, breaks), member("2:20", "1:3a 1:3b 1:0a 1:3c", change), THIRD))
      end
    end)

    it("allows that one sees the third leave and the other sees its node go down", function()
      local leaves = "config %s 1:10,2:20 3:30=leave -\nmessage 1:10 1:0a\nring 1:8\n"
      local breaks = "message 1:10 1:0a\nconfig %s 1:10,2:20 3:30=nodedown -\nring 1:8\n"
      for _, order in ipairs { { leaves, breaks }, { breaks, leaves } } do
        local third = member("3:30", "1:3a", "lost\n")
        passes(member("1:10", "1:3a", order[1]), member("2:20", "1:3a", order[2]), third)
      end
    end)

    it("is violated when one misses anything else", function()
      local function differ(one, other, change)
        local _, ones = one:gsub("%S+", "")
        local _, others = other:gsub("%S+", "")
        finds("virtual_synchrony", ("%%(%d and %d messages%%)"):format(others, ones),
          member("1:10", one, change), member("2:20", other, change), THIRD)
      end
      differ(ALL, "1:3a 1:3b 1:3c 1:3d", BREAKS) -- sent by another member
      differ(ALL, "1:3b 1:0a 1:3c 1:3d", BREAKS) -- not the last
      differ("1:3a 1:3b 1:0a", "1:3a 1:3b 1:3c", BREAKS) -- each something else
      differ(ALL, "1:3a 1:3b 1:0a 1:3c", LEAVES) -- with the node still there
      -- Followed by later messages of the third.
      local later = JOINS .. "message 3:30 1:3d\nconfig %s 1:10,1:11,2:20 3:30=nodedown -\nring 1:8\n"
      differ("1:3a 1:3b 1:0a 1:3c", "1:3a 1:3b 1:0a", later)
    end)

    it("is violated by members of one node that differ, and by two members that each miss messages", function()
      local function of_four(own, deliveries)
        return (member(own, deliveries, BREAKS):gsub("1:10,2:20", "1:10,1:11,2:20"))
      end
      finds("virtual_synchrony", "%(5 and 4 messages%)", of_four("1:11", "1:3a 1:3b 1:0a 1:3c"),
        of_four("1:10", ALL), THIRD)
      local function of_two_lost(own, deliveries)
        return (member(own, deliveries, BREAKS):gsub("3:30=nodedown", "3:30=nodedown,4:40=nodedown")
          :gsub("2:20,3:30 ", "2:20,3:30,4:40,5:50 "):gsub("(config %S+ 1:10,2:20) ", "%1,5:50 ")
          :gsub("message 3:30 1:4", "message 4:40 1:4"))
      end
      local fourth = of_two_lost("4:40", "1:4a")
      finds("virtual_synchrony", "%(2 and 2 messages%)", of_two_lost("5:50", "1:3a"),
        of_two_lost("1:10", "1:3a 1:3b"), of_two_lost("2:20", "1:3a 1:4a"), THIRD, fourth)
    end)
  end)
end)
