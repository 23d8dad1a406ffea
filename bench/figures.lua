-- Medians of pairs of runs, and the line that says where they were measured.
local figures = {}

-- Median, lowest and highest.
function figures.spread(values)
  table.sort(values)
  return { values[math.ceil(#values / 2)], values[1], values[#values] }
end

-- Of what a function returns for each pair.
function figures.each_pair(found, value_of)
  local values = {}
  for i, pair in ipairs(found) do
    values[i] = value_of(pair)
  end
  return figures.spread(values)
end

-- As text.
function figures.with_spread(it)
  return ("%.2f (%.2f to %.2f)"):format(it[1], it[2], it[3])
end

local function first_line(command)
  local pipe = io.popen(command)
  local line = pipe:read "*l"
  pipe:close()
  return line or "unknown"
end

-- The machine, the versions and the date; `more` says how it was measured.
function figures.print_head(more)
  print(("%s, %s processors, Linux %s, %s, %s; %s\n"):format(
    first_line "sed -n 's/^model name.*: //p' /proc/cpuinfo", first_line "nproc", first_line "uname -r",
    first_line "corosync -v | sed \"s/.*version '/Corosync /; s/'.*//\"", os.date "%Y-%m-%d", more))
end

return figures
