-- The lines of standard input, which may be a terminal, a pipe or a file.
local own = require "corosync.own_handles"
local uv = require "luv"

local function open(kind)
  if kind == "tty" then
    return own(uv.new_tty(0, true))
  end
  local pipe = kind == "pipe" and own(uv.new_pipe(false))
  return pipe and pipe:open(0) and pipe
end

local function read_file(take)
  local line = io.stdin:read() -- lines() raises when it cannot be read, as under nohup
  while line do
    take(line)
    line = io.stdin:read()
  end
end

-- Calls `take(line)` for each line, and `ended(kind)` at the end. Returns luv's handle, if the lines come by one.
return function(take, ended)
  local kind, rest = uv.guess_handle(0), ""
  if kind == "file" then
    read_file(take)
    ended(kind)
    return
  end
  local input = open(kind)
  if not input then
    return
  end
  input:read_start(function(_, data)
    rest = (rest .. (data or rest ~= "" and "\n" or "")):gsub("([^\n]*)\n", function(line)
      take(line)
      return ""
    end)
    if not data then
      input:read_stop()
      ended(kind)
    end
  end)
  return input
end
