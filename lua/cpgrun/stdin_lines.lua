-- The lines of standard input, which may be a terminal, a pipe or a file.
local own = require "corosync.own_handles"
local uv = require "luv"

local function open(kind)
  if kind == "tty" then
    return own(uv.new_tty(0, true))
  end
  local pipe = own(uv.new_pipe(false))
  return kind == "pipe" and pipe:open(0) and pipe
end

-- Calls `take(line)` for each line, and `ended(kind)` at the end of a terminal or pipe.
return function(take, ended)
  local kind, rest = uv.guess_handle(0), ""
  if kind == "file" then
    local line = io.stdin:read() -- lines() raises when it cannot be read, as under nohup
    while line do
      take(line)
      line = io.stdin:read()
    end
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
