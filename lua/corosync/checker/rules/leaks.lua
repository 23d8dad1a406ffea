local leaks = {
  name = "leaks",
  guarantee = "A script that notes its usage never has more descriptors open than at first, nor more memory than "
    .. "twice the first value plus 2000 kB.",
  messages = {
    descriptors = "%s descriptors are open, after %s at first",
    memory = "%s kB of memory are used, after %s kB at first",
  },
}

function leaks.on_usage(report, member, event)
  local descriptors, kilobytes = event[2], event[3]
  local first = member.first_usage
  if not first then
    member.first_usage = event
  elseif tonumber(descriptors) > tonumber(first[2]) then
    report:add(leaks, "descriptors", member, event.line, descriptors, first[2])
  elseif tonumber(kilobytes) > 2 * tonumber(first[3]) + 2000 then
    report:add(leaks, "memory", member, event.line, kilobytes, first[3])
  end
end

return leaks
