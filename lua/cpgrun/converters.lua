-- Converters for argparse: each returns the value of an option's text, or nil and a message. Some functions take the
-- option's name and return a converter.
local absolute = require("corosync.binding").absolute_path

local converters = {}

function converters.node_count(text)
  if not text:match "^[1-8]$" then
    return nil, "--lab takes a whole number of nodes from 1 to 8, not '" .. text .. "'"
  end
  return tonumber(text)
end

local MOST_BYTES = 2 ^ 50
local MULTIPLES = { k = 2 ^ 10, K = 2 ^ 10, M = 2 ^ 20, G = 2 ^ 30 }

function converters.bytes(option, least)
  return function(text)
    local number, multiple = text:match "^(%d+)([kKMG]?)$"
    if not number then
      return nil, ("%s takes a number of bytes such as 1000, 500k, 64M or 1G, not '%s'"):format(option, text)
    end
    local all = tonumber(number) * (MULTIPLES[multiple] or 1)
    if all < least or all > MOST_BYTES then
      return nil, ("%s takes from %d bytes to %dG, not '%s'"):format(option, least, MOST_BYTES / MULTIPLES.G, text)
    end
    return all
  end
end

function converters.seconds(option, lowest)
  return function(text)
    local number = tonumber(text)
    if not number or number ~= number or number == math.huge or number < lowest then
      return nil, ("%s takes a number of seconds, at least %g, not '%s'"):format(option, lowest, text)
    end
    return number
  end
end

function converters.watchdog(text)
  if tonumber(text) == 0 then
    return 0
  end
  return converters.seconds("--watchdog", 0.001)(text)
end

function converters.whole(option, lowest, highest)
  return function(text)
    local number = text:match "^%d+$" and tonumber(text)
    if not number or number < lowest or number > highest then
      return nil, ("%s takes a whole number from %d to %d, not '%s'"):format(option, lowest, highest, text)
    end
    return number
  end
end

function converters.group_name(text)
  if text == "" or #text > 128 then
    return nil, ("a group's name is 1 to 128 bytes, not %d"):format(#text)
  end
  return text
end

function converters.metrics_file(text)
  if not text:find "[^/]%.prom$" then
    return nil, ("--metrics-file takes a file name that ends in .prom, because the collector reads no others, not '%s'")
      :format(text)
  end
  return absolute(text)
end

function converters.absolute_path(what, option)
  return function(text)
    if text == "" then
      return nil, ("%s takes the name of a %s, not ''"):format(option, what)
    end
    return absolute(text)
  end
end

function converters.socket_folder(text)
  if text == "none" then
    return text
  end
  return converters.absolute_path("folder", "--socket")(text)
end

function converters.file_name(text)
  if not text:match "^[%w_][%w_.-]*$" then
    return nil, ("--init takes a name of letters, digits, '_', '.' and '-', not '%s'"):format(text)
  end
  return (text:gsub("%.lua$", ""))
end

return converters
