-- The cost of a message in our code and in Lua, in instructions, which do not depend on the machine's load. Corosync's
-- libraries, libc and the garbage collector are not counted. Compares the result with bench/instructions/kept.txt for
-- the same compiler and Lua, and fails when a count has grown by more than LIMIT; with KEEP=yes it writes that file.
--
--   make bench-instructions [KEEP=yes]
local lab = require "corosync.lab"

local KEPT = "bench/instructions/kept.txt"
local LUA = os.getenv "LUA"
local LIMIT = 0.05
local TIMEOUT = 300 -- seconds
local RUNS = 5 -- at most: a stall under valgrind makes handlers lag, which costs events more, so the least counts

local function output_of(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read "*a"
  pipe:close()
  return text
end

-- Instructions by the object's file name. A line after "calls=" is the cost of a call, which counts in the called
-- object.
local function costs_of(path)
  local by_object, names, object, is_call, title = {}, {}, nil, false, nil
  for line in io.lines(path) do
    local id, name = line:match "^ob=(%(%d+%)) ?(.*)"
    local cost = line:match "^[%d+*-]%S* (%d+)"
    title = title or line:match "^desc: Trigger: Client Request: (.*)"
    if id then
      names[id] = name ~= "" and name or names[id]
      object = names[id]:match "[^/]*$"
    elseif line:find "^cob=" then
      local called, its_name = line:match "^cob=(%(%d+%)) ?(.*)"
      names[called] = its_name ~= "" and its_name or names[called]
    elseif line:find "^calls=" then
      is_call = true
    elseif cost then
      if not is_call then
        by_object[object] = (by_object[object] or 0) + tonumber(cost)
      end
      is_call = false
    end
  end
  return title, by_object
end

local function is_ours(object)
  return object == "core.so" or object:find "^l?i?b?lua" ~= nil
end

-- Reads valgrind's files: an array of { kind, instructions per message }, sorted by name.
local function read_all(folder)
  local found = {}
  for path in output_of("ls " .. folder .. "/*"):gmatch "%S+" do
    local title, by_object = costs_of(path)
    if title then
      local kind, count = title:match "^(.*) (%d+)$"
      local sum = 0
      for object, cost in pairs(by_object) do
        sum = sum + (is_ours(object) and cost or 0)
      end
      found[#found + 1] = { kind, sum / tonumber(count) }
    end
  end
  table.sort(found, function(one, other) return one[1] < other[1] end)
  return found
end

local function count_all()
  local folder = output_of("mktemp -d"):match "%S+"
  local cluster = assert(lab.start(1))
  local code, out, err = cluster:command(1, { "valgrind", "--tool=callgrind", "--collect-atstart=no",
    "--log-file=/dev/null", "--callgrind-out-file=" .. folder .. "/out", LUA, "bench/instructions/measured.lua" },
    TIMEOUT)
  assert(cluster:stop())
  assert(code == 0, ("%s%s"):format(out or "", err or ""))
  local found = read_all(folder)
  os.execute("rm -r " .. folder)
  return found
end

-- The versions on which the figures depend, besides our sources.
local function machine()
  local compiler = output_of((os.getenv "CC" or "cc") .. " --version"):match "[^\n]*"
  local architecture, lua = output_of "uname -m", output_of(LUA .. " -v 2>&1")
  return ("%s, %s, %s"):format(compiler, architecture:match "%S+", lua:match "Lua%S* %S+")
end

local function read_kept()
  local file, kept = io.open(KEPT), {}
  if not file then
    return nil, kept
  end
  local of = file:read "*l"
  for line in file:lines() do
    local cost, kind = line:match "^(%d+) (.*)"
    kept[kind] = tonumber(cost)
  end
  file:close()
  return of, kept
end

local function keep(found)
  local file = assert(io.open(KEPT, "w"))
  file:write(machine(), "\n")
  for _, each in ipairs(found) do
    file:write(("%.0f %s\n"):format(each[2], each[1]))
  end
  file:close()
end

local function has_grown(kind, cost, kept)
  return kept[kind] ~= nil and cost > kept[kind] * (1 + LIMIT)
end

-- Prints a line for each kind. Returns how many have grown.
local function compare(found, kept)
  local grown = 0
  for _, each in ipairs(found) do
    local kind, cost = each[1], each[2]
    local before, too_much = kept[kind], has_grown(kind, cost, kept)
    grown = grown + (too_much and 1 or 0)
    print(("%6.0f  %-45s %s%s"):format(cost, kind, before and ("kept: %d"):format(before) or "",
      too_much and "  GROWN" or ""))
  end
  return grown
end

-- Whether any has.
local function have_grown(found, kept)
  for _, each in ipairs(found) do
    if has_grown(each[1], each[2], kept) then return true end
  end
  return false
end

-- The least of each kind. Counts again while it is too much, or if it is to be kept.
local function count_often(kept)
  local least = count_all()
  for _ = 2, RUNS do
    if not os.getenv "KEEP" and not have_grown(least, kept) then break end
    for i, each in ipairs(count_all()) do
      least[i][2] = math.min(least[i][2], each[2])
    end
  end
  return least
end

local of, kept = read_kept()
if of ~= machine() then
  kept = {}
end
local found = count_often(kept)
if os.getenv "KEEP" then
  keep(found)
elseif of ~= machine() then
  print("The figures kept are of another compiler or Lua, and not compared:")
  print(("kept: %s\nhere: %s"):format(tostring(of), machine()))
end
print "instructions a message, in the binding and in Lua"
local grown = compare(found, kept)
if grown > 0 then
  print(("%d have grown by more than %g %%: mend that, or keep them with KEEP=yes and say why"):format(grown,
    LIMIT * 100))
  os.exit(1)
end
