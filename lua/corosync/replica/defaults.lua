-- Options of replicas that the script does not give. A host may set `storage_folder`: there replicas without the option
-- `storage` have a file each, unless they are observers.
local defaults = { timeout = 10, patience = 5, window = 8192 }

local function escape(byte)
  return ("%%%02X"):format(byte:byte())
end

-- The path of a replica's storage; nil for none.
function defaults.storage_path(name, options)
  local folder = not options.observer and defaults.storage_folder
  return options.storage or folder and ("%s/%s.db"):format(folder, (name:gsub("[^%w_.-]", escape))) or nil
end

return defaults
