-- Compares the joins and leaves that members of one ring were notified of.
local checking = require "spec.helpers.checker"

local finds, passes = checking.finds, checking.passes
local unpack = table.unpack or unpack -- luacheck: ignore 113

-- The history of a member that is present when ring 1:4 is formed of 1:10, 2:20 and 3:30, followed by the given lines.
local function there(own, lines)
  return ("group g\nconfig %s %s - %s=join\nring %s:1\n"):format(own, own, own, own:match "%d+")
    .. ("config %s 1:10,2:20,3:30 - OTHERS\nring 1:4\n"):format(own):gsub("OTHERS", function()
      return (("1:10=nodeup,2:20=nodeup,3:30=nodeup,"):gsub(own .. "=nodeup,", ""):gsub(",$", ""))
    end) .. (lines or ""):gsub("OWN", own)
end

-- The history of one that joins on that ring.
local function joiner(own, members, lines)
  return ("group g\nconfig %s %s - %s=join\nring 1:4\n"):format(own, members, own) .. (lines or ""):gsub("OWN", own)
end

local THIRD_LEAVES = "config OWN 1:10,2:20 3:30=leave -\n"
local FOURTH_JOINS = "config OWN 1:10,2:20,4:40 - 4:40=join\n"
local FOURTH_LEAVES = "config OWN 1:10,2:20 4:40=leave -\n"
local THIRD = there("3:30", "config 3:30 1:10,2:20 3:30=leave -\n")

describe("rule membership_agreement, for members present when their ring was formed,", function()
  local both = THIRD_LEAVES .. FOURTH_JOINS

  it("requires the same changes for as long as they are members", function()
    local fourth = joiner("4:40", "1:10,2:20,4:40")
    passes(there("1:10", both), there("2:20", both), THIRD, fourth)
    passes(there("1:10", both), there("2:20", THIRD_LEAVES .. "lost\n"), THIRD, fourth)
  end)

  it("is violated by a change that other members did not get", function()
    local fourth = joiner("4:40", "1:10,2:20,3:30,4:40", "config OWN 1:10,2:20,3:30 4:40=leave -\n")
    local here = "config OWN 1:10,2:20,3:30,4:40 - 4:40=join\nconfig OWN 1:10,2:20,3:30 4:40=leave -\n" .. THIRD_LEAVES
    passes(there("1:10", here), there("2:20", here), there("3:30", here), fourth)
    finds("membership_agreement",
      "on ring 1:4, 2:20 was told of 3:30=leave, but 1:10 of 4:40=join", there("1:10", here),
      there("2:20", THIRD_LEAVES), there("3:30", here), fourth)
  end)

  it("requires the same order and the same reasons", function()
    local other = "config OWN 1:10,2:20,3:30,4:40 - 4:40=join\nconfig OWN 1:10,2:20,4:40 3:30=leave -\n"
    local fourth = joiner("4:40", "1:10,2:20,4:40")
    finds("membership_agreement",
      "on ring 1:4, 2:20 was told of 4:40=join, but 1:10 of 3:30=leave", there("1:10", both),
      there("2:20", other), THIRD, fourth)
    finds("membership_agreement",
      "on ring 1:4, 2:20 was told of 3:30=procdown, but 1:10 of 3:30=leave", there("1:10", both),
      there("2:20", (both:gsub("3:30=leave", "3:30=procdown"))), THIRD, fourth)
  end)

  it("requires the same initial members", function()
    local more = there("2:20"):gsub("1:10,2:20,3:30", "1:10,2:20,3:30,4:40"):gsub("%- 1:10", "- 4:40=nodeup,1:10")
    finds("membership_agreement", "on ring 1:4, after the forming of the ring, 2:20 has the members "
      .. "1:10,2:20,3:30,4:40, but 1:10 has 1:10,2:20,3:30", there("1:10"), more, there "3:30")
    -- A process that ends while rings meet is known to some only.
    local ends = "config OWN 1:10,2:20,3:30 4:40=procdown -\n"
    assert.same({ ["unknown member left"] = 2 }, passes(there("1:10", ends), more .. ends:gsub("OWN", "2:20"),
      there("3:30", ends), "group g\nactivate\n"))
  end)

  it("allows different changes once nodes have gone", function()
    local function alone(own)
      local others = (("1:10=nodedown,2:20=nodedown,3:30=nodedown,"):gsub(own .. "=nodedown,", ""):gsub(",$", ""))
      local text = ("config OWN OWN %s -\nring N:8\nconfig OWN OWN,N:50 - N:50=join\n"):format(others)
      return (text:gsub("N:", own:match "%d+:"))
    end
    passes(there("1:10", alone "1:10"), there("2:20", alone "2:20"), there("3:30", alone "3:30"))
  end)
end)

