-- A member of a replica with storage. Writers submit numbers, each the next one when the last was confirmed, and print
-- "confirmed WRITER NUMBER INDEX". Arguments: the replica's name, the path of the storage, the name of this run (each
-- start's own), how many writers, how many bytes are added to each command, and the patience. Standard input: lines of
-- Lua.
local replica = require "corosync.replica"

io.stdout:setvbuf "line"
local name, path, run, writers, padding = arg[1], arg[2], arg[3], tonumber(arg[4]), ("x"):rep(tonumber(arg[5] or "0"))
local compile = loadstring or load -- luacheck: ignore 113

-- luacheck: globals app journal show stop_writers
local message, code
app, message, code = replica(name, {
  storage = path,
  patience = tonumber(arg[6]),
  ready = function() print "ready" end,
  suspended = function(why) print("suspended", why) end,
  error = function(problem) print("problem", (problem:gsub("\n.*", ""))) end,
})
if not app then
  print("refused", code, message)
  os.exit(1)
end

-- The last number of each writer. What comes twice, or too early, or at an index that is not greater, is wrong.
journal = app:machine("journal", {
  initial = function() return { last = {}, count = 0, index = 0, wrong = 0 } end,
  apply = function(state, command, at)
    local expected = (state.last[command.writer] or 0) + 1
    if command.number ~= expected or at <= state.index then
      state.wrong = state.wrong + 1
    end
    state.last[command.writer], state.count, state.index = command.number, state.count + 1, at
    return at
  end,
})

-- Prints the state.
function show()
  local state, last = journal.state, {}
  for writer, number in pairs(state.last) do
    last[#last + 1] = ("%s=%.0f"):format(writer, number)
  end
  table.sort(last)
  print(("state %.0f %.0f %.0f %s"):format(state.count, state.wrong, state.index, table.concat(last, " ")))
end

local is_over = false

function stop_writers()
  is_over = true
end

-- After an uncertain result the writer's next number is not known: another one goes on.
local function write(writer, attempt)
  local own, number = ("%s.%d.%d"):format(run, writer, attempt), 0
  local result, _, problem
  repeat
    number = number + 1
    result, _, problem = journal:submit { writer = own, number = number, padding = padding }
    if result then
      print(("confirmed %s %d %.0f"):format(own, number, result))
    end
  until not result or is_over
  if not is_over then
    print("failed", problem)
    return write(writer, attempt + 1)
  end
  print "stopped"
end

for writer = 1, writers do
  coroutine.wrap(write)(writer, 1)
end

dofile "spec/helpers/clients/run_lines.lua"(compile)
