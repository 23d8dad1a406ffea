-- Feature flags that are the same on all nodes. Each member is notified of changes, and after a cut of each flag that
-- has changed meanwhile.
--
--   cpgrun --lab 3 examples/feature_flags.lua      then type:  1: dark_mode on   2: beta on   3: dark_mode off
local replica = require "corosync.replica"
local uv = require "luv"

local flags = assert(replica "feature_flags"):map "flags"

flags:watch("", function(flag, new)
  print(("%s is %s"):format(flag, new and "on" or "off"))
end, function()
  print "has the flags of the others"
end)

local input = uv.new_pipe(false)
assert(input:open(0))
input:read_start(function(_, text)
  for flag, state in (text or ""):gmatch "(%S+) (%S+)" do
    coroutine.wrap(function()
      local ok, problem = flags:set(flag, state == "on")
      if not ok then print(problem) end
    end)()
  end
end)
