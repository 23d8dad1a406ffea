-- Draws what bench/run.lua has found: for each cluster and window, the ratios to plain C against the size.

local WIDTH, HEIGHT, MARGIN = 300, 200, 48 -- of a panel
local TOP, BOTTOM = 2, 0.5 -- ratios
local COLOURS = { ["Lua 5.4"] = "#00007f", ["Lua 5.4, reader"] = "#8a5fbf", LuaJIT = "#b5482a", cpgrun = "#2a7f3f" }
local ORDER = { "Lua 5.4", "Lua 5.4, reader", "LuaJIT", "cpgrun" }
local METRICS = { { "rate_ratio", "messages a second, to plain C" }, { "cpu_ratio", "CPU a message, to plain C" } }

local function y_of(ratio)
  return HEIGHT * (TOP - math.max(BOTTOM, math.min(TOP, ratio))) / (TOP - BOTTOM)
end

local function element(lines, format, ...)
  lines[#lines + 1] = format:format(...)
end

local function draw_axes(lines, title, sizes)
  element(lines, '<rect width="%d" height="%d" fill="none" stroke="#888"/>', WIDTH, HEIGHT)
  element(lines, '<text x="0" y="-8">%s</text>', title)
  for ratio = BOTTOM, TOP, 0.25 do
    element(lines, '<line x1="0" x2="%d" y1="%.1f" y2="%.1f" stroke="%s"/>', WIDTH, y_of(ratio), y_of(ratio),
      ratio == 1 and "#444" or "#ddd")
    element(lines, '<text x="-6" y="%.1f" text-anchor="end">%g</text>', y_of(ratio) + 4, ratio)
  end
  for i, size in ipairs(sizes) do
    element(lines, '<text x="%.1f" y="%d" text-anchor="middle">%s</text>', WIDTH * (i - 0.5) / #sizes, HEIGHT + 16,
      size >= 1000 and ("%gk"):format(size / 1000) or size)
  end
end

local function draw_series(lines, series, metric, sizes)
  local points = {}
  for at, program in ipairs(ORDER) do
    points[program] = {}
    for i, size in ipairs(sizes) do
      local it = series[program] and series[program][size]
      if it then
        local x = WIDTH * (i - 0.5) / #sizes + (at - 2.5) * 5
        element(lines, '<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="%s"/>', x, x, y_of(it[metric][2]),
          y_of(it[metric][3]), COLOURS[program])
        element(lines, '<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>', x, y_of(it[metric][1]), COLOURS[program])
        table.insert(points[program], ("%.1f,%.1f"):format(x, y_of(it[metric][1])))
      end
    end
    element(lines, '<polyline points="%s" fill="none" stroke="%s" opacity="0.5"/>', table.concat(points[program], " "),
      COLOURS[program])
  end
end

-- By cluster and window, in the order in which they were measured: a title, and what was found by program and size.
local function rows_of(results)
  local rows, by_title = {}, {}
  for _, it in ipairs(results) do
    local title = ("%d node%s, window %d"):format(it.nodes, it.nodes == 1 and "" or "s", it.window)
    if not by_title[title] then
      by_title[title] = { title = title }
      rows[#rows + 1] = by_title[title]
    end
    local series = by_title[title]
    series[it.program] = series[it.program] or {}
    series[it.program][it.size] = it
  end
  return rows
end

return function(path, results, sizes)
  local rows, lines = rows_of(results), {}
  local width, height = #METRICS * (WIDTH + 2 * MARGIN), #rows * (HEIGHT + 2 * MARGIN) + 24
  element(lines, '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">',
    width, height)
  element(lines, '<rect width="%d" height="%d" fill="white"/>', width, height)
  for i, row in ipairs(rows) do
    for k, metric in ipairs(METRICS) do
      element(lines, '<g transform="translate(%d %d)">', MARGIN + (k - 1) * (WIDTH + 2 * MARGIN),
        MARGIN + (i - 1) * (HEIGHT + 2 * MARGIN))
      draw_axes(lines, row.title .. ": " .. metric[2], sizes)
      draw_series(lines, row, metric[1], sizes)
      element(lines, "</g>")
    end
  end
  local x = MARGIN
  for _, program in ipairs(ORDER) do
    element(lines, '<text x="%d" y="%d" fill="%s">● %s</text>', x, height - 8, COLOURS[program], program)
    x = x + 110
  end
  element(lines, "</svg>")
  local file = assert(io.open(path, "w"))
  file:write(table.concat(lines, "\n"), "\n")
  file:close()
end
