-- Options that name a lua_shared_dict of nginx.conf.
local errors = require "corosync.errors"

local shared_dict = {}

-- Returns the dictionary that a field of the options names. Raises if nginx does not have it.
function shared_dict.of(options, field)
  local dict = ngx.shared[options[field]]
  if not dict then
    errors.raise("bad argument #2 'options' to 'new' (field '%s': there is no lua_shared_dict '%s')", field,
      options[field])
  end
  return dict
end

return shared_dict
