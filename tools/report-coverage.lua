-- Prints line coverage, by file and in total: of C from gcov, of Lua from the records of tools/cover.lua.
-- Usage: lua5.4 report-coverage.lua NOTES FOLDER-OF-OBJECTS LUAC

local notes_path, objects, luac = arg[1], arg[2], arg[3]

local function lines_of(command)
  local lines = {}
  local pipe = assert(io.popen(command))
  for line in pipe:lines() do
    lines[#lines + 1] = line
  end
  pipe:close()
  return lines
end

local function noted()
  local files = {}
  for line in io.lines(notes_path) do
    local name, number = line:match "^(%S+):(%d+)$"
    if name then
      files[name] = files[name] or {}
      files[name][tonumber(number)] = true
    end
  end
  return files
end

-- The numbers of the lines with instructions, except lines that only close a block.
local function runnable(path)
  local text, number = {}, 0
  for line in io.lines(path) do
    number = number + 1
    text[number] = line:gsub("%-%-.*$", "")
  end
  local found = {}
  for _, line in ipairs(lines_of(("%s -l -p '%s'"):format(luac, path))) do
    number = tonumber(line:match "^%s+%d+%s+%[(%d+)%]")
    if number and text[number]:gsub("end", ""):find "%w" then
      found[number] = true
    end
  end
  return found
end

local totals = {}

local function report(language, path, ran, all)
  print(("%6.1f %%  %4d of %4d  %s"):format(all == 0 and 100 or 100 * ran / all, ran, all, path))
  local total = totals[language] or { ran = 0, all = 0 }
  totals[language] = { ran = total.ran + ran, all = total.all + all }
end

local function report_lua()
  local files = noted()
  for _, path in ipairs(lines_of "find lua -name '*.lua' | sort") do
    local ran, all = 0, 0
    for line in pairs(runnable(path)) do
      all = all + 1
      ran = ran + ((files[path:gsub("^lua/", "")] or {})[line] and 1 or 0)
    end
    report("Lua", path, ran, all)
  end
end

local function report_c()
  local path
  for _, line in ipairs(lines_of(("find '%s' -name '*.gcno' | sort | xargs gcov -n 2>/dev/null"):format(objects))) do
    path = line:match "^File '(.*)'$" or path
    local share, all = line:match "^Lines executed:([%d.]+)%% of (%d+)$"
    if share and path and path:find "^src/.*%.c$" then
      report("C", path, math.floor(share * all / 100 + 0.5), tonumber(all))
    end
    path = line:match "^File" and path or nil
  end
end

report_c()
report_lua()
for _, language in ipairs { "C", "Lua" } do
  local total = totals[language]
  print(("Lines of %s covered: %.1f %% (%d of %d)"):format(language, 100 * total.ran / total.all, total.ran,
    total.all))
end
