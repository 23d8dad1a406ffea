local checking = require "spec.helpers.checker"

local finds, passes = checking.finds, checking.passes

-- The history of a member that is present when ring 1:4 is formed of 1:10, 2:20 and 3:30, followed by the given lines.
local function there(own, lines)
  return ("group g\nconfig %s %s - %s=join\nring %s:1\n"):format(own, own, own, own:match "%d+")
    .. ("config %s 1:10,2:20,3:30 - OTHERS\nring 1:4\n"):format(own):gsub("OTHERS", function()
      return (("1:10=nodeup,2:20=nodeup,3:30=nodeup,"):gsub(own .. "=nodeup,", ""):gsub(",$", ""))
    end) .. (lines or ""):gsub("OWN", own)
end

local THIRD_LEAVES = "config OWN 1:10,2:20 3:30=leave -\n"
local THIRD = there("3:30", "config 3:30 1:10,2:20 3:30=leave -\n")

describe("rule same_configuration", function()
  local SENT = "send 1 1:0a\nanswer 1 true\n"

  it("is violated by a message that two members deliver on different rings", function()
    local ring = "ring 1:8\n"
    passes(there("1:10", SENT .. ring .. "message 1:10 1:0a\n"),
      there("2:20", ring .. "message 1:10 1:0a\n"))
    finds("same_configuration", "2:20 delivered message 1:0a of 1:10 in the configuration 1:10,2:20,3:30@1:4, "
      .. "and 1:10 in 1:10,2:20,3:30@1:8",
      there("1:10", SENT .. ring .. "message 1:10 1:0a\n"), there("2:20", "message 1:10 1:0a\n" .. ring))
  end)

  it("is violated by different member lists, except for nodes that go down", function()
    local message = "message 1:10 1:0a\n"
    finds("same_configuration", "2:20 delivered message 1:0a of 1:10 in the configuration 1:10,2:20,3:30@1:4, "
      .. "and 1:10 in 1:10,2:20@1:4",
      there("1:10", SENT .. THIRD_LEAVES .. message), there("2:20", message .. THIRD_LEAVES), THIRD)
    local gone = "config OWN 1:10,2:20 3:30=nodedown -\nring 1:8\n"
    passes(there("1:10", SENT .. THIRD_LEAVES .. message .. "ring 1:8\n"),
      there("2:20", message .. gone), THIRD)
  end)
end)
