-- `cpgrun members`: lists the members of a group without joining it.
local errors = require "corosync.errors"
local json = require "cpgrun.json"
local log = require "cpgrun.log"
local session = require "cpgrun.commands.session"

return function(options)
  local members, message, code = session.members(options.group)
  if not members then
    return session.failed(message, code)
  end
  local list = {}
  for i, address in ipairs(members) do
    list[i] = { node = address.node, pid = address.pid }
    if not options.json then
      print(tostring(address))
    end
  end
  if options.json then
    print(#list > 0 and json.encode(list) or "[]")
  end
  if #list == 0 then
    log.warning("group %s has no members", errors.quote(options.group))
    return session.NO
  end
  return 0
end
