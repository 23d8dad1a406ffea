-- A chat: all members print the same lines in the same order.
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

local function say(line)
  local ok, problem = group:send_message(line)
  if not ok then
    print("* not sent: " .. problem)
  end
end

-- Input is a terminal, or the pipe from the lab.
local function read_lines(input)
  local rest = ""
  input:read_start(function(problem, data)
    assert(not problem, problem)
    if not data then
      return input:close()
    end
    rest = (rest .. data):gsub("([^\n]*)\n", function(line)
      say(line)
      return ""
    end)
  end)
end

function started()
  local kind = uv.guess_handle(0)
  if kind == "file" then -- also /dev/null; libuv aborts when it reads a file as a pipe
    for line in io.lines() do
      say(line)
    end
  elseif kind == "tty" then
    read_lines(uv.new_tty(0, true))
  else
    local pipe = uv.new_pipe(false)
    assert(pipe:open(0))
    read_lines(pipe)
  end
end
