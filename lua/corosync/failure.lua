-- What a method of a group answers when it has failed at something.
local quoted = require "corosync.quoted"

return function(what, group, why, code)
  return nil, ("cannot %s group %s: %s"):format(what, quoted(group.name), why), code
end
