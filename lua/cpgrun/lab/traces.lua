-- The traces of a lab's nodes, in a temporary folder, and the page that is drawn from them.
local drawing = require "cpgrun.drawing"
local follower = require "cpgrun.check.history_follower"
local uv = require "luv"

local Traces = {}
Traces.__index = Traces

-- The file of a node. Its scripts append to it one after another.
function Traces:of(node)
  return ("%s/node%d"):format(self.folder, node)
end

local function files_of(self, nodes)
  local paths = {}
  for node = 1, nodes do
    paths[#paths + 1] = uv.fs_stat(self:of(node)) and self:of(node)
  end
  return paths
end

function Traces:remove()
  for _, path in ipairs(follower.files_in(self.folder)) do
    os.remove(path)
  end
  uv.fs_rmdir(self.folder)
end

-- Writes the page and removes the traces. Returns true, or nil and a message.
function Traces:finish(nodes)
  local ok, message = drawing.write(files_of(self, nodes), self.page)
  self:remove()
  return ok and true, message
end

-- Returns the traces, or nil and a message.
return function(page)
  local ok, message = drawing.check(page)
  local folder
  if ok then
    folder, message = uv.fs_mkdtemp(uv.os_tmpdir() .. "/cpgrun-lab-XXXXXX")
  end
  if not folder then
    return nil, message
  end
  return setmetatable({ folder = folder, page = page }, Traces)
end
