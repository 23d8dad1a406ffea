-- The results of bench/run.lua as panels of a chart: for each cluster and window, the ratios to plain C by size.

local METRICS = {
  { "rate_ratio", "messages a second" },
  { "cpu_ratio", "CPU a message" },
  { "p99_ratio", "p99 latency" },
}

local function label_of(size)
  return size >= 1000 and ("%gk"):format(size / 1000) or tostring(size)
end

-- An array with a row for each cluster and window, in the order of measurement: a title, and the results by program.
local function rows_of(results)
  local rows, by_title = {}, {}
  for _, it in ipairs(results) do
    local title = ("%d node%s, window %d"):format(it.nodes, it.nodes == 1 and "" or "s", it.window)
    local row = by_title[title]
    if not row then
      row = { title = title, programs = {}, by_program = {} }
      by_title[title] = row
      rows[#rows + 1] = row
    end
    if not row.by_program[it.program] then
      row.by_program[it.program] = {}
      table.insert(row.programs, it.program)
    end
    table.insert(row.by_program[it.program], it)
  end
  return rows
end

local function position(sizes, size)
  for i, each in ipairs(sizes) do
    if each == size then
      return i
    end
  end
end

local function series_of(row, program, metric, sizes)
  local points = {}
  for i, it in ipairs(row.by_program[program]) do
    local middle, low, high = (table.unpack or unpack)(it[metric]) -- luacheck: ignore 113
    points[i] = { x = position(sizes, it.size), y = middle, low = low, high = high }
  end
  return { name = program, points = points }
end

-- `floor` is the program to which the others are compared.
return function(results, sizes, floor)
  local panels, categories = {}, {}
  for i, size in ipairs(sizes) do
    categories[i] = label_of(size)
  end
  for _, row in ipairs(rows_of(results)) do
    for _, metric in ipairs(METRICS) do
      local panel = { title = ("%s: %s, to plain C"):format(row.title, metric[2]), categories = categories,
        low = 0.5, high = 2, step = 0.25, mark = 1, series = {} }
      for _, program in ipairs(row.programs) do
        if program ~= floor then
          table.insert(panel.series, series_of(row, program, metric[1], sizes))
        end
      end
      panels[#panels + 1] = panel
    end
  end
  return panels
end
