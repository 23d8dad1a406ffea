-- The judge of histories: what is right is let pass, and each kind of wrong is found.
local digest = require "corosync.history.digest"
local histories = require "spec.support.histories"
local history = require "corosync.history"
local judging = require "spec.support.judging"

local FIRST, SECOND = histories.FIRST, histories.SECOND
local changed, finds, judge = judging.changed, judging.finds, judging.judge

-- The history of a member that does not leave: it goes on, with a third that joins.
local function go_on(text, own)
  text = changed(text, "quiet\nsettled\n", ("config %s 1:10,2:20,3:30 - 3:30=join\n"):format(own))
  return (text:gsub("config (%S+) 1:10 2:20=leave %-\n", ""))
end

describe("the judge", function()
  it("lets pass what is right, and counts it", function()
    local report = judge(FIRST, SECOND)
    assert.same({}, report.violations)
    assert.is_true(report.ok)
    assert.same({ histories = 2, lives = 2, configurations = 15, messages = 7, deliveries = 11 }, report.figures)
  end)

  it("finds what was never sent, with other bytes, twice, or by nobody (a)", function()
    for _, other in ipairs { "1:ff", "2:1a" } do
      finds("a", ("message %s of 2:20 was never sent"):format(other),
        changed(FIRST, "message 2:20 1:1a\n", ("message 2:20 %s\n"):format(other)), SECOND)
    end
    finds("a", "1:1a of 2:20 is delivered again",
      changed(FIRST, "message 2:20 1:1b\n", "message 2:20 1:1b\nmessage 2:20 1:1a\n"), SECOND)
    finds("a", "1:1b of 2:20 is delivered again", changed(FIRST, "message 2:20 1:1d\n", "message 2:20 1:1b\n"), SECOND)
    finds("a", "3:30, of which there is no history",
      changed(FIRST, "message 2:20 1:1a\n", "message 3:30 1:1a\nmessage 2:20 1:1a\n"), SECOND)
  end)

  it("finds what came before it was sent (a)", function()
    local first = changed(FIRST, "send 1 1:0a\nanswer 1 true\nmessage 1:10 1:0a\n",
      "message 1:10 1:0a\nsend 1 1:0a\nanswer 1 true\n")
    finds("a", "its own message 1:0a came before it was sent", first, SECOND)
  end)

  it("finds that of equal messages more are delivered than were sent (a)", function()
    local function equal(text) return (text:gsub("1:1[abc]", "0:00")) end
    assert.same({}, judge(equal(FIRST), equal(SECOND)).violations)
    local first = changed(equal(FIRST), "message 2:20 0:00\n", ("message 2:20 0:00\n"):rep(3))
    finds("a", "message 0:00 of 2:20 is delivered more often than sent, which was 3 times", first, equal(SECOND))
  end)

  it("finds a sender's messages out of order, and gaps (b)", function()
    local first = changed(FIRST, "message 2:20 1:1a\nmessage 1:10 1:0b\n", "message 1:10 1:0b\n")
    first = changed(first, "message 2:20 1:1b\n", "message 2:20 1:1b\nmessage 2:20 1:1a\n")
    finds("b", "1:1a of 2:20 comes after a later one", first, SECOND)
    local second = changed(SECOND, "answer 2 true\n", "answer 2 true\nsend 9 1:99\nanswer 9 true\n")
    second = changed(second, "message 2:20 1:1b\n", "message 2:20 1:1b\nmessage 2:20 1:99\nmessage 2:20 1:98\n")
    second = changed(second, "answer 2 true\nsend 9", "answer 2 true\nsend 8 1:98\nsend 9")
    second = changed(second, "answer 9 true\n", "answer 9 true\nanswer 8 true\n")
    finds("b", "1:98 of 2:20 comes, and 1:99 is missing before it",
      changed(FIRST, "message 2:20 1:1b\n", "message 2:20 1:1b\nmessage 2:20 1:98\n"), second)
  end)

  it("finds two orders (c)", function()
    finds("c", "2:20 delivers message %d+ of the order of first:%d+ after a later one", FIRST,
      changed(SECOND, "message 2:20 1:1a\nmessage 1:10 1:0b\n", "message 1:10 1:0b\nmessage 2:20 1:1a\n"))
  end)

  it("finds own messages that do not come back (d)", function()
    finds("d", "own message 1:0a did not come back, and later ones did",
      changed(FIRST, "message 1:10 1:0a\n", ""), SECOND)
  end)

  it("finds memberships that do not follow, and reasons that there are not (e)", function()
    finds("e", "the members are 1:10, and those before make 1:10,2:20",
      changed(FIRST, "config 1:10 1:10,2:20 - 2:20=join", "config 1:10 1:10 - 2:20=join"), SECOND)
    finds("e", "2:20 is in left for the reason 'join'",
      changed(FIRST, "2:20=nodedown -", "2:20=join -"), SECOND)
    finds("e", "2:20 is in joined for the reason 'leave'", changed(FIRST, "- 2:20=nodeup", "- 2:20=leave"), SECOND)
    finds("e", "3:30 left, and had not been there",
      changed(FIRST, "2:20=nodedown -", "2:20=nodedown,3:30=nodedown -"), SECOND)
    finds("e", "2:20 joined, and had been there", changed(FIRST, "config 1:10 1:10 2:20=nodedown -\n", ""), SECOND)
  end)

  it("finds configurations that say what cannot be (e)", function()
    finds("e", "1:10 joined, and is no member",
      changed(FIRST, "config 1:10 1:10 - 1:10=join", "config 1:10 - - 1:10=join"), SECOND)
    finds("e", "3:30 joined, and is no member",
      changed(FIRST, "config 1:10 1:10 - 1:10=join", "config 1:10 1:10 - 1:10=join,3:30=join"), SECOND)
    for what, lists in pairs { members = "1:10,2:20,2:20 - 2:20=nodeup", joined = "1:10,2:20 - 2:20=nodeup,2:20=nodeup",
      left = "1:10,2:20 3:30=procdown,3:30=procdown 2:20=nodeup" } do
      finds("e", "%d:%d0 is in " .. what .. " twice",
        changed(FIRST, "config 1:10 1:10,2:20 - 2:20=nodeup", "config 1:10 " .. lists), SECOND)
    end
    finds("e", "2:20 left and joined at once",
      changed(FIRST, "ring 1:8\n", "ring 1:8\nconfig 1:10 1:10,2:20 2:20=leave 2:20=join\n"), SECOND)
    for _, lists in ipairs { "1:10,2:20,3:30 - 2:20=nodeup,3:30=join", "1:10,2:20 3:30=procdown 2:20=nodeup",
      "1:10,2:20,3:30 - 2:20=join,3:30=join" } do
      finds("e", "a process is told of with others, and comes or goes alone",
        changed(FIRST, "config 1:10 1:10,2:20 - 2:20=nodeup", "config 1:10 " .. lists), SECOND)
    end
    finds("e", "nobody left or joined", changed(FIRST, "ring 1:8\n", "ring 1:8\nconfig 1:10 1:10 - -\n"), SECOND)
    finds("e", "it is 1:99, and was 1:10", changed(FIRST, "config 1:10 1:10 2:20=node", "config 1:99 1:10 2:20=node"),
      SECOND)
    finds("e", "it is 1:99, and was 1:10",
      changed(FIRST, "ring 1:8\n", "ring 1:8\nconfig 1:99 1:10,1:99 - 1:99=join\n"), SECOND)
  end)

  it("finds a ring older than the one before (e)", function()
    finds("e", "the ring is 1:7, after 1:8", changed(FIRST, "ring 1:12\n", "ring 1:7\n"), SECOND)
    -- By all their digits, where numbers of this Lua have fewer.
    local large = changed(FIRST, "ring 1:8\n", "ring 1:18446744073709551614\n")
    finds("e", "the ring is 1:18446744073709551613, after 1:18446744073709551614",
      changed(large, "ring 1:12\n", "ring 1:18446744073709551613\n"), SECOND)
    large = changed(FIRST, "ring 1:8\n", "ring 1:9999999999999999999\n")
    large = changed(large, "ring 1:12\n", "ring 1:10000000000000000000\n")
    for _, violation in ipairs(judge(large, SECOND).violations) do
      assert.is_not_equal("e", violation.rule, violation.text)
    end
    for _, ring in ipairs { "ring 1:12\n", "ring 1:4\n" } do
      assert.same({}, judge(changed(FIRST, ring, ring .. ring), SECOND).violations)
    end
  end)

  it("finds that others came or went for other reasons than theirs (e)", function()
    for _, reason in ipairs { "leave", "procdown" } do
      finds("e", "2:20 is back, has left for 'leave' or 'procdown' 1 times, and has joined 1 times",
        changed(FIRST, "2:20=nodedown", "2:20=" .. reason), SECOND)
    end
    finds("e", "2:20 has joined for the reason 'join' on ring 1:8, on which it did not",
      changed(FIRST, "2:20=nodeup", "2:20=join"), SECOND)
    finds("e", "2:20 has left for the reason 'procdown', and left by itself each time",
      changed(FIRST, "2:20=leave", "2:20=procdown"), SECOND)
    finds("e", "nodes had gone or come by the last configuration, and the ring is the same",
      changed(FIRST, "ring 1:12\n", ""), SECOND)
    finds("e", "nodes had gone or come by the last configuration, and the ring is the same",
      changed(FIRST, "ring 1:8\n", ""), SECOND)
  end)

  it("finds over several lives what comes again, or late (a, b, i)", function()
    local again = "config 2:20 1:10 2:20=leave -\n%sconfig 2:20 1:10,2:20 - 2:20=join\nring 1:12\n%s"
    local first = FIRST .. "send 5 1:0e\nanswer 5 true\nmessage 1:10 1:0e\n"
      .. "config 1:10 1:10,2:20 - 2:20=join\nsend 6 1:0f\nanswer 6 true\nmessage 1:10 1:0f\n"
    local function second(came)
      return changed(SECOND, "config 2:20 1:10 2:20=leave -\n", again:format("", came))
    end
    assert.same({}, judge(first, second "message 1:10 1:0f\n").violations)
    finds("a", "1:0b of 1:10 is delivered again", first, second "message 1:10 1:0b\nmessage 1:10 1:0f\n")
    finds("b", "1:0a of 1:10 comes after a later one", first, second "message 1:10 1:0a\nmessage 1:10 1:0f\n")
    finds("i", "1:0e of 1:10, from before the join of 2:20", first, second "message 1:10 1:0e\nmessage 1:10 1:0f\n")
  end)

  it("finds that two go together having delivered different messages (f)", function()
    local both = { FIRST, SECOND }
    for i, own in ipairs { "1:10", "2:20" } do
      both[i] = changed(both[i], "message 2:20 1:1d\n",
        ("message 2:20 1:1d\nconfig %s 1:10,2:20,3:30 - 3:30=join\n"):format(own))
      both[i] = both[i]:gsub("quiet\nsettled\n", "quiet\n"):gsub("config (%S+) 1:10 2:20=leave %-\n", "")
    end
    assert.same({}, judge(both[1], both[2]).violations)
    finds("f", "2:20 and 1:10 go together from 1:10,2:20@1:12, having delivered different messages, 1 and 0",
      changed(both[1], "message 2:20 1:1d\n", ""), both[2])
  end)

  describe("of two that go on together while the node of a third is gone", function()
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

    it("lets one lack what the third sent last, and counts it", function()
      assert.same({}, judge(member("1:10", ALL, BREAKS), member("2:20", ALL, BREAKS), THIRD).exempted)
      for _, lacking in ipairs { "1:3a 1:3b 1:0a 1:3c", "1:3a 1:3b 1:0a", "1:3a 1:0a", "1:0a" } do
        for _, order in ipairs { { ALL, lacking }, { lacking, ALL } } do
          local report = judge(member("1:10", order[1], BREAKS), member("2:20", order[2], BREAKS), THIRD)
          assert.same({}, report.violations)
          assert.same({ ["last messages of a node that is gone"] = 1 }, report.exempted)
        end
      end
    end)

    local JOINS = "config %s 1:10,1:11,2:20,3:30 - 1:11=join\n"

    it("lets one lack it before a process joins, too, and another leave before the node is lost", function()
      local breaks = JOINS .. "config %s 1:10,1:11,2:20 3:30=nodedown -\nring 1:8\n"
      local ends = JOINS .. "lost\n"
      for _, change in ipairs { breaks, ends } do
        assert.same({ ["last messages of a node that is gone"] = 1 },
          judge(member("1:10", ALL, breaks), member("2:20", "1:3a 1:3b 1:0a 1:3c", change), THIRD).exempted)
      end
    end)

    it("lets one lack that the third has left, and count it with its node", function()
      local leaves = "config %s 1:10,2:20 3:30=leave -\nmessage 1:10 1:0a\nring 1:8\n"
      local breaks = "message 1:10 1:0a\nconfig %s 1:10,2:20 3:30=nodedown -\nring 1:8\n"
      for _, order in ipairs { { leaves, breaks }, { breaks, leaves } } do
        local third = member("3:30", "1:3a", "lost\n")
        assert.same({}, judge(member("1:10", "1:3a", order[1]), member("2:20", "1:3a", order[2]), third).violations)
      end
    end)

    it("finds all else that one lacks (f)", function()
      local function differ(one, other, change)
        local _, ones = one:gsub("%S+", "")
        local _, others = other:gsub("%S+", "")
        finds("f", ("having delivered different messages, %d and %d"):format(others, ones),
          member("1:10", one, change), member("2:20", other, change), THIRD)
      end
      differ(ALL, "1:3a 1:3b 1:3c 1:3d", BREAKS) -- what another has sent
      differ(ALL, "1:3b 1:0a 1:3c 1:3d", BREAKS) -- not the last
      differ("1:3a 1:3b 1:0a", "1:3a 1:3b 1:3c", BREAKS) -- each something else
      differ(ALL, "1:3a 1:3b 1:0a 1:3c", LEAVES) -- with the node still there
      -- And hears of the third what comes later.
      local later = JOINS .. "message 3:30 1:3d\nconfig %s 1:10,1:11,2:20 3:30=nodedown -\nring 1:8\n"
      differ("1:3a 1:3b 1:0a 1:3c", "1:3a 1:3b 1:0a", later)
    end)

    it("finds that members of one node differ (f), and two of which the third has more", function()
      local function of_four(own, deliveries)
        return (member(own, deliveries, BREAKS):gsub("1:10,2:20", "1:10,1:11,2:20"))
      end
      finds("f", "having delivered different messages, 5 and 4", of_four("1:11", "1:3a 1:3b 1:0a 1:3c"),
        of_four("1:10", ALL), THIRD)
      local function of_two_lost(own, deliveries)
        return (member(own, deliveries, BREAKS):gsub("3:30=nodedown", "3:30=nodedown,4:40=nodedown")
          :gsub("2:20,3:30 ", "2:20,3:30,4:40,5:50 "):gsub("(config %S+ 1:10,2:20) ", "%1,5:50 ")
          :gsub("message 3:30 1:4", "message 4:40 1:4"))
      end
      local fourth = of_two_lost("4:40", "1:4a")
      finds("f", "having delivered different messages, 2 and 2", of_two_lost("5:50", "1:3a"),
        of_two_lost("1:10", "1:3a 1:3b"), of_two_lost("2:20", "1:3a 1:4a"), THIRD, fourth)
    end)
  end)

  it("lets those differ who do not go together", function()
    assert.same({}, judge(changed(FIRST, "message 2:20 1:1b\n", ""), SECOND).violations)
  end)

  it("finds that a send that was taken does not come back (g)", function()
    finds("g", "own message 1:1d was answered with true, and did not come back",
      changed(FIRST, "message 2:20 1:1d\n", ""), changed(SECOND, "message 2:20 1:1d\n", ""))
    -- Corosync orders the leave after it; when the membership ended otherwise it need not.
    local first, second = FIRST, SECOND
    for _, line in ipairs { "message 2:20 1:1d\n", "quiet\nsettled\n" } do
      first, second = changed(first, line, ""), changed(second, line, "")
    end
    finds("g", "own message 1:1d was answered with true, and did not come back", first, second)
    assert.same({}, judge(first, changed(second, "config 2:20 1:10 2:20=leave -\n", "lost\n")).violations)
  end)

  it("finds that a send was taken of one who is no member (g)", function()
    local alone = "config 1:10 1:10 - 1:10=join\nring 1:4\n%sconfig 1:10 - 1:10=leave -\n"
    finds("g", "1:0a was answered with true, and it was no member",
      "group g\n" .. alone:format "quiet\n" .. "send 1 1:0a\nanswer 1 true\n")
    finds("g", "1:0a was answered with true, and it was no member", "group g\nsend 1 1:0a\nanswer 1 true\n")
    local joining = "group g\nactivate\nsend 1 1:0a\nanswer 1 true\n"
    finds("g", "1:0a was answered with true, and it has not joined", joining .. "quiet\n")
    finds("g", "1:0a was answered with true, and did not come back", joining .. alone:format "quiet\n")
    -- The word of the join waits for a handler that sends.
    assert.same({}, judge(joining .. alone:format "message 1:10 1:0a\nquiet\n").violations)
    assert.same({}, judge(joining .. "lost\n" .. alone:format "quiet\n").violations)
  end)

  it("finds that a refused send is delivered (h)", function()
    -- What else is sent keeps its place.
    local report = judge(changed(FIRST, "message 1:10 1:0d\n", "message 1:10 1:0c\nmessage 1:10 1:0d\n"), SECOND)
    assert.equal(1, #report.violations)
    finds("h", "1:0c of 1:10 was refused",
      changed(FIRST, "message 2:20 1:1b\n", "message 2:20 1:1b\nmessage 1:10 1:0c\n"), SECOND)
  end)

  it("finds deliveries to those who are no members (i)", function()
    finds("i", "a message from 2:20 while it was no member", FIRST, SECOND .. "message 2:20 1:1d\n")
    finds("i", "a message from 1:10 while it was no member", FIRST,
      changed(SECOND, "group g\n", "group g\nmessage 1:10 1:0a\n"))
    finds("i", "a message from 2:20 while it was no member",
      changed(FIRST, "ring 1:12\n", "ring 1:12\nlost\n"), SECOND)
    finds("i", "a configuration before the own join", changed(FIRST, "- 1:10=join", "- -"), SECOND)
    finds("i", "a message from 2:20, which was no member",
      changed(FIRST, "config 1:10 1:10,2:20 - 2:20=nodeup\nring 1:12\nmessage 2:20 1:1d\n", "message 2:20 1:1d\n"),
      SECOND)
  end)

  it("finds views that differ when all is whole (k)", function()
    finds("k", "when all was whole it saw 1:10, and there were 1:10,2:20",
      changed(FIRST, "config 1:10 1:10,2:20 - 2:20=nodeup\nring 1:12\nmessage 2:20 1:1d\n", ""), SECOND)
    finds("k", "it saw no members", changed(FIRST, "quiet\n", "lost\n"), SECOND)
    finds("k", "it saw no members", FIRST, changed(SECOND, "quiet\n", "deactivate\nactivate\nlost\n"))
    finds("k", "had never joined", FIRST, "group g\nactivate\nsettled\n")
    finds("k", "when all was whole it was on ring 2:16, and 1:10 on 1:12", FIRST,
      changed(SECOND, "message 2:20 1:1d\n", "message 2:20 1:1d\nring 2:16\n"))
  end)

  it("finds errors that are lost, made up or reported twice, and what is left over (l)", function()
    local function with(lines) return changed(FIRST, "quiet\n", lines .. "quiet\n") end
    assert.same({}, judge(with "raise e1\nerror member.lua:3: raised e1\\010stack\n", SECOND).violations)
    finds("l", "the error 'e1' was not reported", with "raise e1\n", SECOND)
    finds("l", "an error that nobody raised", with "raise e1\nerror raised e1\nerror something else\n", SECOND)
    assert.same({}, judge(with "error of a script that announces none\n", SECOND).violations)
    local killed = FIRST:match "^(.-)quiet" .. "raise e1\n"
    assert.same({}, judge(killed, changed(SECOND, "settled\n", "")).violations)
    finds("l", "reported twice", with "raise e1\nerror raised e1\nerror raised e1\n", SECOND)
    finds("l", "nobody raised", with "error something else\nraise e1\nerror raised e1\n", SECOND)
    finds("l", "nobody raised", with "raise e1\nerror raised e1\nraise e2\nerror raised e1\n", SECOND)
    assert.same({}, judge(with "raise e1\nerror raised an error: e1.\n", SECOND).violations)
    finds("l", "9 descriptors are open, and 8 were", with "usage 8 500\nusage 9 500\n", SECOND)
    finds("l", "4000 kB of memory are used, and 500 were", with "usage 8 500\nusage 8 4000\n", SECOND)
  end)

  it("knows equal messages apart by their neighbours", function()
    local function equal(text) return (text:gsub("1:1[ab]", "0:00"):gsub("1:0[ab]", "0:00")) end
    assert.same({}, judge(equal(FIRST), equal(SECOND)).violations)
    finds("b", "is missing before it", changed(equal(FIRST), "try_again\nmessage 2:20 0:00\n",
      "try_again\nmessage 2:20 0:00\nmessage 2:20 1:1d\n"), equal(SECOND))
  end)

  it("lets others miss what was sent on one ring and delivered on the next", function()
    local second = changed(SECOND, "answer 4 true\n", "answer 4 true\nmessage 2:20 1:1e\n")
    second = changed(second, "config 2:20 1:10,2:20 - 1:10=nodeup\n",
      "send 5 1:1e\nanswer 5 true\nconfig 2:20 1:10,2:20 - 1:10=nodeup\n")
    local both = { FIRST, second }
    assert.same({}, judge(go_on(both[1], "1:10"), go_on(both[2], "2:20")).violations)
  end)

  it("finds that others miss what was sent and delivered on one ring (b, f)", function()
    -- One that is killed has delivered nothing of what it sent, and may have sent the last.
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
      assert.same({}, judge(survivor("1:10", deliveries), survivor("2:20", deliveries), killed).violations)
    end
    finds("b", "1:03 of 3:30 comes, and 1:02 is missing before it", survivor("1:10", all),
      survivor("2:20", "1:01 1:03 1:05"), killed)
    for _, deliveries in ipairs { "1:01 1:03 1:05", "1:03", "", "1:01 1:02 1:03 1:04" } do
      finds("f", "having delivered different messages", survivor("1:10", all), survivor("2:20", deliveries), killed)
    end
  end)

  it("does not ask which of the sends that a killed process had open were made (b, d)", function()
    local function survivor(own, deliveries)
      return ("group g\nconfig %s 1:10,2:20,3:30 - %s=join\nring 1:4\n%sconfig %s 1:10,2:20 3:30=procdown -\n"):format(
        own, own, deliveries, own)
    end
    local killed = "group g\nconfig 3:30 1:10,2:20,3:30 - 3:30=join\nring 1:4\nsend 1 1:01\nanswer 1 true\n%s"
      .. "send 2 1:02\nsend 3 1:03\n"
    local first, second = "message 3:30 1:01\n", "message 3:30 1:03\n"
    for _, own in ipairs { killed:format "", killed:format(first), killed:format(first) .. second } do
      assert.same({}, judge(survivor("1:10", first .. second), survivor("2:20", first .. second), own).violations)
    end
    -- But what one of those that go together has, all have.
    for _, lacking in ipairs { first, second, "" } do
      finds("f", "having delivered different messages", survivor("1:10", first .. second), survivor("2:20", lacking),
        killed:format(first) .. second)
    end
  end)

  it("lets others miss what libcpg sends in pieces, and counts it", function()
    local function member(own, lines)
      return ("group g\nconfig %s 1:10,2:20 - %s=join\nring 1:4\n%sconfig %s 1:10,2:20,3:30 - 3:30=join\n"):format(own,
        own, lines, own)
    end
    for length, wanted in pairs { [1047553] = { ["message in pieces"] = 1 }, [1047552] = false } do
      local digest_of = ("%d:0a"):format(length)
      local first = member("1:10", ("send 1 %s\nanswer 1 true\nmessage 1:10 %s\n"):format(digest_of, digest_of))
      local report = judge(first, member("2:20", ""))
      assert.equal(wanted and true or false, report.ok)
      assert.same(wanted or {}, report.exempted)
    end
  end)

  it("does not ask which of equal messages were sent on one ring and delivered on the next", function()
    local both = { changed(FIRST, "message 2:20 1:1d\n", "message 2:20 1:1d\nmessage 2:20 1:1d\n"),
      changed(SECOND, "answer 4 true\n", "answer 4 true\nmessage 2:20 1:1d\n") }
    both[2] = changed(both[2], "config 2:20 1:10,2:20 - 1:10=nodeup\n",
      "send 5 1:1d\nanswer 5 true\nconfig 2:20 1:10,2:20 - 1:10=nodeup\n")
    assert.same({}, judge(go_on(both[1], "1:10"), go_on(both[2], "2:20")).violations)
  end)

  it("lets a process leave that nobody knew, when that has ended, and counts it", function()
    local first = changed(FIRST, "ring 1:8\n", "ring 1:8\nconfig 1:10 1:10 3:30=procdown -\n")
    for _, third in ipairs { "group g\nactivate\n", "group g\nconfig 3:30 3:30 - 3:30=join\nring 3:4\n" } do
      local report = judge(first, SECOND, third)
      assert.same({}, report.violations)
      assert.same({ ["unknown member left"] = 1 }, report.exempted)
    end
    finds("e", "3:30 left, and had not been there", first, SECOND)
  end)

  -- A daemon takes what another told of its members before one of them ended for the present.
  it("lets one remain that has ended while rings met, and counts it", function()
    local function survivor(own, other, ghost)
      return ("group g\nconfig %s 1:10,2:20,3:30 - %s=join\nring 1:4\n"):format(own, own)
        .. ("config %s 1:10,2:20 3:30=procdown -\n"):format(own)
        .. ("config %s %s %s=nodedown -\nring %s:8\n"):format(own, own, other, own:sub(1, 1))
        .. ("config %s 1:10,2:20%s - %s=nodeup%s\nring 1:12\nsettled\n"):format(own, ghost and ",3:30" or "", other,
        ghost and ",3:30=nodeup" or "")
    end
    local third = "group g\nactivate\nconfig 3:30 1:10,2:20,3:30 - 3:30=join\nring 1:4\n"
    local report = judge(survivor("1:10", "2:20"), survivor("2:20", "1:10", true), third)
    assert.same({}, report.violations)
    assert.same({ ["member that has ended"] = 2 }, report.exempted)
    -- Not so when it has ended long before.
    local function long_before(text)
      return changed(text, "3:30=procdown -\n", "3:30=procdown -\nring 1:5\n")
    end
    local both = { long_before(survivor("1:10", "2:20")), long_before(survivor("2:20", "1:10", true)) }
    finds("k", "it saw 1:10,2:20,3:30, and there were 1:10,2:20", both[1], both[2], third)
    finds("e", "3:30 is back, has left for 'leave' or 'procdown' 1 times", both[1], both[2], third)
  end)

  it("does not take one passage for another that is like it", function()
    local again = "config %s 1:10 2:20=leave -\n%sconfig %s 1:10,2:20,3:30 - 2:20=join\n"
    local first = go_on(FIRST, "1:10") .. "message 2:20 1:1e\n" .. again:format("1:10", "", "1:10")
      .. "send 5 1:0e\nanswer 5 true\nsend 6 1:0f\nanswer 6 true\nmessage 1:10 1:0e\nmessage 1:10 1:0f\n"
      .. again:format("1:10", "", "1:10")
    first = first:gsub("1:10 2:20=leave", "1:10,3:30 2:20=leave")
    local second = go_on(SECOND, "2:20") .. "send 5 1:1e\nanswer 5 true\nmessage 2:20 1:1e\n"
      .. "config 2:20 1:10,3:30 2:20=leave -\nconfig 2:20 1:10,2:20,3:30 - 2:20=join\nring 1:12\n"
      .. "message 1:10 1:0e\nmessage 1:10 1:0f\n"
      .. "config 2:20 1:10,3:30 2:20=leave -\nconfig 2:20 1:10,2:20,3:30 - 2:20=join\n"
    assert.same({}, judge(first, second).violations)
    finds("f", "go together from 1:10,2:20,3:30@1:12, having delivered different messages, 1 and 2", first,
      changed(second, "message 1:10 1:0f\n", ""))
  end)

  it("lets who has left, and who was never to join, be away when all is whole", function()
    local away = { "group g\nsend 1 1:0a\nanswer 1 not_joined\nsettled\n", "group g\nactivate\ndeactivate\nsettled\n",
      "group other\nactivate\nconfig 3:30 3:30 - 3:30=join\nring 1:4\ndeactivate\nsettled\n",
      "group other\nconfig 3:30 3:30 - 3:30=join\nring 1:4\nconfig 3:30 - 3:30=leave -\nsettled\n" }
    for _, text in ipairs(away) do
      assert.same({}, judge(FIRST, SECOND, text).violations)
    end
  end)

  it("lets a process join again that did not wait for the word that its Corosync has gone", function()
    local own = "group g\nconfig 1:10 1:10 - 1:10=join\nring 1:4\nsend 1 1:0a\nanswer 1 true\n"
      .. "config 1:10 1:10 - 1:10=join\nring 1:9\nsend 2 1:0b\nanswer 2 true\nmessage 1:10 1:0b\n"
    local report = judge(own)
    assert.same({}, report.violations)
    assert.equal(2, report.figures.lives)
    local asks = changed(own, "group g\n", "group g\nactivate\n")
    finds("e", "it joins again, and has neither left nor lost Corosync nor asked to", asks)
    for _, lines in ipairs { "lost\n", "deactivate\nactivate\n" } do
      assert.same({}, judge(changed(asks, "answer 1 true\n", "answer 1 true\n" .. lines)).violations)
    end
  end)

  it("takes the end of a killed process as it is", function()
    local killed = SECOND:match "^(.*)send 3" .. "send 3 1:1c\nmessa"
    local first = changed(FIRST, "message 2:20 1:1b\n", "message 2:20 1:1b\nmessage 2:20 1:1c\n")
    first = changed(first, "message 2:20 1:1d\nquiet\nsettled\n", "quiet\n")
    assert.same({}, judge(first, killed).violations)
  end)
end)

describe("what a script notes", function()
  local function alone(lines)
    return "group g\nconfig 1:10 1:10 - 1:10=join\nring 1:4\n" .. lines .. "config 1:10 - 1:10=leave -\n"
  end

  it("is counted, where one error is raised twice (l)", function()
    assert.is_true(judge(alone "raise e\nraise e\nerror raised e\nerror raised e\n").ok)
    finds("l", "the error 'e' was not reported", alone "raise e\nraise e\nerror raised e\n")
  end)

  it("may be any number (l)", function()
    finds("l", "99999999999999999999 descriptors are open, and 1 were",
      alone "usage 1 1\nusage 99999999999999999999 1\n")
  end)
end)

describe("two histories of one member", function()
  it("are found", function()
    finds("a", "2:20 has another history, second, and its messages are sought in that", FIRST, SECOND, SECOND)
  end)
end)

describe("a history", function()
  it("that is none is refused, with the place", function()
    local parsed, message, code = history.parse("group g\nnonsense\n", "file")
    assert.is_nil(parsed)
    assert.equal("invalid", code)
    assert.equal("unreadable", (select(3, history.check { "/nonexistent" })))
    assert.equal("file:2: this is no event: nonsense", message)
    for _, lists in ipairs { "1:10 1:10 -", "1:10, - -", "1:10 - 1:10=join,,", "x - -" } do
      local line = "config 1:10 " .. lists
      assert.is_nil((history.parse("group g\n" .. line .. "\n", "file")))
    end
    for _, line in ipairs { "config 1:10", "message x 1:0a", "send 1", "answer", "quiet now", "ring", "GROUP g", "" } do
      assert.is_nil((history.parse(line .. "\n", "file")), line)
    end
    for _, lines in ipairs { "group g\ngroup g\n", "group g\nsend 1 1:0a\nsend 1 1:0b\n",
      "group g\nsend 1 1:0a\nanswer 1 true\nsend 1 1:0b\n" } do
      assert.matches("^file:%d: this is no first [^:]*: [gs]", (select(2, history.parse(lines, "file"))))
    end
    for _, lines in ipairs { "answer 1 true\n", "send 1 1:0a\nanswer 1 timeout\nanswer 1 true\n" } do
      assert.matches("this is no answer to a send", (select(2, history.parse(lines, "file"))))
    end
    assert.same({ n = 2, nil, "there is no history to judge", "not_exist" }, { n = 2, history.check {} })
    assert.has_error(function() history.judge {} end,
      "bad argument #1 to 'judge' (histories: a table with one or more expected)")
    assert.is_nil((history.check { "/nonexistent" }))
    local checked, problem = history.check { "/tmp" }
    assert.is_nil(checked)
    assert.matches("^/tmp: ", problem)
  end)

  it("has the group's name as it is", function()
    for _, name in ipairs { " chat", "chat ", " ", "\200\255" } do
      local events = assert(history.parse("group " .. name .. "\n", "file")).events
      assert.equal(name, events[1][2])
    end
  end)

  it("has digests that tell messages apart", function()
    local long = ("x"):rep(100000)
    assert.equal(digest(long), digest(long))
    local seen = {}
    for _, message in ipairs { "", "\0", "a", "b", "ab", "ba", "bB", "Hello P0", "Hello OO", long, long .. "x",
      "y" .. long:sub(2), long:sub(2) .. "y" } do
      assert.is_nil(seen[digest(message)])
      assert.matches("^%d+:%x+$", digest(message))
      seen[digest(message)] = true
    end
  end)

  it("has digests of at most 192 bytes", function()
    for _, length in ipairs { 192, 193, 255, 256, 257, 1000 } do
      local message, count = ("x"):rep(length), 0
      for i = 1, length do
        local is_seen = digest(message:sub(1, i - 1) .. "y" .. message:sub(i + 1)) ~= digest(message)
        count = count + (is_seen and 1 or 0)
      end
      assert.is_true(count > 128 and count <= 192, length .. " bytes: " .. count)
    end
  end)
end)
