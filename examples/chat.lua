-- A chat: what anyone types is read by all, in the same order everywhere.
--
--   cpgrun --lab 3 examples/chat.lua      then type:  1: hello   2: hi there   3: good morning
local uv = require "luv"

function config_change(members, left, joined)
  for _, address in ipairs(joined) do
    print(("* %s has joined (%s)"):format(tostring(address), address.reason))
  end
  for _, address in ipairs(left) do
    print(("* %s has left (%s)"):format(tostring(address), address.reason))
  end
  print(("* %d here"):format(#members))
end

function message_received(address, message)
  print(("%s: %s"):format(tostring(address), message))
end

function started()
  local input = uv.guess_handle(0) == "tty" and uv.new_tty(0, true) or uv.new_pipe(false)
  if input.open then
    input:open(0)
  end
  local rest = ""
  input:read_start(function(problem, data)
    assert(not problem, problem)
    if not data then
      return input:close()
    end
    rest = (rest .. data):gsub("([^\n]*)\n", function(line)
      assert(group:send_message(line))
      return ""
    end)
  end)
end