describe("rule membership_agreement, for a joining member,", function()
  local here = THIRD_LEAVES .. FOURTH_JOINS

  it("requires the member list that others have at the join", function()
    finds("membership_agreement",
      "on ring 1:4, after 4:40=join, 4:40 has the members 1:10,2:20,3:30,4:40, but 1:10 has 1:10,2:20,4:40",
      there("1:10", here), there("2:20", here), THIRD, joiner("4:40", "1:10,2:20,3:30,4:40"))
  end)

  it("requires the same changes from then on", function()
    local fifth = "config OWN 1:10,2:20,4:40,5:50 - 5:50=join\n"
    local joins = { there("1:10", here .. fifth), there("2:20", here), THIRD, joiner("4:40", "1:10,2:20,4:40", fifth),
      joiner("5:50", "1:10,2:20,4:40,5:50") }
    passes(unpack(joins))
    joins[4] = joiner("4:40", "1:10,2:20,4:40", "config OWN 1:10,2:20,4:40,5:51 - 5:51=join\n")
    finds("membership_agreement", "on ring 1:4, 4:40 was told of 5:51=join, but 1:10 of 5:50=join", unpack(joins))
  end)

  it("allows several joins on one ring", function()
    local again = here .. FOURTH_LEAVES .. FOURTH_JOINS .. "config OWN 1:10,2:20,4:40,5:50 - 5:50=join\n"
    local fourth = joiner("4:40", "1:10,2:20,4:40", FOURTH_LEAVES
      .. "config OWN 1:10,2:20,4:40 - 4:40=join\nring 1:4\nconfig OWN 1:10,2:20,4:40,5:50 - 5:50=join\n")
    local fifth = joiner("5:50", "1:10,2:20,4:40,5:50")
    passes(there("1:10", again), there("2:20", again), THIRD, fourth, fifth)
  end)

  it("compares it with the previous joiner when no earlier member remains", function()
    local first = joiner("1:10", "1:10", "config OWN 1:10,2:20 - 2:20=join\nconfig OWN 1:10 2:20=leave -\n")
    passes(first, joiner("2:20", "1:10,2:20", "config OWN 1:10 2:20=leave -\n"))
    finds("membership_agreement",
      "on ring 1:4, after 2:20=join, 2:20 has the members 1:10,2:20,3:30, but 1:10 has 1:10,2:20", first,
      joiner("2:20", "1:10,2:20,3:30"))
  end)

  it("compares it also when it was notified of the ring before", function()
    local function late(members)
      return ("group g\nring 1:4\nconfig 4:40 %s - 4:40=join\nring 1:4\n"):format(members)
    end
    passes(there("1:10", here), there("2:20", here), THIRD, late "1:10,2:20,4:40")
    finds("membership_agreement",
      "on ring 1:4, after 4:40=join, 4:40 has the members 2:20,4:40, but 1:10 has 1:10,2:20,4:40",
      there("1:10", here), there("2:20", here), THIRD, late "2:20,4:40")
  end)

  local SECOND_LEAVES = "config OWN 1:10 2:20=leave -\n"

  it("allows a join before others appear or after they have gone", function()
    local second = joiner("2:20", "2:20", "config OWN - 2:20=leave -\nconfig OWN 1:10,2:20 - 2:20=join\nring 1:4\n"
      .. "config OWN 1:10,2:20,3:30 - 3:30=join\n")
    local first = joiner("1:10", "1:10", "config OWN 1:10,2:20 - 2:20=join\nconfig OWN 1:10,2:20,3:30 - 3:30=join\n")
    passes(first, second, joiner("3:30", "1:10,2:20,3:30"))
    first = joiner("1:10", "1:10", "config OWN 1:10,2:20 - 2:20=join\n" .. SECOND_LEAVES
      .. "config OWN - 1:10=leave -\n")
    second = joiner("2:20", "1:10,2:20", SECOND_LEAVES .. "config OWN 2:20 - 2:20=join\nring 1:4\n")
    passes(first, second)
  end)

  it("compares it with other joiners after all earlier members have gone", function()
    local function third(order)
      return joiner("3:30", "1:10,2:20,3:30", order)
    end
    local first = joiner("1:10", "1:10", "config OWN 1:10,2:20 - 2:20=join\nconfig OWN 1:10,2:20,3:30 - 3:30=join\n"
      .. "config OWN 2:20,3:30 1:10=leave -\n")
    local second = joiner("2:20", "1:10,2:20", "config OWN 1:10,2:20,3:30 - 3:30=join\n"
      .. "config OWN 2:20,3:30 1:10=leave -\nconfig OWN 2:20,3:30,4:40 - 4:40=join\n")
    local goes = "config OWN 2:20,3:30 1:10=leave -\n"
    passes(first, second, third(goes .. "config OWN 2:20,3:30,4:40 - 4:40=join\n"))
    finds("membership_agreement", "on ring 1:4, 3:30 was told of 5:50=join, but 1:10 of 4:40=join", first, second,
      third(goes .. "config OWN 2:20,3:30,5:50 - 5:50=join\n"))
  end)
end)

describe("rule membership_agreement, for members that lose a node,", function()
  local function survivor(own, change)
    return there(own, change .. "config OWN 1:10,2:20 3:30=nodedown -\nring 1:8\n")
  end
  local PROCESS_LEAVES = "config OWN 1:10,2:20,3:30 3:31=leave -\n"
  local THIRTY_ONE = "group g\nactivate\nconfig 3:31 1:10,2:20,3:30,3:31 - 3:31=join\nring 1:4\ndeactivate\n"

  local function with_process(text)
    return (text:gsub("1:10,2:20,3:30", "1:10,2:20,3:30,3:31", 1):gsub("3:30=nodeup", "3:30=nodeup,3:31=nodeup", 1))
  end

  it("allows and counts joins and leaves on the lost node that they missed", function()
    local knows = with_process(survivor("1:10", PROCESS_LEAVES .. "config OWN 1:10,1:11,2:20,3:30 - 1:11=join\n"
      )):gsub("1:10,2:20 3:30=nodedown", "1:10,1:11,2:20 3:30=nodedown")
    local lacks = with_process(survivor("2:20", "config OWN 1:10,1:11,2:20,3:30,3:31 - 1:11=join\n"))
      :gsub("1:10,2:20 3:30=nodedown", "1:10,1:11,2:20 3:30=nodedown,3:31=nodedown")
    assert.same({ ["last messages of a node that is gone"] = 1 }, passes(knows, lacks, THIRTY_ONE))
  end)
end)
