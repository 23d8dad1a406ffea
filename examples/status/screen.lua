-- Shows the cluster in a terminal, always in the same place.
local model = require "status.model"
local uv = require "luv"

local UNITS = { "", "k", "M", "G", "T" }
-- Colours only repeat the words beside them: not everyone sees colours.
local COLOURS = { title = "1", good = "32", bad = "1;31" }
local has_colours = (os.getenv "NO_COLOR" or "") == ""
local HIDE_CURSOR, SHOW_CURSOR = "\27[?25l", "\27[?25h"
local HOME, END_OF_LINE, END_OF_SCREEN = "\27[H", "\27[K\r\n", "\27[J\r\n"

---- sections: arrays of lines, which may have a style ----

local function short(number)
  local unit = 1
  while number >= 10000 and UNITS[unit + 1] do
    number, unit = number / 1000, unit + 1
  end
  return (number < 10 and number % 1 > 0 and "%.1f%s" or "%.0f%s"):format(number, UNITS[unit])
end

local function text_of(cell)
  return type(cell) == "number" and short(cell) or cell or ""
end

local function pad(text, width, right)
  local space = (" "):rep(width - #text)
  return right and space .. text or text .. space
end

-- A line of titles, and one for each row. A column is aligned to the right if its title starts with ">", and an empty
-- column is left out.
local function tabulate(titles, rows)
  local lines = { { text = "", style = "title" } }
  for i, row in ipairs(rows) do
    lines[i + 1] = { text = "", style = row.style }
  end
  for column, title in ipairs(titles) do
    local right, name = title:match "^(>?)(.*)$"
    local cells, width, filled = { name }, #name, false
    for i, row in ipairs(rows) do
      local text = text_of(row[column])
      cells[i + 1], width, filled = text, math.max(width, #text), filled or text ~= ""
    end
    for i, text in ipairs(filled and cells or {}) do
      lines[i].text = lines[i].text .. pad(text, width, right == ">") .. "  "
    end
  end
  return lines
end

local function summary(state)
  local lines = {
    { text = ("%s on %s, %s"):format(state.cluster, state.names[state.here], os.date "%X"), style = "title" },
    { text = model.quorum_text(state) .. "; " .. model.ring_text(state), style = state.quorate and "good" or "bad" },
  }
  for _, problem in ipairs(state.problems) do
    table.insert(lines, { text = ("problem with %s: %s"):format(problem.topic, problem.text), style = "bad" })
  end
  return lines
end

local function links_text(node)
  local texts = {}
  for i, link in ipairs(node.links) do
    local latency = link.is_up and link.latency
    texts[i] = ("%d %s%s"):format(link.number, link.is_up and "up" or "DOWN",
      latency and (" %.1f ms"):format(latency / 1000) or "")
  end
  return node.is_here and "this node" or table.concat(texts, ", ")
end

-- The sum over all links; nil when no link has the counter.
local function sum(links, field)
  local total
  for _, link in ipairs(links) do
    total = link[field] and (total or 0) + link[field] or total
  end
  return total
end

local function nodes(state)
  local rows = {}
  for i, node in ipairs(state.nodes) do
    rows[i] = {
      ("%d"):format(node.id), node.name, node.is_member and "member" or "ABSENT", node.votes,
      table.concat(node.addresses, " "), links_text(node), sum(node.links, "received"), sum(node.links, "sent"),
      style = not node.is_member and "bad" or nil,
    }
  end
  return tabulate({ ">ID", "NODE", "STATE", ">VOTES", "ADDRESS", "LINKS", ">BYTES/s IN", ">OUT" }, rows)
end

local function groups(state)
  local rows = {}
  for i, group in ipairs(state.groups) do
    rows[i] = { group.name, #group.members, table.concat(group.members, " ") }
  end
  return tabulate({ "GROUP", ">SIZE", "MEMBERS" }, rows)
end

local function totem(state)
  local rates, totals = { "per second" }, { "in all" }
  for i, name in ipairs { "sent", "received", "again", "dropped", "tokens", "lost" } do
    local counter = state.totem[name] or {}
    rates[i + 1], totals[i + 1] = counter.rate, counter.total
  end
  return tabulate({ "MESSAGES", ">SENT", ">RECEIVED", ">SENT AGAIN", ">DROPPED", ">TOKENS", ">TOKENS LOST" },
    { rates, totals })
end

local function programs(state)
  local rows = {}
  for i, program in ipairs(state.programs) do
    rows[i] = { program.name, program.connections, program.requests, program.events }
  end
  return tabulate({ "PROGRAM HERE", ">CONNECTIONS", ">REQUESTS/s", ">EVENTS/s" }, rows)
end

---- the picture ----

-- The lines of all sections with an empty line between them, if each is cut to so many.
local function count(sections, most)
  local total = #sections - 1
  for _, section in ipairs(sections) do
    total = total + math.min(#section, most)
  end
  return total
end

local function longest(sections)
  local found = sections[1]
  for _, section in ipairs(sections) do
    found = #section >= #found and section or found
  end
  return found
end

-- Removes the last sections, which matter least, while there is no room for three lines of each. Then the longest
-- sections lose lines.
local function shrink(sections, height)
  while #sections > 1 and count(sections, 3) > height do
    table.remove(sections)
  end
  for _ = height + 1, count(sections, math.huge) do
    local section = longest(sections)
    section.hidden = (section.hidden or 1) + 1
    table.remove(section)
    section[#section] = { text = ("... and %d more"):format(section.hidden) }
  end
end

local function paint(line, width)
  local text = line.text:gsub(" +$", "")
  if #text > width then
    text = text:sub(1, width - 1) .. ">"
  end
  local colour = has_colours and COLOURS[line.style]
  return colour and ("\27[%sm%s\27[0m"):format(colour, text) or text
end

local function picture(state, width, height)
  local sections = { summary(state), nodes(state), groups(state), totem(state), programs(state) }
  shrink(sections, height)
  local lines = {}
  for i, section in ipairs(sections) do
    lines[#lines + 1] = i > 1 and "" or nil
    for _, line in ipairs(section) do
      lines[#lines + 1] = paint(line, width)
    end
  end
  return HOME .. table.concat(lines, END_OF_LINE, 1, math.min(#lines, height)) .. END_OF_SCREEN
end

---- the terminal ----

local screen = {}
local terminal
local is_drawn = false

-- Some terminals do not report it.
local function size()
  local width, height = terminal:get_winsize()
  if not width or width == 0 or height == 0 then
    return 80, 24
  end
  return width, height
end

function screen.show(state)
  terminal = terminal or uv.new_tty(1, false)
  if terminal:get_write_queue_size() > 0 then
    return -- the last picture is not even written
  end
  local width, height = size()
  if not is_drawn then
    is_drawn = true
    terminal:write(("\n"):rep(height) .. HIDE_CURSOR) -- earlier output moves up, out of the picture's way
  end
  -- The last line and column stay free, because a terminal scrolls when they are filled.
  terminal:write(picture(state, width - 1, height - 1))
end

-- The last picture stays; the host logs below it.
function screen.restore()
  if is_drawn then
    is_drawn = false
    terminal:set_blocking(true)
    terminal:write(SHOW_CURSOR)
  end
end

return screen
