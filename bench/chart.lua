-- Draws charts as SVG: panels side by side, each with some series of points.
--
--   chart(path, {
--     { title = "CPU a message, to plain C", low = 0.5, high = 2, mark = 1,
--       categories = { "16", "64" }, -- else x counts from 0
--       series = { { name = "Lua", points = { { x = 1, y = 1.02, low = 1.0, high = 1.1 } } } } },
--   }, { columns = 2 })
--
-- `low` and `high` of a point are its spread, and optional; those of a panel are computed when absent. Series of one
-- name have one colour in all panels; the names are below the panels. `is_unconnected` of a series leaves out the line
-- between its points.

local WIDTH, HEIGHT, MARGIN, HEAD, FOOT = 320, 200, 56, 36, 28
local COLOURS = { "#00007f", "#b5482a", "#2a7f3f", "#8a5fbf", "#666666", "#a0761a" }
local LINES = 5 -- of the grid, approximately

local function element(lines, format, ...)
  lines[#lines + 1] = format:format(...)
end

local function escaped(text)
  return (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }))
end

-- The next round number.
local function round_up(value)
  local magnitude = 10 ^ math.floor(math.log(value, 10))
  for _, factor in ipairs { 1, 1.5, 2, 3, 4, 5, 6, 8, 10 } do
    if factor * magnitude >= value then
      return factor * magnitude
    end
  end
end

local function highest(panel, field, spread)
  local found = 0
  for _, series in ipairs(panel.series) do
    for _, point in ipairs(series.points) do
      found = math.max(found, point[spread] or point[field])
    end
  end
  return found > 0 and found or 1
end

local function scales(panel)
  local low, high = panel.low or 0, panel.high or round_up(highest(panel, "y", "high"))
  local x_most = panel.categories and #panel.categories or round_up(highest(panel, "x"))
  local function x_of(x)
    return WIDTH * (panel.categories and x - 0.5 or x) / x_most
  end
  local function y_of(y)
    return HEIGHT * (high - math.max(low, math.min(high, y))) / (high - low)
  end
  return x_of, y_of, x_most, low, high
end

local function draw_y_axis(lines, panel, y_of, low, high)
  local step = panel.step or round_up((high - low) / LINES)
  for y = low, high + step / 100, step do
    element(lines, '<line x1="0" x2="%d" y1="%.1f" y2="%.1f" stroke="%s"/>', WIDTH, y_of(y), y_of(y),
      y == panel.mark and "#444" or "#ddd")
    element(lines, '<text x="-6" y="%.1f" text-anchor="end">%.6g</text>', y_of(y) + 4, y)
  end
end

local function draw_x_axis(lines, panel, x_of, x_most)
  if panel.categories then
    for i, label in ipairs(panel.categories) do
      element(lines, '<text x="%.1f" y="%d" text-anchor="middle">%s</text>', x_of(i), HEIGHT + 16, escaped(label))
    end
    return
  end
  local step = round_up(x_most / LINES)
  for x = 0, x_most, step do
    element(lines, '<text x="%.1f" y="%d" text-anchor="middle">%.6g</text>', x_of(x), HEIGHT + 16, x)
  end
end

local function draw_series(lines, series, colour, x_of, y_of, shift)
  local way = {}
  for i, point in ipairs(series.points) do
    local x, y = x_of(point.x) + shift, y_of(point.y)
    if point.low then
      element(lines, '<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="%s"/>', x, x, y_of(point.low),
        y_of(point.high), colour)
    end
    element(lines, '<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>', x, y, colour)
    way[i] = ("%.1f,%.1f"):format(x, y)
  end
  if not series.is_unconnected then
    element(lines, '<polyline points="%s" fill="none" stroke="%s" opacity="0.5"/>', table.concat(way, " "), colour)
  end
end

local function draw_panel(lines, panel, colour_of)
  local x_of, y_of, x_most, low, high = scales(panel)
  element(lines, '<text x="0" y="-8">%s</text>', escaped(panel.title))
  draw_y_axis(lines, panel, y_of, low, high)
  draw_x_axis(lines, panel, x_of, x_most)
  element(lines, '<rect width="%d" height="%d" fill="none" stroke="#888"/>', WIDTH, HEIGHT)
  for i, series in ipairs(panel.series) do
    -- Spreads at the same place would hide each other.
    local shift = panel.categories and (i - (#panel.series + 1) / 2) * 5 or 0
    draw_series(lines, series, colour_of(series.name), x_of, y_of, shift)
  end
end

-- Returns a function from a name to its colour, and the array of names in order of first use.
local function colours()
  local names, by_name = {}, {}
  return function(name)
    if not by_name[name] then
      names[#names + 1] = name
      by_name[name] = COLOURS[(#names - 1) % #COLOURS + 1]
    end
    return by_name[name]
  end, names
end

return function(path, panels, options)
  local columns = options.columns
  local width = columns * (WIDTH + MARGIN + 12) + 24
  local height = math.ceil(#panels / columns) * (HEAD + HEIGHT + FOOT) + 24
  local lines = {}
  local colour_of, names = colours()
  element(lines, '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">',
    width, height)
  element(lines, '<rect width="%d" height="%d" fill="white"/>', width, height)
  for i, panel in ipairs(panels) do
    element(lines, '<g transform="translate(%d %d)">', MARGIN + (i - 1) % columns * (WIDTH + MARGIN + 12),
      HEAD + math.floor((i - 1) / columns) * (HEAD + HEIGHT + FOOT))
    draw_panel(lines, panel, colour_of)
    element(lines, "</g>")
  end
  for i, name in ipairs(names) do
    element(lines, '<text x="%d" y="%d" fill="%s">● %s</text>', MARGIN + (i - 1) * 120, height - 8, colour_of(name),
      escaped(name))
  end
  element(lines, "</svg>")
  local file = assert(io.open(path, "w"))
  file:write(table.concat(lines, "\n"), "\n")
  file:close()
end
