local exclusive = {
  name = "exclusive",
  guarantee = "A name that scripts note with `history.holds` is held by one member at a time, with a token greater "
    .. "than those of all earlier holders.",
  messages = {
    together = "%s holds %s with the token %s, while %s holds it with the token %s (%s:%d)",
    not_greater = "%s holds %s with the token %s, after %s held it with the token %s (%s:%d)",
    unreleased = "%s holds %s with the token %s, but has not released it with the token %s",
    not_held = "%s released %s, which it did not hold",
  },
}

local function keep(_, member, event)
  member.holding = member.holding or {}
  table.insert(member.holding, event)
end

exclusive.on_holds, exclusive.on_released = keep, keep

local function name_of(member)
  return member.address or "a process that never joined"
end

-- Notes of one member, which has the open holds in `open`, by name. Adds a new hold to `holds`.
local note = {}

function note.holds(report, member, event, open, holds)
  local time, name, token = tonumber(event[2]), event[3], event[4]
  local present = open[name]
  if present and present.token == token then
    present.ended = time
    return
  elseif present then
    report:add(exclusive, "unreleased", member, event.line, name_of(member), name, token, present.token)
  end
  open[name] = { member = member, name = name, token = token, began = time, ended = time, line = event.line }
  table.insert(holds, open[name])
end

function note.released(report, member, event, open)
  local time, name = tonumber(event[2]), event[3]
  if open[name] then
    open[name].ended, open[name] = time, nil
  else
    report:add(exclusive, "not_held", member, event.line, name_of(member), name)
  end
end

-- By group and name: the holds of all members. One that was not released lasts until the last note of it.
local function all_holds(trace, report)
  local all = {}
  for _, member in ipairs(trace.members) do
    local open, holds = {}, {}
    for _, event in ipairs(member.holding or {}) do
      note[event[1]](report, member, event, open, holds)
    end
    for _, hold in ipairs(holds) do
      local key = member.group .. "\0" .. hold.name
      all[key] = all[key] or {}
      table.insert(all[key], hold)
    end
  end
  return all
end

local function add(report, message, hold, other)
  report:add(exclusive, message, hold.member, hold.line, name_of(hold.member), hold.name, hold.token,
    name_of(other.member), other.token, other.member.history.name, other.line)
end

-- It suffices to compare with the earlier hold that ended last, and with the one with the greatest token.
local function check_name(report, holds)
  table.sort(holds, function(one, other) return one.began < other.began end)
  local last, greatest
  for _, hold in ipairs(holds) do
    if last and last.ended > hold.began and last.member ~= hold.member then
      add(report, "together", hold, last)
    elseif greatest and tonumber(greatest.token) >= tonumber(hold.token) then
      add(report, "not_greater", hold, greatest)
    end
    last = last and last.ended > hold.ended and last or hold
    greatest = greatest and tonumber(greatest.token) > tonumber(hold.token) and greatest or hold
  end
end

function exclusive.check(trace, report)
  for _, holds in pairs(all_holds(trace, report)) do
    check_name(report, holds)
  end
end

return exclusive
