-- The control socket of a running host, for `cpgrun status` and `cpgrun attach`.
local connection = require "cpgrun.socket.connection"
local errors = require "corosync.errors"
local folder = require "cpgrun.socket.folder"
local json = require "cpgrun.json"
local listener = require "cpgrun.listener"
local log = require "cpgrun.log"
local protocol = require "cpgrun.socket.protocol"
local status = require "cpgrun.status"
local uv = require "luv"

local socket = {}

local MOST_CONNECTIONS = 8

local commands = {}

function commands.status(client)
  client:finish { ok = true, status = status.snapshot() }
end

function commands.evaluate(client, request)
  require("cpgrun.socket.evaluation").run(request.text, function(text)
    if text ~= "" then
      client:write { output = text }
    end
  end, function(ok, problem, is_incomplete)
    client:finish { ok = ok, error = problem, incomplete = is_incomplete }
  end)
end

function commands.complete(client, request)
  client:finish { ok = true, words = require "cpgrun.socket.completion"(request.text) }
end

local TAKES_TEXT = { evaluate = true, complete = true }

local function handle(client, request)
  local command = request.command
  if request.version ~= protocol.VERSION then
    client:finish { ok = false, error = ("the script's cpgrun has version %d of the protocol: use the cpgrun that runs "
      .. "the script"):format(protocol.VERSION) }
  elseif type(command) ~= "string" or not commands[command] then
    client:finish { ok = false, error = "there is no such command" }
  elseif TAKES_TEXT[command] and type(request.text) ~= "string" then
    client:finish { ok = false, error = "the field 'text' is missing" }
  else
    commands[command](client, request)
  end
end

local open -- the server: listener, path, pid, connections and their number

-- Only this user and root may connect.
local function may_connect(native, pipe)
  local user = native.peer_user(pipe:fileno())
  return user == uv.getuid() or user == 0
end

local function accept(native, pipe)
  local client, server = nil, open
  if not server or server.count >= MOST_CONNECTIONS or not may_connect(native, pipe) then
    return pipe:close()
  end
  server.count = server.count + 1
  client = connection.new(pipe, handle, function()
    server.count, server.connections[client] = server.count - 1, nil
  end)
  server.connections[client] = true
end

-- Listens under another name first, so that no process takes the socket for a stale one.
local function listen(native, path, pid)
  local hidden = path:gsub("sock$", "new")
  local function opened()
    local ok, problem = uv.fs_chmod(hidden, folder.PRIVATE_FILE)
    if ok then
      ok, problem = uv.fs_rename(hidden, path)
    end
    return ok, problem
  end
  local server, problem = listener.open({ path = hidden, text = path, opened = opened }, function(pipe)
    accept(native, pipe)
  end)
  if not server then
    return nil, problem
  end
  open = { listener = server, path = path, pid = pid, connections = {}, count = 0 }
  return true
end

local function warn(path, problem)
  log.warning("cannot open a control socket in %s: %s; cpgrun status and cpgrun attach will not find this script: "
    .. "select another folder with --socket, or use --socket none", errors.quote(path), problem)
end

-- Processes that were killed leave their sockets behind.
local function remove_stale(path, own_path)
  for _, each in ipairs(folder.list(path)) do
    if each.path ~= own_path then
      listener.remove_stale(each.path, function() end)
    end
  end
end

--- Prepares the folder, before the change of user. Returns its path, or nil if there will be no socket.
function socket.prepare(options, native)
  if options.socket == "none" or options.check then
    return nil
  elseif not json.is_installed() then
    log.debug "no control socket: the Lua module dkjson is missing (Debian: lua-dkjson)"
    return nil
  end
  local user = options.user and native.user_id(options.user) or uv.getuid()
  local path, problem = folder.prepare(options.socket, user)
  if problem then
    warn(path, problem)
    return nil
  elseif not path then
    log.debug "no control socket: XDG_RUNTIME_DIR is not set; see --socket"
  end
  return path
end

--- Opens the socket in the folder. To be called after the change of user.
function socket.open(path, native)
  local pid = math.floor(uv.os_getpid())
  local name, problem = folder.socket(path, log.script, pid)
  local ok = name
  if ok then
    ok, problem = listen(native, name, pid)
  end
  if not ok then
    return warn(path, problem)
  end
  log.debug("control socket: %s", name)
  remove_stale(path, name)
end

--- Closes and removes the socket, except in a forked child.
function socket.close()
  local present = open
  if not present or present.pid ~= uv.os_getpid() then
    return
  end
  open = nil
  uv.fs_unlink(present.path)
  present.listener.close()
  for client in pairs(present.connections) do
    client:close()
  end
end

return socket
