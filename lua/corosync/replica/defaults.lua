-- Defaults for options of replicas. If a host sets `storage_folder`, each replica without the option `storage` has a
-- file in that folder, unless it is an observer.
local defaults = { timeout = 10, patience = 5, window = 8192 }

local function escape(byte)
  return ("%%%02X"):format(byte:byte())
end

-- Returns the path of a replica's storage; nil for none.
function defaults.storage_path(name, options)
  local folder = not options.observer and defaults.storage_folder
  return options.storage or folder and ("%s/%s.db"):format(folder, (name:gsub("[^%w_.-]", escape))) or nil
end

return defaults
