-- Makes a path absolute, so that a script that changes the working folder does not move the file.
local uv = require "luv"

return function(path)
  local folder = path:sub(1, 1) ~= "/" and uv.cwd() -- nil if the folder was removed
  return folder and ("%s/%s"):format(folder, path) or path
end
