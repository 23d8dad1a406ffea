local unique = {
  name = "unique",
  guarantee = "A value that a script notes with `history.unique` is noted only once in the group.",
  messages = { repeated = "%s noted the %s %s, which %s had already noted (%s:%d)" },
}

function unique.on_unique(_, member, event)
  member.unique = member.unique or {}
  table.insert(member.unique, event)
end

local function name_of(member)
  return member.address or "a process that never joined"
end

-- `first` has the first note of each kind and value.
local function check_member(report, member, first)
  for _, event in ipairs(member.unique or {}) do
    local key = event[2] .. " " .. event[3]
    local other = first[key]
    if other then
      report:add(unique, "repeated", member, event.line, name_of(member), event[2], event[3], name_of(other.member),
        other.member.history.name, other.line)
    else
      first[key] = { member = member, line = event.line }
    end
  end
end

function unique.check(trace, report)
  local by_group = {}
  for _, member in ipairs(trace.members) do
    by_group[member.group] = by_group[member.group] or {}
    check_member(report, member, by_group[member.group])
  end
end

return unique
