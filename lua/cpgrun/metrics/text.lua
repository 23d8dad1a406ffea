-- Prometheus' text format 0.0.4.
local valid = require "cpgrun.bytes_as_text" -- Prometheus refuses a page with invalid UTF-8

local text = {}

text.TYPE = "text/plain; version=0.0.4; charset=utf-8"

-- Prometheus treats a zero byte as the end of the page.
local LABEL = { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n", ["\0"] = "\\\\000" }
local HELP = { ["\\"] = "\\\\", ["\n"] = "\\n", ["\0"] = "\\\\000" }

-- Returns a label as name="value".
function text.label(name, value)
  return ('%s="%s"'):format(name, (valid(tostring(value)):gsub('[\\"%c]', LABEL)))
end

function text.help(help)
  return (valid(help):gsub("[\\%c]", HELP))
end

function text.number(value)
  if value ~= value then
    return "NaN"
  elseif value == math.huge or value == -math.huge then
    return value > 0 and "+Inf" or "-Inf"
  elseif value == math.floor(value) and math.abs(value) < 2 ^ 53 then
    return ("%.0f"):format(value)
  end
  local short = ("%.15g"):format(value)
  return tonumber(short) == value and short or ("%.17g"):format(value)
end

return text
