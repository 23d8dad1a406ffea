-- The result of `cpgrun check`: printed, and as an exit status.
local log = require "cpgrun.log"

local report = {}

function report.say(...)
  print((...):format(select(2, ...)))
end

local say, count = report.say, log.count

local LISTS = { "violations", "invariants", "operations", "undecided", "notes", "differences", "ends", "leaks" }

function report.is_clean(session)
  for _, name in ipairs(LISTS) do
    if session[name][1] then
      return false
    end
  end
  return next(session.raised) == nil
end

local function print_problems(session)
  if session.violations[1] or session.invariants[1] or session.operations[1] then
    print "Rules that were violated (members as node:process id, messages as length:digest; see docs/testing.md):"
  end
  for _, name in ipairs(LISTS) do
    for _, problem in ipairs(session[name]) do
      print(problem)
    end
  end
  for text, times in pairs(session.raised) do
    say("The script raised an error (%s): %s", count(times, "time"), text)
  end
end

-- The verdict in one sentence.
local function verdict(session)
  if #session.violations > 0 then
    return "FAIL: ordering guarantees were violated."
  elseif #session.invariants > 0 then
    return "FAIL: the script's own invariants were violated."
  elseif #session.operations > 0 then
    return "FAIL: operations were not linearizable."
  end
  local found = {}
  found[#found + 1] = session.undecided[1] and "whether all operations were linearizable is undecided" or nil
  found[#found + 1] = session.notes[1] and "the script's notes of errors or usage violate a rule" or nil
  found[#found + 1] = next(session.raised) and "the script raised errors" or nil
  found[#found + 1] = session.differences[1] and "its members settled with different states" or nil
  found[#found + 1] = session.ends[1] and "it did not exit cleanly" or nil
  found[#found + 1] = session.leaks[1] and "it leaks descriptors" or nil
  return "No ordering violations" .. (found[1] and ", but " .. table.concat(found, ", and ") or "") .. "."
end

local function print_known_fault(name, number)
  say("known fault of Corosync: %s, %s (see docs/testing.md)", name, count(number, "time"))
end

local function print_figures(session, seed)
  local figures = session.figures
  say("%s, %s, %s, %s, %s sent, %d delivered; seed %d", count(session.trials, "trial"),
    count(session.faults.count, "fault"), count(figures.lives or 0, "member"),
    count(figures.configurations or 0, "configuration"), count(figures.messages or 0, "message"),
    figures.deliveries or 0, seed)
  if (figures.operations or 0) > 0 then
    say("%s on shared objects, checked by the rule linearizable", count(figures.operations, "operation"))
  end
  if (figures.claims or 0) > 0 then
    say("%s of the script's own invariants, checked by the rules unique and exclusive", count(figures.claims, "note"))
  end
  if session.compared > 0 then
    say("The states that the script reported after 'settle' were compared %s.", count(session.compared, "time"))
  else
    say "The script did not reply to 'settle' (see docs/checking.md), so its states were not compared."
  end
  for name, number in pairs(session.exempted) do
    print_known_fault(name, number)
  end
  if session.faults.storms > 0 then
    print_known_fault("daemons that form no ring", session.faults.storms)
  end
  if session.trials > 0 and (figures.messages or 0) == 0 then
    print "The script sent nothing, so no order of messages was checked."
  end
end

-- Prints all of it and returns the exit status.
function report.print(session, seed)
  if session.unable then
    log.error("the script failed to start: %s", session.unable)
    return 2
  end
  local is_clean = report.is_clean(session)
  print_figures(session, seed)
  print_problems(session)
  if session.failure then
    say("The run failed before its last histories were checked: %s", session.failure)
  end
  if not is_clean or not session.failure then
    print(verdict(session))
  end
  if is_clean and not session.failure then
    return 0
  end
  say("The histories, the scripts' output and Corosync's logs are in %s", session.folder)
  if session.drawing then
    say("The histories are drawn in %s", session.drawing)
  end
  return is_clean and 2 or 1
end

return report
