-- What the host tells its user: one line a message on stderr, with time and level.
local log = { level = "info" }

local RANK = { error = 1, warning = 2, info = 3, debug = 4 }

log.levels = { "error", "warning", "info", "debug" }

local function write(level, format, ...)
  if RANK[level] <= RANK[log.level] then
    local message = select("#", ...) > 0 and format:format(...) or tostring(format)
    io.stderr:write(os.date("%Y-%m-%dT%H:%M:%S "), level, ": ", message, "\n")
  end
end

for _, level in ipairs(log.levels) do
  log[level] = function(...) write(level, ...) end
end

return log
