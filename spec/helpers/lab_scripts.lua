-- Scripts with a lab in processes of their own, and the processes of a lab.
local assert = require "luassert"
local process = require "corosync.lab.process"
local tools = require "corosync.lab.tools"
local uv = require "luv"

local HERE = uv.cwd()

local function read(path)
  local file = io.open(path)
  local text = file and file:read("*a")
  if file then file:close() end
  return text
end

-- The pids of all processes of a lab. A zombie has no environment.
local function processes_of(id)
  local found = {}
  local directory = assert(uv.fs_scandir("/proc"))
  for name in function() return uv.fs_scandir_next(directory) end do
    local environment = name:match("^%d+$") and read("/proc/" .. name .. "/environ")
    if environment and environment:find("COROSYNC_LAB=" .. id .. "\0", 1, true) then found[#found + 1] = name end
  end
  return found
end

local function script(body, modules)
  modules = modules or HERE .. "/lua"
  return ("package.path = %q .. package.path\n"):format(modules .. "/?.lua;" .. modules .. "/?/init.lua;")
    .. "local uv, lab = require 'luv', require 'corosync.lab'\nio.stdout:setvbuf('line')\n" .. body
end

-- A Lua process of its own, outside every lab, with `before` (an array) in front of its command, and our modules from
-- the checkout or another folder.
local function start_script(body, before, modules)
  local argv = {}
  for i, word in ipairs(before or {}) do argv[i] = word end
  argv[1] = argv[1] and tools.find(argv[1])
  for _, word in ipairs { uv.exepath(), "-e", script(body, modules) } do argv[#argv + 1] = word end
  return assert(process.spawn(argv, { env = tools.environment() }))
end

return {
  read = read,
  processes_of = processes_of,
  script = script,
  start_script = start_script,
}
