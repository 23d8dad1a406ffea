-- The processes that a lab has started: daemons and programs.
local tools = require "corosync.lab.tools"

local children = {}

function children.is_alive(child)
  return child ~= nil and not child.ended
end

local function adopt(cluster, child)
  for i = #cluster.children, 1, -1 do
    if cluster.children[i].exited then
      table.remove(cluster.children, i)
    end
  end
  cluster.children[#cluster.children + 1] = child
  return child
end

-- The variables of a process in the lab.
function children.environment(cluster, extra)
  local env = { COROSYNC_LAB = cluster.id }
  for name, value in pairs(extra or {}) do
    env[name] = value
  end
  return tools.environment(env)
end

function children.start_daemon(cluster, node)
  local process, message, code = cluster.daemons[node]:start(cluster.namespaces, children.environment(cluster))
  if not process then
    return nil, message, code
  end
  adopt(cluster, process)
  return true
end

-- Starts a program in a node. `options`: as for `spawn` of namespaces.lua.
function children.start_program(cluster, node, argv, options)
  local child, message, code = cluster.namespaces:spawn(node, argv, options)
  if not child then
    return nil, message, code
  end
  return adopt(cluster, child)
end

function children.kill(process, signal, seconds, what)
  process:kill(signal)
  if process:wait(seconds) then
    return true
  end
  return nil, ("%s (pid %d) did not exit within %g s of %s"):format(what, process.pid, seconds, signal:upper()),
    "timeout"
end

function children.are_gone(cluster)
  for _, child in ipairs(cluster.children) do
    if not child.exited then
      return false
    end
  end
  return true
end

return children
